"""Our evaluator of policies against another's, on the same cases (`evaluator/cases.json`).

The judge is `@cloud-copilot/iam-simulate` (npm, AGPL-3.0): a program of its own that only this test runs; nothing of it is
shipped. `evaluator/differences.toml` names each case in which the two disagree, with what AWS's documentation says.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "evaluator"
LARGEST_SHARE = 0.05


def installed() -> Path:
    """The folder with the judge; installed once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orgbase/evaluator"
    wanted = (HERE / "package.json").read_text()
    made = cache / "package.json"
    if not (cache / "node_modules").is_dir() or not made.is_file() or made.read_text() != wanted:
        cache.mkdir(parents=True, exist_ok=True)
        made.write_text(wanted)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=cache, check=True,
                       capture_output=True, timeout=300)
    return cache


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js and npm")
def test_verdicts_agree() -> None:
    cases = {case["number"]: case for case in json.loads((HERE / "cases.json").read_text())}
    asked = subprocess.run(["node", HERE / "judge.mjs", HERE / "cases.json", installed()], check=True,
                           capture_output=True, text=True, timeout=300)
    answers = [json.loads(line) for line in asked.stdout.splitlines()]
    assert len(answers) == len(cases) >= 300
    # The judge does not take every document (an RCP with NotAction): those cases are left out.
    taken = [answer for answer in answers if answer["verdict"] != "error"]
    assert len(taken) >= 0.95 * len(cases), [a for a in answers if a["verdict"] == "error"][:3]
    differing = {a["number"]: a["verdict"] for a in taken if a["verdict"] != cases[a["number"]]["verdict"]}
    listed = tomllib.loads((HERE / "differences.toml").read_text()).get("difference", [])
    known = {number for row in listed for number in row["cases"]}
    assert all(row["quote"] and row["source"] for row in listed)
    new = {n: (cases[n]["verdict"], theirs) for n, theirs in differing.items() if n not in known}
    assert not new, f"disagreements that differences.toml does not list (ours, theirs): {new}"
    assert known <= set(differing), f"these agree: {sorted(known - set(differing))}"
    assert len(differing) < LARGEST_SHARE * len(cases)
