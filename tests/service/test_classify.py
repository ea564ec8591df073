"""``POST /v1/classify``: every format and way to send it, by the same preparation as ``infer.py``."""

from __future__ import annotations

import base64
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from samples import idx_bytes
from served import HOME, digit, encoded, graph_of, publish, service_config

from mnist_etc.data.inputs import InputOptions, open_input
from mnist_etc.service.app import create_app

SHEET = np.full((300, 420), 235, np.uint8)
SHEET[60:240, 200:216] = 20
"""A photo of a pen's 1 on paper, larger than the model's images."""
FIGURES = np.stack([digit(1), digit(7), digit(0)])


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def shown(answer: dict[str, Any]) -> Any:
    """The image that the model saw."""
    head, _, data = answer["image"].partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("form", [False, True])
def test_a_picture_of_any_format_is_seen_as_infer_sees_it(
    client: TestClient, tmp_path: Path, kind: str, form: bool
) -> None:
    content = encoded(SHEET, kind)
    sent: dict[str, Any] = {"files": {"file": ("one.img", content)}} if form else {"content": content}
    response = client.post("/v1/classify?explain=true", **sent)
    assert response.status_code == 200, response.text
    told = response.json()
    (answer,) = told.pop("answers")
    assert told == {
        "model": "pretrained",
        "version": 0,
        "policy": "levels:2",
        "leakage_bits": pytest.approx(4.3219, abs=1e-3),
    }
    assert (answer["name"], answer["class"], answer["digit"], answer["warning"]) == (
        "one.img" if form else "image",
        "1",
        1,
        None,
    )
    assert 0.9 < answer["probability"] < 1
    (tmp_path / "one.img").write_bytes(content)
    (batch,) = open_input(tmp_path / "one.img", InputOptions()).batches
    np.testing.assert_array_equal(shown(answer), batch.images[0])


@pytest.mark.parametrize(
    "content",
    [
        idx_bytes(FIGURES),
        gzip.compress(idx_bytes(FIGURES)),
        npz(images=FIGURES),
        npz(images=FIGURES, labels=np.array([1, 7, 0])),
        npz(x_test=FIGURES[..., None] / np.float32(255)),
        npy(FIGURES),
        npy(255 - FIGURES),
    ],
    ids=["idx", "idx.gz", "npz", "npz with labels", "npz of floats", "npy", "npy, dark on light"],
)
def test_an_array_is_answered_image_by_image(client: TestClient, content: bytes) -> None:
    response = client.post("/v1/classify?explain=1", content=content)
    assert response.status_code == 200, response.text
    answers = response.json()["answers"]
    assert [(answer["name"], answer["digit"]) for answer in answers] == [("0", 1), ("1", 7), ("2", 0)]
    for answer, figure in zip(answers, FIGURES, strict=True):
        np.testing.assert_array_equal(shown(answer), figure)


def test_several_files_keep_their_order_and_their_names(client: TestClient) -> None:
    files = [
        ("file", ("../../etc/passwd", encoded(digit(7)))),
        ("file", ("C:\\me\\a\x1bb.npy", npy(FIGURES[:2]))),
        ("image", ("empty.png", encoded(np.full((50, 40), 255, np.uint8)))),
        ("file", ("<b>.png", encoded(digit(1)))),
    ]
    response = client.post("/predict/", files=files, data={"comment": "passed over"})
    told = [(answer["name"], answer["class"], answer["warning"]) for answer in response.json()["answers"]]
    assert told == [
        ("passwd", "7", None),
        ("a?b.npy:0", "1", None),
        ("a?b.npy:1", "7", None),
        ("empty.png", None, "empty"),
        ("<b>.png", "1", None),
    ]


def test_one_picture_of_several_figures_has_a_warning(client: TestClient) -> None:
    two = np.full((100, 200), 255, np.uint8)
    two[20:80, 40:48] = 0
    two[30:70, 140:146] = 0
    (answer,) = client.post("/v1/classify", content=encoded(two)).json()["answers"]
    assert (answer["digit"], answer["warning"], answer["image"]) == (1, "several", None)


@pytest.mark.parametrize("policy", ["logits", "probabilities", "rounded:2", "top1", "levels:3", "label", "noisy:8"])
def test_an_answer_tells_what_the_published_graph_tells(tmp_path: Path, policy: str) -> None:
    assert publish(tmp_path, policy) == 1
    content, about = graph_of(policy)
    session = onnxruntime.InferenceSession(content)
    (told,) = session.run(["output"], {"input": FIGURES[..., None]})
    if policy == "logits":
        told = np.exp(told) / np.exp(told).sum(axis=1, keepdims=True)
    with TestClient(create_app(service_config(tmp_path)), base_url=HOME) as client:
        response = client.post("/v1/classify", content=idx_bytes(FIGURES)).json()
        assert client.get("/v1/model.onnx").content == content
        (row,) = client.get("/v1/models").json()["models"]
    assert (response["model"], response["version"], response["policy"]) == ("onnx-mnist_etc", 1, policy)
    assert response["leakage_bits"] == pytest.approx(about["policy"]["leakage_bits"])
    assert [answer["digit"] for answer in response["answers"]] == told.argmax(axis=1).tolist()
    silent = policy in ("label", "noisy:8")
    expected = [None] * 3 if silent else [pytest.approx(float(one), abs=1e-5) for one in told.max(axis=1)]
    assert [answer["probability"] for answer in response["answers"]] == expected
    assert row["policy"] == policy
    assert row["classes"] == [*"0123456789"]
    assert (row["side"], row["accuracy"]) == (28, 0.9928)
    assert row["input"] == {"name": "input", "dtype": "uint8", "shape": [None, 28, 28, 1]}


def test_an_observer_sees_every_answer_and_may_have_the_class_told_alone(tmp_path: Path) -> None:
    seen = []

    def observe(answered: Any) -> None:
        seen.append((answered.sender, answered.images.copy(), answered.outputs.shape, answered.model.version))
        answered.label_only = np.arange(len(answered.images)) == 1

    app = create_app(service_config(tmp_path), observers=[observe])
    with TestClient(app, base_url=HOME) as client:
        answers = client.post("/v1/classify", content=npy(FIGURES)).json()["answers"]
    assert [answer["probability"] is None for answer in answers] == [False, True, False]
    assert [answer["digit"] for answer in answers] == [1, 7, 0]
    ((sender, images, shape, version),) = seen
    assert (sender, shape, version) == ("address:testclient", (3, 10), 0)
    np.testing.assert_array_equal(images, FIGURES)
