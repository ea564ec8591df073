"""What the client makes of answers that a real server gives seldom: a fake one gives them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fake_triton import Fake, listening
from numpy.typing import NDArray

from mnist_etc.errors import DataError, ServingError
from mnist_etc.export.config import MODEL
from mnist_etc.serving import client
from mnist_etc.serving.client import TritonPredictor
from mnist_etc.serving.protocol import WireProtocol


def digits(count: int) -> NDArray[np.uint8]:
    """Images whose pixels say their class, ``position % 10``."""
    return np.broadcast_to((np.arange(count) % 10).astype(np.uint8)[:, None, None], (count, 28, 28))


def test_a_503_is_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake([503, 503])
    with listening(fake) as server, TritonPredictor(server, WireProtocol.http) as predictor:
        received = predictor.probabilities(digits(30))
        assert fake.asked == 3
        again = predictor.probabilities(digits(30))
    assert np.array_equal(received.argmax(axis=1), np.arange(30) % 10)
    assert np.array_equal(again, received)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("no answer: images 0-29 (503 not now); trying again")


def test_only_what_got_no_answer_is_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake([200, 200, 503])
    with listening(fake) as server, TritonPredictor(server, WireProtocol.http) as predictor:
        assert len(predictor.probabilities(digits(7))) == 7
        received = predictor.probabilities(digits(2000))
    assert np.array_equal(received.argmax(axis=1), np.arange(2000) % 10)
    assert fake.asked == 1 + 32 + 1
    assert re.match(r"no answer: images (\d+-\d+, )?\d+-2006 \(503 not now\)", capsys.readouterr().err)


@pytest.mark.parametrize("status", [400, 429, 500, 502, 504])
def test_another_status_is_no_reason_to_ask_again(status: int) -> None:
    fake = Fake([status])
    with listening(fake) as server, TritonPredictor(server, WireProtocol.http) as predictor:
        with pytest.raises(ServingError, match=r"^Expected onnx-mnist_etc at .*; received: not now\. \S"):
            predictor.probabilities(digits(3))
    assert fake.asked == 1


def test_waits_double_until_the_time_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    sleep: Callable[[float], None] = time.sleep
    monkeypatch.setattr(client.time, "sleep", lambda seconds: (waits.append(seconds), sleep(seconds))[0])
    start = time.monotonic()
    with (
        listening(Fake([503] * 1000)) as server,
        TritonPredictor(server, WireProtocol.http, retry_seconds=1) as predictor,
    ):
        with pytest.raises(ServingError, match=r" gave no answer to images 0-2 within 1 s: 503 not now"):
            predictor.probabilities(digits(3))
    assert 1 <= time.monotonic() - start < 3
    assert waits[:4] == [0.05, 0.1, 0.2, 0.4]


def test_answers_of_another_form() -> None:
    fake = Fake([])
    with listening(fake) as server, TritonPredictor(server, WireProtocol.http) as predictor:
        fake.classes = 9
        with pytest.raises(ServingError, match=r"^Expected an answer \(3, 10\) of .*; received \(3, 9\)\. Publish it"):
            predictor.probabilities(digits(3))
        for sent in (slice(0, 0), slice(0, 40), slice(0, 39)):
            fake.classes, fake.sent = 10, sent
            with pytest.raises(ServingError, match=r"^Expected Triton at .*; received an answer in another form: "):
                predictor.probabilities(digits(3))


TENSOR = {"name": "input", "data_type": "TYPE_UINT8", "dims": [28, 28, 1]}


@pytest.mark.parametrize(
    "changes",
    [
        {"input": [{**TENSOR, "dims": [32, 28, 1]}]},
        {"input": [{**TENSOR, "dims": [28, 28, 3]}]},
        {"input": [{**TENSOR, "name": "pixels"}]},
        {"input": [{**TENSOR, "data_type": "TYPE_FP64"}]},
        {"input": [TENSOR, {**TENSOR, "name": "mask"}]},
        {"output": [{**TENSOR, "name": "output", "data_type": "TYPE_FP32", "dims": [1]}]},
        {"output": [{**TENSOR, "name": "output", "data_type": "TYPE_FP32", "dims": [1001]}]},
        {"output": [{**TENSOR, "name": "output", "data_type": "TYPE_FP32", "dims": [5, 2]}]},
        {"max_batch_size": 0},
        {"parameters": {"policy": {"string_value": "classes"}}},
        {"parameters": {"classes": {"string_value": '["no", "yes"]'}}},
        {"parameters": {"classes": {"string_value": "["}}},
        {"parameters": {"classes": {"string_value": "10"}}},
    ],
)
def test_a_model_of_another_form(changes: dict[str, Any]) -> None:
    with listening(Fake([], **changes)) as server:
        with pytest.raises(ServingError, match=rf"^Expected .*{MODEL} at .*; received.*Publish it again"):
            TritonPredictor(server, WireProtocol.http)


@pytest.mark.parametrize(("classes", "side"), [(2, 32), (47, 8), (1000, 128)])
def test_classes_and_side_are_the_servers(classes: int, side: int) -> None:
    tensors = {**TENSOR, "dims": [side, side, 1]}, {"name": "output", "data_type": "TYPE_FP32", "dims": [classes]}
    for names in (None, tuple(f"class {one}" for one in range(classes))):
        parameters = {"classes": {"string_value": json.dumps(names)}} if names else {}
        fake = Fake([], input=[tensors[0]], output=[tensors[1]], parameters=parameters)
        with listening(fake) as server, TritonPredictor(server, WireProtocol.http) as predictor:
            assert predictor.side == side
            assert predictor.names == names or tuple(map(str, range(classes)))
            with pytest.raises(
                DataError, match=rf"^Expected images of {side} x {side}, .* received 28 x 28\. Pass data"
            ):
                predictor.probabilities(digits(3))


def test_a_server_that_comes_back_with_another_model() -> None:
    fake = Fake([503])
    with listening(fake) as server, TritonPredictor(server, WireProtocol.http) as predictor:
        fake.config["parameters"] = {"policy": {"string_value": "probabilities"}}
        with pytest.raises(ServingError, match=r"before the connection was lost; received .*probabilities"):
            predictor.probabilities(digits(3))
