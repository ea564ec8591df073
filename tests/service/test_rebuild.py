"""``POST /v1/reconstruct``: what an image's sender is shown, and who is not."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from served import HOME, digit, encoded, publish, service_config

from mnist_etc import pretrained
from mnist_etc.attack.live import FILE
from mnist_etc.service.app import create_app
from mnist_etc.service.keys import add_key

SHOWN = {"policy", "answer", "leakage_bits", "attack", "rebuilt", "error", "baseline"}


def pixels(url: str) -> Any:
    head, _, data = url.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) / 255


@pytest.mark.parametrize("form", [False, True])
def test_each_policy_shows_what_its_answer_gives_away(client: TestClient, form: bool) -> None:
    content = encoded(digit(7))
    sent: dict[str, Any] = {"files": {"file": ("seven.png", content)}} if form else {"content": content}
    response = client.post("/v1/reconstruct", **sent)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    told = response.json()
    image = pixels(told["image"])
    assert image.shape == (28, 28)
    assert image.max() > 0.9
    rows = {row["policy"]: row for row in told["policies"]}
    assert {"logits", "probabilities", "rounded:2", "top_k:3", "top1", "levels:2", "label"} <= rows.keys()
    for row in rows.values():
        assert row.keys() == SHOWN
        assert row["error"] == pytest.approx(np.mean((pixels(row["rebuilt"]) - image) ** 2), abs=2e-3)
        assert row["baseline"] == rows["label"]["error"]
    assert rows["label"]["answer"] == "7"
    assert rows["levels:2"]["answer"].startswith("7 0.99")
    assert rows["logits"]["answer"].endswith("and 7 more")


def test_it_needs_one_image_with_a_figure(client: TestClient) -> None:
    two = {"files": [("file", ("a.png", encoded(digit(7)))), ("file", ("b.png", encoded(digit(1))))]}
    for sent, said in (
        (two, "Expected one image; received 2"),
        ({"content": encoded(np.zeros((28, 28), np.uint8))}, "received an empty one"),
    ):
        response = client.post("/v1/reconstruct", **sent)
        assert response.status_code == 422
        assert response.headers["content-type"] == "application/problem+json"
        assert said in response.json()["detail"]
    assert client.app.state.bodies.held == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("keys", "words", "status"),
    [
        (False, [], 200),
        (False, ["service.reconstruct=false"], 404),
        (True, [], 404),
        (True, ["service.reconstruct=true"], 200),
    ],
)
def test_where_keys_are_required_it_is_off_unless_switched_on(
    tmp_path: Path, keys: bool, words: list[str], status: int
) -> None:
    config = service_config(tmp_path, *words)
    headers = {"X-API-Key": add_key(Path(str(config.keys)), "somebody", None)} if keys else {}
    with TestClient(create_app(config), base_url=HOME, headers=headers) as client:
        response = client.post("/v1/reconstruct", content=encoded(digit(7)))
        assert response.status_code == status, response.text
        assert client.post("/v1/classify", content=encoded(digit(7))).status_code == 200


def test_without_attacks_or_with_those_of_another_model_there_is_nothing_at_that_path(tmp_path: Path) -> None:
    version = publish(tmp_path, "levels:3")
    folder = tmp_path / "models/onnx-mnist_etc" / str(version)
    with TestClient(create_app(service_config(tmp_path)), base_url=HOME) as client:
        response = client.post("/v1/reconstruct", content=encoded(digit(7)))
        assert response.status_code == 404
        assert "reconstruct=true" in response.json()["detail"]
        (folder / FILE).write_bytes((pretrained.FOLDER / FILE).read_bytes())
        response = client.post("/v1/reconstruct", content=encoded(digit(7)))
        assert response.status_code == 404
        assert json.loads((folder / "manifest.json").read_text())["model_sha256"] in response.json()["detail"]
