"""Names the AWS operation of a raw HTTP request, with botocore's models for what the request does not say itself."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import parse_qs, urlsplit

import botocore.session

# Signing names that are not the name of botocore's model.
MODELS = {"access-analyzer": "accessanalyzer", "monitoring": "cloudwatch", "aws-artifact": "artifact",
          "elasticfilesystem": "efs", "servicequotas": "service-quotas", "sso": "sso-admin"}
READS = ("Get", "List", "Describe", "Head", "Lookup", "BatchGet", "AssumeRole", "Search", "Simulate")


def is_write(operation: str) -> bool:
    return not operation.startswith(READS)


def name_of(signing_name: str, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[str, str]:
    """Service (IAM's word where it is the signing name) and operation."""
    if "x-amz-target" in headers:
        return signing_name, headers["x-amz-target"].rsplit(".", 1)[-1]
    rpc = re.match(r"/service/[^/]+/operation/(\w+)$", target)
    if rpc:
        return signing_name, rpc.group(1)
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        action = parse_qs(body.decode("utf-8", "replace")).get("Action")
        if action:
            return signing_name, action[0]
    return rest(signing_name, method, target, headers.get("host", ""))


def rest(signing_name: str, method: str, target: str, host: str) -> tuple[str, str]:
    url = urlsplit(target)
    query = set(parse_qs(url.query, keep_blank_values=True))
    path = url.path
    model = MODELS.get(signing_name, signing_name)
    if signing_name == "s3":
        model = "s3control" if "s3-control" in host else "s3"
        bucket = re.match(r"(.+)\.s3[.-]", host)
        if model == "s3" and bucket:
            path = f"/{bucket.group(1)}{path}"
    best, found = -1, f"{method} {path}"
    for operation, (verb, pattern, fixed) in templates(model).items():
        weight = len(pattern.pattern) + 1000 * len(fixed)
        if verb == method and fixed <= query and pattern.fullmatch(path) and weight > best:
            best, found = weight, operation
    return model, found


@cache
def templates(model: str) -> dict[str, tuple[str, re.Pattern[str], set[str]]]:
    """Verb, path pattern and fixed query parameters of every operation of a REST service."""
    session = botocore.session.get_session()
    if model not in session.get_available_services():
        return {}
    service = session.get_service_model(model)
    table = {}
    for name in service.operation_names:
        # S3 has old operations under the same address.
        if service.operation_model(name).deprecated:
            continue
        http = service.operation_model(name).http
        path, _, query = http.get("requestUri", "/").partition("?")
        pattern = "".join(template_part(part) for part in re.split(r"(\{[^}]+\})", path))
        fixed = {part.split("=")[0] for part in query.split("&") if part}
        table[name] = (http.get("method", "POST"), re.compile(pattern.rstrip("/") + "/?"), fixed)
    return table


def template_part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    return ".+" if part.endswith("+}") else "[^/]+"
