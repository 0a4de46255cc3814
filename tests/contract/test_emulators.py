"""Which operations of our controls moto answers: `emulators.toml`. A change in either direction fails.

Where an outside judge has no answer, only our own sandbox judges the control; the table says where that is so.
`ORGBASE_UPDATE=1 pytest test_emulators.py` writes the table anew: after a new control, or a new moto.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.parsers import ResponseParserError

from harness import REPOSITORY, Aws, Moto

FILE = Path(__file__).parent / "emulators.toml"
SESSION = botocore.session.get_session()
# IAM's prefix of a service, where botocore has another name for it.
MODELS = {"access-analyzer": "accessanalyzer"}


def operations_of_controls() -> set[str]:
    """`service:Operation` of every `reads` and `writes` in the controls, and of discovery."""
    sources = [*(REPOSITORY / "src/controls").rglob("*.rs"), REPOSITORY / "src/facts/discover.rs"]
    lists = [body for source in sources
             for body in re.findall(r"(?:reads:|writes:|READS: &\[&str\] =) &\[(.*?)\]", source.read_text(), re.DOTALL)]
    found = {pair for body in lists for pair in re.findall(r'"([a-z0-9-]+:[A-Z]\w+)"', body)}
    return found | {"sts:AssumeRole", "sts:GetCallerIdentity"}


def minimal(shape: Shape | None, name: str = "") -> Any:
    """The least that the model accepts."""
    if shape is None:
        return {}
    if isinstance(shape, StructureShape):
        return {member: minimal(shape.members[member], member) for member in shape.required_members}
    if isinstance(shape, ListShape):
        return [minimal(shape.member, name)] if shape.metadata.get("min", 0) else []
    if isinstance(shape, MapShape):
        return {}
    if shape.type_name in ("integer", "long"):
        return max(1, shape.metadata.get("min", 1))
    if shape.type_name in ("float", "double"):
        return 1.0
    if shape.type_name == "boolean":
        return True
    if getattr(shape, "enum", None):
        return shape.enum[0]
    return text(name, shape)


def text(name: str, shape: Shape) -> str:
    """Something that looks like what the member's name says."""
    if re.search(r"account", name, re.IGNORECASE) and not re.search(r"arn|request", name, re.IGNORECASE):
        return "111111111111"
    if name == "RoleArn":
        return "arn:aws:iam::111111111111:role/OrganizationAccountAccessRole"
    if re.search(r"arn$", name, re.IGNORECASE):
        return "arn:aws:sns:eu-west-1:123456789012:none"
    return "x" * max(5, shape.metadata.get("min", 1))


def prepared(aws: Aws) -> dict[str, dict[str, Any]]:
    """Inputs of operations that moto answers, but not when asked about nothing."""
    organizations = aws.client("organizations", None, "us-east-1")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="x")["OrganizationalUnit"]["Id"]
    aws.client("s3", None, "us-east-1").create_bucket(Bucket="probe")
    aws.client("cloudtrail", None, "us-east-1").create_trail(Name="probe", S3BucketName="probe")
    aws.client("logs", None, "us-east-1").create_log_group(logGroupName="probe")
    bucket = {"Bucket": "probe"}
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    return {
        "cloudtrail:GetInsightSelectors": {"TrailName": "probe"},
        "cloudtrail:PutInsightSelectors": {"TrailName": "probe", "InsightSelectors": [{"InsightType": "ApiCallRateInsight"}]},
        "iam:CreateServiceLinkedRole": {"AWSServiceName": "cloudtrail.amazonaws.com"},
        "logs:AssociateKmsKey": {"logGroupName": "probe", "kmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/x"},
        "organizations:UpdateOrganizationalUnit": {"OrganizationalUnitId": unit, "Name": "y"},
        "s3:PutBucketLifecycleConfiguration": {**bucket, "LifecycleConfiguration": {"Rules": [rule]}},
        "s3:PutBucketOwnershipControls": {**bucket, "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
        "s3:PutBucketVersioning": {**bucket, "VersioningConfiguration": {"Status": "Enabled"}},
    }


def answers(aws: Aws, operation: str, given: dict[str, Any] | None) -> bool:
    """Routed, and neither a crash nor an answer that cannot be read. It says nothing about correctness."""
    prefix, _, name = operation.partition(":")
    service = MODELS.get(prefix, prefix)
    model = SESSION.get_service_model(service).operation_model(name)
    # What botocore would refuse by itself must reach moto.
    client = aws.client(service, None, "us-east-1", parameter_validation=False)
    method = next(m for m, api in client.meta.method_to_api_mapping.items() if api == name)
    try:
        getattr(client, method)(**(given or minimal(model.input_shape)))
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]
        return status < 500 and code not in ("404", "NotImplemented", "UnknownOperationException", "405")
    except ResponseParserError:
        return False
    return True


def refused(aws: Aws) -> dict[str, list[str]]:
    """The principals that moto refuses, although AWS takes them."""
    organizations = aws.client("organizations", None, "us-east-1")
    member = organizations.create_account(Email="a@example.com", AccountName="a")["CreateAccountStatus"]["AccountId"]
    found: dict[str, list[str]] = {"trusted_access": [], "administrator": []}
    for principal in principals():
        try:
            organizations.enable_aws_service_access(ServicePrincipal=principal)
        except ClientError:
            found["trusted_access"].append(principal)
        try:
            organizations.register_delegated_administrator(AccountId=member, ServicePrincipal=principal)
        except ClientError:
            found["administrator"].append(principal)
    return found


def principals() -> list[str]:
    source = (REPOSITORY / "src/controls/delegated_admins/services.rs").read_text()
    return sorted(set(re.findall(r'"([a-z0-9.-]+\.amazonaws\.com)"', source)))


def as_toml(operations: dict[str, str], principals_refused: dict[str, list[str]]) -> str:
    lines = ["# What moto answers of what our controls call. Written by: ORGBASE_UPDATE=1 pytest test_emulators.py", "", "[moto]"]
    lines += [f'"{operation}" = "{state}"' for operation, state in operations.items()]
    lines += ["", "# Principals that it refuses: as trusted service, as service with a delegated administrator."]
    lines.append("[moto_refuses]")
    for key, names in principals_refused.items():
        lines += [f"{key} = [", *(f'    "{name}",' for name in names), "]"]
    return "\n".join(lines) + "\n"


def test_the_table_is_what_moto_does(moto: Moto) -> None:
    moto.reset()
    aws = Aws(moto.url)
    inputs = prepared(aws)
    now = {op: "ok" if answers(aws, op, inputs.get(op)) else "missing" for op in sorted(operations_of_controls())}
    principals_now = refused(aws)
    if os.environ.get("ORGBASE_UPDATE"):
        FILE.write_text(as_toml(now, principals_now))
    table = tomllib.loads(FILE.read_text())
    changed = {op: f"{table['moto'].get(op)} -> {now.get(op)}" for op in now.keys() | table["moto"].keys()
               if now.get(op) != table["moto"].get(op)}
    assert not changed, f"look at each, then ORGBASE_UPDATE=1: {changed}"
    assert principals_now == table["moto_refuses"]
    assert set(now.values()) == {"ok", "missing"}
