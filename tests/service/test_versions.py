"""Another version in service: taken up without a failed request, a broken one not at all, and rolled back."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from served import HOME, Serve, digit, encoded, publish, service_config

from mnist_etc.errors import ArtifactError
from mnist_etc.export.repository import ModelRepository
from mnist_etc.files import write_bytes
from mnist_etc.service.app import create_app

PNG = encoded(digit(7))
QUICK = "service.poll_seconds=0.05"


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def version(client: TestClient | httpx.Client) -> int:
    return int(client.get("/v1/models").json()["models"][0]["version"])


def test_publications_and_rollbacks_under_load_fail_no_request(tmp_path: Path, serve: Serve) -> None:
    """Each answer is of one version as a whole: its number, its policy and what that policy tells."""
    served = serve(QUICK)
    stop, told, wrong = threading.Event(), [], []

    def ask() -> None:
        with served.client() as client:
            while not stop.is_set():
                response = client.post("/v1/classify", content=PNG)
                if response.status_code != 200:
                    wrong.append(response.text)
                    continue
                answer = response.json()
                told.append((answer["version"], answer["policy"], answer["answers"][0]["probability"] is None))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    with served.client() as client:
        for policy in ("logits", "label", "levels:2"):
            new = publish(tmp_path, policy)
            until(lambda new=new: version(client) == new)  # type: ignore[misc]
        ModelRepository(tmp_path / "models").rollback()
        until(lambda: version(client) == 2)
        until(lambda: len(told) > 300)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert {row for row in told if row[0]} == {(1, "logits", False), (2, "label", True), (3, "levels:2", False)}
    assert told[-1][0] == 2


@pytest.mark.parametrize("damage", ["bytes", "no manifest", "no model", "another policy", "no graph"])
def test_a_broken_version_leaves_the_old_in_service_and_says_so(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path, "logits")
    with TestClient(create_app(service_config(tmp_path, QUICK)), base_url=HOME) as client:
        repository = ModelRepository(tmp_path / "models")
        hidden = repository.model / "2"
        publish(tmp_path, "label")
        repository.rollback()
        until(lambda: version(client) == 1)
        manifest = hidden / "manifest.json"
        match damage:
            case "bytes":
                (hidden / "model.onnx").write_bytes((hidden / "model.onnx").read_bytes()[:-1] + b"\0")
            case "no manifest":
                manifest.unlink()
            case "no model":
                (hidden / "model.onnx").unlink()
            case "another policy":
                content = json.loads(manifest.read_text())
                manifest.write_text(json.dumps({**content, "policy": {"name": "open"}}))
            case "no graph":
                (hidden / "model.onnx").write_bytes(b"no graph")
                content = json.loads(manifest.read_text())
                content["model_sha256"] = hashlib.sha256(b"no graph").hexdigest()
                manifest.write_text(json.dumps(content))
        good = repository.config.read_bytes()
        write_bytes(repository.config, (hidden / "config.pbtxt").read_bytes())
        until(lambda: client.get("/readyz").json()["refused"] is not None)
        assert client.get("/readyz").status_code == 200
        assert version(client) == client.post("/v1/classify", content=PNG).json()["version"] == 1
        assert "mnist_etc_version_refused 1.0" in client.get("/metrics").text
        write_bytes(repository.config, good)
        until(lambda: client.get("/readyz").json()["refused"] is None)
        assert version(client) == 1
    assert capsys.readouterr().err.count("refused: ") == 1


def test_what_cannot_start_is_said(tmp_path: Path) -> None:
    publish(tmp_path, "label")
    (tmp_path / "models/onnx-mnist_etc/1/model.onnx").write_bytes(b"altered")
    with pytest.raises(ArtifactError, match="sha256"):
        create_app(service_config(tmp_path))
