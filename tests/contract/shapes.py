"""Judges raw replies by botocore's models: no member that the model does not know, none of the required ones missing.

botocore's own parsers ignore what they do not expect; a client in another language may not.
"""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

XML_PROTOCOLS = {"query", "ec2", "rest-xml"}
ELSEWHERE = {"header", "headers", "statusCode"}


class Judge:
    """Registered on clients; collects what is wrong with replies."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.judged: set[str] = set()

    def watch(self, client: Any) -> Any:
        client.meta.events.register("before-parse", self.on_reply)
        return client

    def on_reply(self, operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
        name = f"{operation_model.service_model.service_name}:{operation_model.name}"
        if response_dict["status_code"] >= 300:
            return
        self.judged.add(name)
        found = problems(operation_model, response_dict)
        self.problems += [f"{name}: {problem}" for problem in found]


def problems(operation: OperationModel, reply: dict[str, Any]) -> list[str]:
    shape, body = operation.output_shape, reply["body"]
    if shape is None or operation.has_streaming_output:
        return []
    return missing_headers(shape, reply["headers"]) + body_problems(operation, body)


def body_problems(operation: OperationModel, body: bytes) -> list[str]:
    """The same for a body alone."""
    shape = operation.output_shape
    if shape is None or operation.has_streaming_output:
        return []
    payload = shape.serialization.get("payload")
    if payload:
        shape = shape.members[payload]
        if not isinstance(shape, StructureShape):
            return []
    if operation.service_model.resolved_protocol in XML_PROTOCOLS and not body.startswith(b"{"):
        return xml_document(operation, shape, body) if body else []
    return plain(shape, json.loads(body) if body else {}, "")


def missing_headers(shape: StructureShape, headers: Any) -> list[str]:
    return [
        f"header {member.serialization['name']} is missing"
        for name, member in shape.members.items()
        if name in shape.required_members
        and member.serialization.get("location") == "header"
        and member.serialization["name"] not in headers
    ]


def in_body(shape: StructureShape) -> dict[str, Shape]:
    return {name: m for name, m in shape.members.items() if m.serialization.get("location") not in ELSEWHERE}


def plain(shape: Shape, value: Any, path: str) -> list[str]:
    """JSON."""
    if value is None:
        return [f"{path} is null"]
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            return [f"{path} is no structure"]
        members = {m.serialization.get("name", name): (name, m) for name, m in in_body(shape).items()}
        found = [f"unknown member {path}.{key}" for key in value if key not in members]
        found += [f"missing member {path}.{key}" for key, (name, _) in members.items()
                  if name in shape.required_members and key not in value]
        return found + [p for key in value if key in members for p in plain(members[key][1], value[key], f"{path}.{key}")]
    if isinstance(shape, ListShape):
        return [p for item in value for p in plain(shape.member, item, f"{path}[]")]
    if isinstance(shape, MapShape):
        return [p for item in value.values() for p in plain(shape.value, item, f"{path}{{}}")]
    kinds: dict[str, tuple[type, ...]] = {"string": (str,), "boolean": (bool,), "integer": (int,), "long": (int,),
                                          "float": (int, float), "double": (int, float)}
    expected = kinds.get(shape.type_name)
    if expected and (not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected)):
        return [f"{path} is {type(value).__name__}, not {shape.type_name}"]
    return []


def local(element: ElementTree.Element) -> str:
    return re.sub(r"^\{.*\}", "", element.tag)


def xml_document(operation: OperationModel, shape: Shape, body: bytes) -> list[str]:
    root = ElementTree.fromstring(body)
    protocol = operation.service_model.resolved_protocol
    if protocol == "query":
        wrapper = operation.output_shape.serialization.get("resultWrapper")
        unknown = [f"unknown element {local(e)}" for e in root if local(e) not in (wrapper, "ResponseMetadata")]
        inner = next((e for e in root if local(e) == wrapper), None)
        return unknown + (["no " + wrapper] if inner is None else xml(shape, inner, ""))
    skip = {"requestId", "RequestId"} if protocol == "ec2" else set()
    return xml(shape, root, "", skip)


def xml(shape: Shape, element: ElementTree.Element, path: str, skip: frozenset[str] | set[str] = frozenset()) -> list[str]:
    if isinstance(shape, StructureShape):
        members = {}
        for name, member in in_body(shape).items():
            if member.serialization.get("xmlAttribute"):
                continue
            members[element_name(name, member)] = (name, member)
        present = {local(child) for child in element}
        found = [f"unknown member {path}.{key}" for key in sorted(present - members.keys() - skip)]
        found += [f"missing member {path}.{key}" for key, (name, member) in members.items()
                  if name in shape.required_members and key not in present and not is_flat(member)]
        for child in element:
            if local(child) in members:
                member = members[local(child)][1]
                inner = member.member if is_flat(member) and isinstance(member, ListShape) else member
                found += xml(inner, child, f"{path}.{local(child)}")
        return found
    if isinstance(shape, ListShape) and not is_flat(shape):
        name = shape.member.serialization.get("name", "member")
        found = [f"unknown item {path}.{local(child)}" for child in element if local(child) != name]
        return found + [p for child in element for p in xml(shape.member, child, f"{path}[]")]
    if shape.type_name == "boolean" and (element.text or "") not in ("true", "false"):
        return [f"{path} is {element.text}, not a boolean"]
    return []


def element_name(name: str, member: Shape) -> str:
    if is_flat(member) and isinstance(member, ListShape):
        return member.member.serialization.get("name") or member.serialization.get("name") or name
    return member.serialization.get("name", name)


def is_flat(shape: Shape) -> bool:
    return bool(shape.serialization.get("flattened"))
