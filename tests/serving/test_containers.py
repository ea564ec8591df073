"""The container and the Kubernetes files agree with one another, and with the server that is exported for."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from manifests import (
    BUDGET,
    COMPOSE,
    DEPLOYMENT,
    KSERVE,
    NETWORK,
    RULES,
    SCALER,
    SCHEMAS,
    SERVICE,
    TRITON,
    VARIABLE,
    Document,
)
from support import ROOT

from mnist_etc.composition import compose
from mnist_etc.export.config import MODEL
from mnist_etc.export.model_config import PLATFORM
from mnist_etc.serving.config import ServeCommand
from mnist_etc.serving.launch import docker
from mnist_etc.serving.wheels import TRITONSERVER, unpacked

PORTS = {8500, 8501, 8502}
READY = "http://127.0.0.1:8500/v2/health/ready"
TAG = "24.10"
"""The container release of tritonserver 2.51.0; 24.11 is 2.52.0."""
VALUES = {"boolean": r"true|false", "integer": r"\d+", "string": r".+"}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, in order, comments gone and lines joined."""
    text = re.sub(r"^#.*\n", "", (TRITON / "Dockerfile").read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    return [(name, rest) for name, rest in (line.split(maxsplit=1) for line in joined.splitlines() if line)]


def instruction(name: str) -> str:
    (found,) = (rest for this, rest in instructions() if this == name)
    return found


def entrypoint() -> dict[str, str]:
    """The flags of the container's server and their values."""
    program, *flags = json.loads(instruction("ENTRYPOINT"))
    assert program == "/opt/tritonserver/bin/tritonserver"
    return dict(flag.split("=", 1) for flag in flags)


def flags_of(text: str) -> dict[str, str]:
    """The flags that the text of ``tritonserver --help`` names, and the type of each."""
    return dict(re.findall(r"^ *(--[a-z0-9-]+)(?: <(.+)>)?$", text, flags=re.MULTILINE))


def wrong_flags(flags: dict[str, str]) -> list[str]:
    known = flags_of((SCHEMAS / "tritonserver-2.51.0-flags.txt").read_text())
    return [flag for flag, value in flags.items() if not re.fullmatch(VALUES.get(known.get(flag, ""), "(?!)"), value)]


def container() -> Document:
    (one,) = DEPLOYMENT["spec"]["template"]["spec"]["containers"]
    return one


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_every_flag_is_one_of_this_tritonserver() -> None:
    assert wrong_flags(entrypoint()) == []
    appended = dict(flag.split("=", 1) for flag in KSERVE["spec"]["predictor"]["model"]["args"])
    assert appended.items() <= entrypoint().items()
    assert wrong_flags({"--strict-model-readiness": "true"}) == ["--strict-model-readiness"]
    assert wrong_flags({"--http-port": "http", "--strict-readiness": "yes"}) == ["--http-port", "--strict-readiness"]


def test_the_flags_on_file_are_what_tritonserver_says() -> None:
    cache = Path(compose("serve", ServeCommand, []).serving.cache)
    words = [unpacked(TRITONSERVER, cache) / "pytriton" / "tritonserver" / "bin" / "tritonserver", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert flags_of(done.stdout + done.stderr) == flags_of((SCHEMAS / "tritonserver-2.51.0-flags.txt").read_text())


def test_the_container_is_the_server_that_runs_without_docker() -> None:
    assert TRITONSERVER.title == "tritonserver 2.51.0"
    assert instructions()[0] == ("FROM", f"nvcr.io/nvidia/tritonserver:{TAG}-py3 AS server")
    assert KSERVE["spec"]["predictor"]["model"]["runtimeVersion"] == f"{TAG}-py3"
    assert COMPOSE["services"]["triton"]["image"] == f"mnist_etc-triton:{TAG}"
    assert re.fullmatch(rf"mnist_etc-triton:{re.escape(TAG)}-model[1-9]\d*", container()["image"]), "a tag a model"
    built = re.search(r"docker build --target bundled --tag (\S+)", (TRITON / "deployment.yaml").read_text())
    assert built
    assert built[1] == container()["image"]


def test_the_image_keeps_the_one_backend_that_config_pbtxt_names() -> None:
    (kept,) = re.findall(r"! -name (\S+)", instruction("RUN"))
    assert f"{kept}_onnx" == PLATFORM
    assert KSERVE["spec"]["predictor"]["model"]["modelFormat"]["name"] == "onnx"


def test_the_three_ports_and_no_other() -> None:
    flags = entrypoint()
    assert {int(flags[f"--{name}-port"]) for name in ("http", "grpc", "metrics")} == PORTS
    assert {int(port) for port in instruction("EXPOSE").split()} == PORTS
    assert COMPOSE["services"]["triton"]["ports"] == [f"127.0.0.1:{port}:{port}" for port in sorted(PORTS)]
    named = {one["name"]: one["containerPort"] for one in container()["ports"]}
    assert named == {name: int(flags[f"--{name}-port"]) for name in ("http", "grpc", "metrics")}
    for one in SERVICE["spec"]["ports"]:
        assert one["port"] == named[one["targetPort"]]
    assert DEPLOYMENT["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(named["metrics"])


def test_what_make_serve_asks_for_reaches_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    asked = ["serving.http_port=9000", "serving.repository=/tmp/else", "serving.poll_seconds=7"]
    launch = docker(compose("serve", ServeCommand, asked).serving)
    used = set(re.findall(VARIABLE, (TRITON / "docker-compose.yaml").read_text()))
    assert {name for name, _ in used} == launch.environment.keys() - os.environ.keys()
    assert launch.environment["HTTP_PORT"] == "9000"
    assert launch.environment["MODEL_REPOSITORY"] == "/tmp/else"
    assert "--repository-poll-secs=7" in launch.environment["TRITON_FLAGS"].split()
    assert ROOT / launch.command[launch.command.index("--file") + 1] == TRITON / "docker-compose.yaml"


def test_models_are_read_only_and_not_loaded_on_request() -> None:
    flags, (mount,) = entrypoint(), COMPOSE["services"]["triton"]["volumes"]
    assert mount["target"] == flags["--model-repository"]
    assert mount["source"] == "./model_repository"
    assert mount["read_only"] is True
    assert flags["--model-control-mode"] == "none"
    source, target = instruction("COPY").split()[-2:]
    assert (source, target) == ("model_repository", flags["--model-repository"])
    assert COMPOSE["services"]["triton"]["build"]["target"] == "server", "the stage without the models"
    assert instructions()[-2] == ("FROM", "server AS bundled")


def test_nothing_runs_as_root_or_writes_to_the_image() -> None:
    service, pod = COMPOSE["services"]["triton"], DEPLOYMENT["spec"]["template"]["spec"]
    assert instruction("USER") == "1000:1000"
    assert service["read_only"] is container()["securityContext"]["readOnlyRootFilesystem"] is True
    assert service["cap_drop"] == container()["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & service.keys()
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == instruction("USER")
    assert pod["automountServiceAccountToken"] is False
    for context in (container()["securityContext"], KSERVE["spec"]["predictor"]["model"]["securityContext"]):
        assert context["allowPrivilegeEscalation"] is False


def test_cores_and_memory_are_limited_everywhere() -> None:
    service = COMPOSE["services"]["triton"]
    assert (service["cpus"], service["mem_limit"], service["memswap_limit"]) == (2, "2g", "2g")
    for resources in (container()["resources"], KSERVE["spec"]["predictor"]["model"]["resources"]):
        assert resources["limits"] == resources["requests"] == {"cpu": "2", "memory": "2Gi"}


def test_readiness_is_asked_everywhere_and_a_missing_model_is_not_ready() -> None:
    words = json.loads(instruction("HEALTHCHECK").partition("CMD ")[2])
    assert words[0] == "curl"
    assert words[-1] == READY
    check = COMPOSE["services"]["triton"]["healthcheck"]
    assert check["test"] == ["CMD", *words]
    for key in ("interval", "timeout", "start_period", "retries"):
        assert f"--{key.replace('_', '-')}={check[key]} " in instruction("HEALTHCHECK")
    assert entrypoint()["--strict-readiness"] == "true"
    for name in ("startupProbe", "readinessProbe"):
        assert container()[name]["httpGet"] == {"path": "/v2/health/ready", "port": "http"}
    assert container()["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"


def test_requests_in_flight_are_answered_before_the_kill() -> None:
    patience, pod = int(entrypoint()["--exit-timeout-secs"]), DEPLOYMENT["spec"]["template"]["spec"]
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert instruction("STOPSIGNAL") == "SIGTERM"
    assert seconds(COMPOSE["services"]["triton"]["stop_grace_period"]) > patience
    assert pod["terminationGracePeriodSeconds"] > pause + patience
    assert KSERVE["spec"]["predictor"]["terminationGracePeriodSeconds"] > patience


def test_the_autoscaler_asks_for_the_queue_time_that_the_adapter_derives() -> None:
    (rule,) = yaml.safe_load(RULES["data"]["config.yaml"])["rules"]
    (metric,) = SCALER["spec"]["metrics"]
    assert metric["type"] == "Pods"
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    assert rule.keys() == {"seriesQuery", "resources", "name", "metricsQuery"}
    assert rule["seriesQuery"].startswith("nv_inference_queue_duration_us{")
    counted, divisor = rule["metricsQuery"].split(" / ")
    assert "nv_inference_queue_duration_us{" in counted
    assert "nv_inference_request_success{" in divisor
    for part in (counted, divisor):
        assert f'model="{MODEL}",<<.LabelMatchers>>' in part
        assert "by (<<.GroupBy>>)" in part
        assert part.count("(") == part.count(")")
    target = SCALER["spec"]["scaleTargetRef"]
    assert all(target[key] == DEPLOYMENT[key] for key in ("apiVersion", "kind"))
    assert target["name"] == DEPLOYMENT["metadata"]["name"]
    assert "replicas" not in DEPLOYMENT["spec"], "two owners of one number"


@pytest.mark.parametrize("name", ["deployment.yaml", "kserve.yaml", "Dockerfile"])
def test_what_releases_before_25_07_leave_open_stands_in_the_file(name: str) -> None:
    before = re.split(r"(?m)^(?:apiVersion|FROM)", (TRITON / name).read_text())[0]
    words = " ".join(before.replace("#", " ").split())
    assert "before 25.07" in words
    assert "published holes" in words
    assert "docs/serving.md" in words


def test_a_drained_node_and_a_lost_zone_leave_a_pod() -> None:
    assert BUDGET["spec"]["maxUnavailable"] < SCALER["spec"]["minReplicas"]
    spread = DEPLOYMENT["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    for one in spread:
        assert one["labelSelector"] == DEPLOYMENT["spec"]["selector"]


def test_only_named_pods_reach_triton_and_it_reaches_nobody() -> None:
    spec = NETWORK["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["egress"] == []
    ports = {one["name"] for one in container()["ports"]}
    assert {port["port"] for rule in spec["ingress"] for port in rule["ports"]} == ports
    for rule in spec["ingress"]:
        assert rule["from"], "without it everybody is let in"
        assert all(peer[kind]["matchLabels"] for peer in rule["from"] for kind in peer)
    metrics = next(rule for rule in spec["ingress"] if {"port": "metrics"} in rule["ports"])
    assert all("namespaceSelector" in peer for peer in metrics["from"])


def test_selectors_find_the_pods() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert NETWORK["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert BUDGET["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert SERVICE["spec"]["selector"].items() <= labels.items()


def test_kserve_serves_the_exported_repository_by_triton() -> None:
    predictor = KSERVE["spec"]["predictor"]
    assert KSERVE["apiVersion"] == "serving.kserve.io/v1beta1"
    assert predictor["model"]["protocolVersion"] == "v2"
    assert predictor["model"]["runtime"] == "kserve-tritonserver"
    assert re.fullmatch(r"pvc://[a-z0-9-]+/model_repository", predictor["model"]["storageUri"])
    assert KSERVE["metadata"]["annotations"] == {"serving.kserve.io/deploymentMode": "RawDeployment"}
    assert predictor["scaleMetric"] == "cpu", "the schema on file enumerates nothing; this mode knows cpu and memory"
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", KSERVE["metadata"]["name"])
