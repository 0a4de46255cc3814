"""Packs the AWS API models into models.json.gz beside this script.

    python3 src/sandbox/models/pack.py /work/shared/facts/aws-api

The input is one JSON file per service, cut out of botocore's service models. The output is a sequence of gzip
members, so that a program can read one service without the others (`zcat` shows them all):

    member 0    index: {service: {"metadata": .., "offset": .., "length": ..}}, offsets from the end of member 0
    member 1..  one service each: {"operations": .., "shapes": ..}

Documentation text and what the sandbox does not read stay out. The bytes depend on the input alone.
"""

import gzip
import json
import pathlib
import sys

METADATA = ("endpointPrefix", "jsonVersion", "protocol", "protocols", "signingName", "targetPrefix", "xmlNamespace")
OPERATION = ("errors", "http", "input", "output", "readonly")
SHAPE = (
    "document", "enum", "error", "exception", "fault", "flattened", "key", "locationName", "max", "member", "members",
    "min", "pattern", "payload", "required", "timestampFormat", "type", "union", "value", "xmlNamespace",
)
MEMBER = (
    "flattened", "location", "locationName", "queryName", "shape", "streaming", "timestampFormat", "xmlAttribute",
    "xmlNamespace", "resultWrapper",
)


def keep(source, names):
    return {name: source[name] for name in names if name in source}


def operation(source):
    kept = keep(source, OPERATION)
    kept["errors"] = [error["shape"] for error in kept.get("errors", [])]
    for side in ("input", "output"):
        if side in kept:
            kept[side] = keep(kept[side], MEMBER)
    return kept


def shape(source):
    kept = keep(source, SHAPE)
    for reference in ("key", "member", "value"):
        if reference in kept:
            kept[reference] = keep(kept[reference], MEMBER)
    if "members" in kept:
        kept["members"] = {name: keep(member, MEMBER) for name, member in kept["members"].items()}
    return kept


def pack(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return gzip.compress(text, compresslevel=9, mtime=0)


def main(folder):
    index, body = {}, b""
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        model = json.loads(path.read_text())
        member = pack({
            "operations": {name: operation(o) for name, o in model["operations"].items()},
            "shapes": {name: shape(s) for name, s in model["shapes"].items()},
        })
        index[path.stem] = {"metadata": keep(model["metadata"], METADATA), "offset": len(body), "length": len(member)}
        body += member
    target = pathlib.Path(__file__).with_name("models.json.gz")
    target.write_bytes(pack(index) + body)
    print(f"{target}: {len(index)} services, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
