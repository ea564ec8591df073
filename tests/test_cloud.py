"""The files for a cluster: right by the published schemas, and the job's script does what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource
from support import ROOT, environment

from mnist_etc.__main__ import COMMANDS
from mnist_etc.composition import compose
from mnist_etc.registry import resolve

CLOUD, SCHEMA = ROOT / "cloud", ROOT / "tests/serving/schemas/kubernetes-1.37.0.json"
JOB, RAYJOB = (yaml.safe_load((CLOUD / name).read_text()) for name in ("job.yaml", "rayjob.yaml"))
NETWORK = list(yaml.safe_load_all((CLOUD / "networkpolicy.yaml").read_text()))
RAYJOB_KEYS = {
    *("entrypoint", "backoffLimit", "activeDeadlineSeconds", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished"),
    *("rayClusterSpec", "submissionMode", "runtimeEnvYAML", "suspend", "jobId", "metadata", "clusterSelector"),
}
"""Of RayJobSpec, in KubeRay's ``rayjob_types.go``."""
GROUP_KEYS = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template", "idleTimeoutSeconds"}


def validate(document: Any, kind: str) -> None:
    registry: Registry[Any] = Registry().with_resource(
        SCHEMA.name, Resource.from_contents(json.loads(SCHEMA.read_text()))
    )
    Draft202012Validator({"$ref": f"{SCHEMA.name}#/$defs/{kind}"}, registry=registry).validate(document)


def words(command: str, *, shell: bool) -> list[list[str]]:
    """The words after ``mnist-etc`` in each line of a script."""
    lines = [line.partition("mnist-etc ")[2] for line in command.splitlines() if "mnist-etc " in line]
    return [shlex.split(line.partition(" #")[0].partition(" &")[0].partition(" ||")[0]) for line in lines]


def test_the_job_meets_the_schema_of_kubernetes_and_a_mistake_does_not() -> None:
    validate(JOB, "Job")
    broken = deepcopy(JOB)
    broken["spec"]["backofLimit"] = 1
    with pytest.raises(ValidationError, match="backofLimit"):
        validate(broken, "Job")


def test_the_ray_job_has_keys_that_kuberay_knows_and_pods_that_kubernetes_does() -> None:
    spec = RAYJOB["spec"]
    assert spec.keys() <= RAYJOB_KEYS
    cluster = spec["rayClusterSpec"]
    assert cluster.keys() == {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert group.keys() <= GROUP_KEYS
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        validate(group["template"], "io.k8s.api.core.v1.PodTemplateSpec")


def test_network_policies_meet_the_schema_and_find_the_pods() -> None:
    pods = [JOB["spec"]["template"], RAYJOB["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]]
    for policy, pod in zip(NETWORK, pods, strict=True):
        validate(policy, "NetworkPolicy")
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert policy["spec"]["policyTypes"] == ["Ingress"]
        assert all(rule["from"] for rule in policy["spec"]["ingress"]), "without it everybody is let in"
    for group in RAYJOB["spec"]["rayClusterSpec"]["workerGroupSpecs"]:
        assert group["template"]["metadata"]["labels"] == pods[1]["metadata"]["labels"]


def test_the_base_image_is_named_by_its_digest() -> None:
    (base,) = (line for line in (CLOUD / "Dockerfile").read_text().splitlines() if line.startswith("FROM "))
    assert re.fullmatch(r"FROM python:3\.1[123]-slim-bookworm@sha256:[0-9a-f]{64}", base)


def test_the_ray_version_is_the_locked_one() -> None:
    lock = (ROOT / "poetry.lock").read_text()
    assert f'name = "ray"\nversion = "{RAYJOB["spec"]["rayClusterSpec"]["rayVersion"]}"' in lock


def test_what_the_files_run_are_commands_with_keys_that_there_are() -> None:
    script = JOB["spec"]["template"]["spec"]["containers"][0]["args"][0]
    commands = [*words(script, shell=True), *words(RAYJOB["spec"]["entrypoint"], shell=False)]
    assert [command for command, *_ in commands] == ["copy", "copy", "supervised", "copy", "copy", "infer"]
    for command, *keys in commands:
        compose(command, resolve(COMMANDS[command].schema), keys)


def test_a_job_that_is_told_to_stop_brings_what_is_made_until_then(tmp_path: Path) -> None:
    """As when its node goes away: the training ends some seconds after SIGTERM, and what it wrote last is copied."""
    (tmp_path / "bucket/data/mnist").mkdir(parents=True)
    (tmp_path / "bucket/data/mnist/images").write_bytes(b"data")
    (tmp_path / "work").mkdir()
    (tmp_path / "bin").mkdir()
    made = tmp_path / "work/artifacts/m"
    ends = "mkdir -p artifacts; trap '/bin/sleep 4; echo late > artifacts/m; exit 143' TERM; touch artifacts/m"
    training = f"{ends}; while :; do /bin/sleep 0.1; done"
    tool = tmp_path / "bin/mnist-etc"
    tool.write_text(
        f'#!/bin/sh\n[ "$1" = supervised ] || exec {shlex.quote(sys.executable)} -m mnist_etc "$@"\n{training}\n'
    )
    tool.chmod(stat.S_IRWXU)
    with subprocess.Popen(
        ["sh", "-c", JOB["spec"]["template"]["spec"]["containers"][0]["args"][0]],
        cwd=tmp_path / "work",
        env=environment({"BUCKET": str(tmp_path / "bucket"), "PATH": f"{tool.parent}:{os.environ['PATH']}"}),
    ) as script:
        deadline = time.monotonic() + 60
        while not made.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        script.terminate()
        assert script.wait(30) == 143
    assert (tmp_path / "bucket/artifacts/m").read_text() == "late\n"


@pytest.mark.parametrize("code", [0, 3])
def test_the_script_of_the_job_brings_what_the_training_made_to_the_bucket(tmp_path: Path, code: int) -> None:
    script = JOB["spec"]["template"]["spec"]["containers"][0]["args"][0]
    bucket = tmp_path / "bucket"
    (bucket / "data" / "mnist").mkdir(parents=True)
    (bucket / "data" / "mnist" / "images").write_bytes(b"data")
    tools = tmp_path / "bin"
    for name, body in {
        "mnist-etc": (
            f'if [ "$1" = supervised ]; then cat data/mnist/images && mkdir -p artifacts && echo model > artifacts/m; '
            f'exit {code}; fi; exec {shlex.quote(sys.executable)} -m mnist_etc "$@"'
        ),
        "sleep": "exec /bin/sleep 0.2",
    }.items():
        tools.mkdir(exist_ok=True)
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(stat.S_IRWXU)
    (tmp_path / "work").mkdir()
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path / "work",
        env=environment({"BUCKET": str(bucket), "PATH": f"{tools}:{os.environ['PATH']}"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    assert done.stdout.count("data") >= 1
    assert (bucket / "artifacts" / "m").read_text() == "model\n"
