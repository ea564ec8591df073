"""Answers per second of the serving graphs over the plain exported ONNX: ONNX Runtime, one thread, batch 1 and 64.

Rounds in turn over all graphs at one batch size. Twice: what the session takes, and from uint8 pixels to the answer,
where a float32 graph needs its pixels scaled first. ONNX Runtime optimizes every graph at its default level.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from common import ROOT, machine, progress, ratios, spread, table, versions, write_results
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT))

from mnist_etc.data import digits
from mnist_etc.data.dataset import scale_pixels
from mnist_etc.export.config import InputType
from mnist_etc.export.int8 import quantize
from mnist_etc.export.serving_graph import build_serving_graph
from mnist_etc.policy.graph import append_policy
from mnist_etc.policy.levels import Levels
from mnist_etc.policy.logits import Logits
from mnist_etc.policy.probabilities import Probabilities
from mnist_etc.policy.specification import format_policy, parse_policy

BATCHES = (1, 64)
PLAIN = "plain export"
CALIBRATION = 512
POLICIES = (
    Logits(config=parse_policy("logits"), classes=10),
    Probabilities(config=parse_policy("probabilities"), classes=10),
    Levels(
        config=parse_policy("levels:2"),
        classes=10,
        edges=np.array([0.1], np.float32),
        confidences=np.array([0.8, 0.99], np.float32),
    ),
)


def variants(plain: onnx.ModelProto) -> dict[str, onnx.ModelProto]:
    """The plain graph first."""
    served = {
        f"{input_type.value}, {format_policy(policy.config)}": append_policy(
            build_serving_graph(plain, input_type), policy
        )
        for input_type in InputType
        for policy in POLICIES
    }
    calibration = digits.read("train").images[:CALIBRATION]
    return {PLAIN: plain} | served | {"uint8, logits, int8": quantize(served["uint8, logits"], calibration)}


def open_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """On one thread, all else at ONNX Runtime's defaults."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def calls(session: onnxruntime.InferenceSession, images: NDArray[np.uint8]) -> dict[str, Callable[[], Any]]:
    """What is measured, by its name."""
    takes_bytes = session.get_inputs()[0].type == "tensor(uint8)"

    def prepared() -> NDArray[Any]:
        return images[..., None] if takes_bytes else scale_pixels(images)

    ready = prepared()
    return {
        "the session": lambda: session.run(["output"], {"input": ready}),
        "from uint8 pixels": lambda: session.run(["output"], {"input": prepared()}),
    }


def microseconds(call: Callable[[], Any], seconds: float) -> float:
    """Mean time of one call over about ``seconds``."""
    call()
    count, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        for _ in range(50):
            call()
        count += 50
    return passed / count * 1e6


def measured(models: dict[str, onnx.ModelProto], batch: int, rounds: int, seconds: float) -> list[list[str]]:
    """One row a graph: time and ratio of both ways."""
    images = np.random.default_rng(0).integers(0, 256, (batch, 28, 28), np.uint8)
    todo = {name: calls(open_session(model), images) for name, model in models.items()}
    times: dict[tuple[str, str], list[float]] = {(name, way): [] for name, ways in todo.items() for way in ways}
    for number in range(rounds + 1):
        for name, ways in todo.items():
            for way, call in ways.items():
                taken = microseconds(call, seconds)
                if number:
                    times[name, way].append(taken)
        progress(f"batch {batch}: round {number} of {rounds}")
    return [
        [
            name,
            str(batch),
            *(
                cell
                for way in ways
                for cell in (
                    spread(times[name, way], ",.1f"),
                    spread(ratios(times[PLAIN, way], times[name, way]), ".2f"),
                )
            ),
        ]
        for name, ways in todo.items()
    ]


def main() -> None:
    """Measure and write ``benchmarks/results/serving_graph.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="full_model_*.onnx of the default configuration")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each measurement")
    arguments = parser.parse_args()
    here = machine()
    models = variants(onnx.load(arguments.model))
    rows = [row for batch in BATCHES for row in measured(models, batch, arguments.rounds, arguments.seconds)]
    write_results(
        "serving_graph",
        "The serving graph over the plain exported ONNX",
        {"machine": here, "versions": versions("onnxruntime", "onnx", "numpy")},
        f"One thread, {arguments.rounds} rounds in turn after one that is not counted: microseconds a call and how "
        "many times faster than the plain export in the same round, median (least to greatest).",
        table(["graph", "batch", "session, µs", "ratio", "from uint8 pixels, µs", "ratio"], rows),
    )


if __name__ == "__main__":
    main()
