#!/usr/bin/env python3
"""Makes `cis.toml` and `requirements.tsv` of this folder from the project's collection of facts.

    src/compliance/pack.py ../shared/facts

`cis.toml` is taken over with its comments. `requirements.tsv` has a row for each requirement: id, class (P, C, V, D), source,
what is asked for. The texts are in the collection's own words; no benchmark's text is in them.
"""

import re
import sys
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


def main(facts: Path) -> None:
    (HERE / "cis.toml").write_text((facts / "cis.toml").read_text())
    rows = requirements((facts / "requirements.md").read_text())
    (HERE / "requirements.tsv").write_text("\n".join(rows) + "\n")
    print(f"{len(rows)} requirements")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
