"""Packs the AWS API models into models.json.gz beside this script.

    python3 pack.py                            add the operations of extra.txt that models.json.gz lacks
    python3 pack.py service:Operation...       the same, after adding these lines to extra.txt
    python3 pack.py /work/shared/facts/aws-api  make it anew: every model of the folder, and extra.txt

An operation that the sandbox shall answer (or a control calls) needs its model here. Most come from the folder above:
one JSON file per service, cut out of botocore's service models. **What the folder lacks is a line of extra.txt**,
`service:Operation` with botocore's folder name for the service (`logs`, `events`, `elbv2`), also for a service that the
folder has not at all. Such models are taken from botocore, so run it with a Python that has botocore:

    <venv of tests/contract>/bin/python src/sandbox/models/pack.py kms:EnableKey sns:Unsubscribe

Where both know a shape, the one that is there stays; a line `service:=Shape` takes that shape anew from botocore (it grew
a value or a member since). Two branches that both packed: merge, take either models.json.gz
(`git checkout --theirs src/sandbox/models/models.json.gz`), run `pack.py` without arguments (extra.txt merges by lines).

The output is a sequence of gzip members, so that a program can read one service without the others (`zcat` shows
them all):

    member 0    index: {service: {"metadata": .., "offset": .., "length": ..}}, offsets from the end of member 0
    member 1..  one service each: {"operations": .., "shapes": ..}

Beside it `pack.py --names` writes rest.json.gz, `{service: [[operation, method, path], ..]}` of all operations of the REST
services that are packed: so that the 501 for one that is not simulated can name it.

Documentation text and what the sandbox does not read stay out. The bytes depend on the input alone.
"""

import gzip
import json
import pathlib
import sys
import zlib

HERE = pathlib.Path(__file__).parent
PACKED = HERE / "models.json.gz"
EXTRA = HERE / "extra.txt"
NAMES = HERE / "rest.json.gz"

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


def service(model):
    return {
        "metadata": keep(model["metadata"], METADATA),
        "operations": {name: operation(o) for name, o in model["operations"].items()},
        "shapes": {name: shape(s) for name, s in model["shapes"].items()},
    }


def unpack(packed):
    """What `pack` wrote: the same services."""
    decoder = zlib.decompressobj(wbits=31)
    index = json.loads(decoder.decompress(packed))
    body, services = decoder.unused_data, {}
    for name, entry in index.items():
        member = body[entry["offset"]:entry["offset"] + entry["length"]]
        services[name] = {"metadata": entry["metadata"], **json.loads(gzip.decompress(member))}
    return services


def from_folder(folder):
    return {path.stem: service(json.loads(path.read_text())) for path in sorted(pathlib.Path(folder).glob("*.json"))}


def extras():
    """Lines of extra.txt, without comments."""
    lines = (line.split("#")[0].strip() for line in EXTRA.read_text().splitlines())
    return sorted({line for line in lines if line})


def add_extra(lines):
    known = extras()
    new = sorted(set(lines) - set(known))
    if new:
        EXTRA.write_text(EXTRA.read_text().rstrip("\n") + "\n" + "\n".join(new) + "\n")


def references(value):
    """Names of the shapes that an operation or a shape, as they are packed, leads to."""
    inner = [value.get(name) for name in ("input", "output", "key", "member", "value")]
    inner += value.get("members", {}).values()
    return [reference["shape"] for reference in inner if reference] + value.get("errors", [])


def add(services, name, action):
    """Takes one operation, and the shapes that it reaches, from botocore."""
    if action in services.get(name, {}).get("operations", {}):
        return
    model = botocore(name)
    if action not in model["operations"]:
        sys.exit(f"{name}:{action}: botocore has no such operation")
    known = services.setdefault(name, {"metadata": model["metadata"], "operations": {}, "shapes": {}})
    known["operations"][action] = model["operations"][action]
    reach(known, model, references(model["operations"][action]))


def renew(services, name, shape):
    """Takes one shape anew from botocore, with the shapes that it reaches and that are not there yet."""
    model = botocore(name)
    services[name]["shapes"][shape] = model["shapes"][shape]
    reach(services[name], model, references(model["shapes"][shape]))


def botocore(name):
    """Botocore's model of a service, as it is packed."""
    from botocore.loaders import Loader

    return service(Loader().load_service_model(name, "service-2"))


def reach(known, model, open_names):
    """Adds the shapes of these names, and those that they lead to."""
    while open_names:
        found = open_names.pop()
        if found not in known["shapes"]:
            known["shapes"][found] = model["shapes"][found]
            open_names += references(model["shapes"][found])


def compress(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return gzip.compress(text, compresslevel=9, mtime=0)


def pack(services):
    index, body = {}, b""
    for name, model in sorted(services.items()):
        member = compress({"operations": model["operations"], "shapes": model["shapes"]})
        index[name] = {"metadata": model["metadata"], "offset": len(body), "length": len(member)}
        body += member
    return compress(index) + body


def names():
    """Every operation of the REST services, as botocore knows them: their requests do not say what they are called."""
    from botocore.loaders import Loader

    found = {}
    for name, known in sorted(unpack(PACKED.read_bytes()).items()):
        if not known["metadata"]["protocol"].startswith("rest-"):
            continue
        operations = Loader().load_service_model(name, "service-2")["operations"]
        found[name] = [[o, m["http"]["method"], m["http"]["requestUri"]] for o, m in sorted(operations.items())]
    NAMES.write_bytes(compress(found))
    count = sum(len(operations) for operations in found.values())
    print(f"{NAMES}: {len(found)} services, {count} operations, {NAMES.stat().st_size} bytes")


def main(arguments):
    if arguments == ["--names"]:
        return names()
    folders = [argument for argument in arguments if ":" not in argument]
    add_extra(argument for argument in arguments if ":" in argument)
    services = from_folder(folders[0]) if folders else unpack(PACKED.read_bytes())
    for line in extras():
        name, _, what = line.partition(":")
        if what.startswith("="):
            renew(services, name, what[1:])
        else:
            add(services, name, what)
    PACKED.write_bytes(pack(services))
    count = sum(len(model["operations"]) for model in services.values())
    print(f"{PACKED}: {len(services)} services, {count} operations, {PACKED.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
