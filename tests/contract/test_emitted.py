"""What `emit bootstrap` and `emit schedule` print is what CloudFormation, GitHub, Kubernetes and systemd read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from harness import REPOSITORY, binary, clean_environment

BASELINES = ["minimal", "full"]


def emit(*arguments: str, baseline: str = "full") -> str:
    file = REPOSITORY / "baselines" / f"{baseline}.toml"
    ran = subprocess.run([binary(), "emit", *arguments, "-f", str(file)], env=clean_environment(), text=True,
                         capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def lint(template: str, folder: Path) -> None:
    """cfn-lint, which brings its own copy of CloudFormation's schemas. W2001 and W3045 are about taste."""
    path = folder / "template.yaml"
    path.write_text(template)
    tool = shutil.which("cfn-lint") or str(Path(__import__("sys").executable).parent / "cfn-lint")
    ran = subprocess.run([tool, "--non-zero-exit-code", "error", "-r", "eu-west-1", "--", str(path)],
                         env=clean_environment(), text=True, capture_output=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("kind", ["management", "member", "github-actions", "kubernetes"])
def test_bootstrap_is_cloudformation(kind: str, baseline: str, tmp_path: Path) -> None:
    text = emit("bootstrap", "--for", kind, baseline=baseline)
    lint(text, tmp_path)
    resources = yaml.safe_load(text)["Resources"]
    roles = {r["Properties"]["RoleName"] for r in resources.values() if r["Type"] == "AWS::IAM::Role"}
    assert roles == {"orgbase-plan", "orgbase-apply"}
    stack_sets = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::CloudFormation::StackSet"]
    for properties in stack_sets:
        # Longer ones must lie in S3.
        assert len(properties["TemplateBody"]) <= 51_200
        lint(properties["TemplateBody"], tmp_path)
    assert bool(stack_sets) == (kind != "member")


@pytest.mark.parametrize("kind", ["eventbridge-ecs", "eventbridge-lambda"])
def test_eventbridge_schedules_are_cloudformation(kind: str, tmp_path: Path) -> None:
    text = emit("schedule", "--for", kind)
    lint(text, tmp_path)
    types = {r["Type"] for r in yaml.safe_load(text)["Resources"].values()}
    assert {"AWS::Scheduler::Schedule", "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"} <= types


def test_github_workflow() -> None:
    workflow = yaml.safe_load(emit("schedule", "--for", "github-actions"))
    # YAML 1.1 reads the key `on` as true.
    assert workflow[True]["schedule"][0]["cron"].count(" ") == 4
    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}
    for job in workflow["jobs"].values():
        assert job["runs-on"] and job["timeout-minutes"]
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])
        script = "".join(step.get("run", "") for step in job["steps"])
        assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
        assert "orgbase drift" in script


def test_kubernetes_manifest() -> None:
    kinds = {m["kind"]: m for m in yaml.safe_load_all(emit("schedule", "--for", "kubernetes"))}
    assert set(kinds) == {"Namespace", "ServiceAccount", "CronJob"}
    job = kinds["CronJob"]
    assert job["apiVersion"] == "batch/v1" and job["spec"]["concurrencyPolicy"] == "Forbid"
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never" and pod["serviceAccountName"] == kinds["ServiceAccount"]["metadata"]["name"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in pod["containers"]:
        assert container["args"][0] == "drift"
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


def test_systemd_units(tmp_path: Path) -> None:
    files: dict[str, list[str]] = {}
    name = ""
    for line in emit("schedule", "--for", "systemd").splitlines():
        if line.startswith("# ==> "):
            name = Path(line.removeprefix("# ==> ")).name
        files.setdefault(name, []).append(line)
    assert {"orgbase-drift.service", "orgbase-drift.timer", "environment"} <= set(files)
    for unit in ("orgbase-drift.service", "orgbase-drift.timer"):
        text = "\n".join(files[unit]).replace("/usr/local/bin/orgbase", "/bin/true")
        (tmp_path / unit).write_text(text + "\n")
        for line in files[unit]:
            assert not line or line[0] in "#[" or "=" in line, line
    tool = shutil.which("systemd-analyze")
    if tool:
        units = [str(tmp_path / unit) for unit in ("orgbase-drift.service", "orgbase-drift.timer")]
        ran = subprocess.run([tool, "verify", "--recursive-errors=no", *units], text=True, capture_output=True,
                             check=False, timeout=60)
        assert ran.returncode == 0, ran.stderr


def test_what_does_not_exist_is_refused() -> None:
    for arguments in (["schedule"], ["schedule", "--for", "cron"], ["bootstrap", "--for", "gitlab"]):
        file = str(REPOSITORY / "baselines/minimal.toml")
        ran = subprocess.run([binary(), "emit", *arguments, "-f", file], env=clean_environment(), text=True,
                             capture_output=True, check=False, timeout=60)
        assert ran.returncode == 1 and "--for takes one of" in ran.stderr
