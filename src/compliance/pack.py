#!/usr/bin/env python3
"""Makes `cis.toml`, `requirements.tsv` and `filters.tsv` of this folder from the project's collection of facts.

    src/compliance/pack.py ../shared/facts

`cis.toml` is taken over with its comments. `requirements.tsv` has a row for each requirement: id, class (P, C, V, D), source,
what is asked for. `filters.tsv` has the filter patterns that meet the monitoring rules: rule number of version 1.2.0 (or the key of
a later rule) and pattern, as the benchmark's versions, Security Hub and we write it. The texts are in the collection's own words; no benchmark's text is in them.
"""

import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROW = re.compile(r"^\| ([A-Z]{3}-\d{3}) \| (.*?) \| ([PCVD]) \| ")


def requirements(text: str) -> list[str]:
    rows, source = [], ""
    for line in text.splitlines():
        if line.startswith("## "):
            source = line.removeprefix("## ").strip()
        if found := ROW.match(line):
            name, title, kind = found.groups()
            rows.append(f"{name}\t{kind}\t{source}\t{title.strip()}")
    return rows


def filters(text: str) -> list[str]:
    rows = []
    for one in tomllib.loads(text)["filter"]:
        rule = one["cis"].get("1.2.0") or "organizations-alarm"
        patterns = {v.strip(): None for v in one.values() if isinstance(v, str) and v.strip().startswith("{")}
        # Known to match every event: whoever has it has no alarm.
        broken = one.get("cis_1_4_to_3_0", "").strip() if one["key"] == "unauthorized-api-calls" else ""
        rows += [f"{rule}\t{pattern}" for pattern in patterns if pattern != broken]
    return rows


def main(facts: Path) -> None:
    (HERE / "cis.toml").write_text((facts / "cis.toml").read_text())
    rows = requirements((facts / "requirements.md").read_text())
    (HERE / "requirements.tsv").write_text("\n".join(rows) + "\n")
    patterns = filters((facts / "metric-filters.toml").read_text())
    (HERE / "filters.tsv").write_text("\n".join(patterns) + "\n")
    print(f"{len(patterns)} filter patterns, {len(rows)} requirements")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
