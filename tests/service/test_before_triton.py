"""The service in front of a Triton server, which is there, goes away and comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_triton import Fake, listening
from fastapi.testclient import TestClient
from served import HOME, encoded, service_config

from mnist_etc.errors import ConfigError, ServingError
from mnist_etc.service.app import create_app

SEVEN = encoded(np.full((28, 28), 7, np.uint8))
"""The fake one takes an image's first pixel for its class."""
TRITON = ("service.prepare=none", "service.polarity=light_on_dark")


def test_it_answers_is_503_while_triton_is_down_and_answers_again(tmp_path: Path) -> None:
    fake = Fake([])
    with listening(fake) as server:
        app = create_app(service_config(tmp_path, f"service.server={server}", "service.poll_seconds=3600", *TRITON))
        with TestClient(app, base_url=HOME) as client:
            (model,) = client.get("/v1/models").json()["models"]
            assert (model["policy"], model["leakage_bits"], model["input"]["dtype"]) == ("logits", None, "uint8")
            (answer,) = client.post("/v1/classify", content=SEVEN).json()["answers"]
            assert answer["digit"] == 7
            assert client.get("/v1/model.onnx").status_code == 404
            assert client.get("/readyz").status_code == 200
            fake.statuses = [503] * 100
            assert client.post("/v1/classify", content=SEVEN).status_code == 503
            fake.statuses = []
            assert client.post("/v1/classify", content=SEVEN).json()["answers"] == [answer]


def test_readiness_follows_triton(tmp_path: Path) -> None:
    with listening(Fake([])) as server:
        app = create_app(service_config(tmp_path, f"service.server={server}", "service.poll_seconds=3600", *TRITON))
    with TestClient(app, base_url=HOME) as client:
        app.state.shelf.look()
        down = client.get("/readyz")
        assert (down.status_code, down.json()["type"]) == (503, "/docs#unavailable")
        assert client.get("/healthz").status_code == 200
        with listening(Fake([]), int(server.rpartition(":")[2])):
            app.state.shelf.look()
            assert client.get("/readyz").json() == {"status": "ready", "version": 0, "refused": None}


def test_no_such_server(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"service\.server=<host>:<port>; received 'nonsense'"):
        create_app(service_config(tmp_path, "service.server=nonsense"))
    with listening(Fake([])) as server:
        pass
    with pytest.raises(ServingError, match=r"Expected Triton at .*; received: .*refused\. Start it: make serve"):
        create_app(service_config(tmp_path, f"service.server={server}"))
