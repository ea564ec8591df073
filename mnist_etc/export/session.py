"""A serving graph on ONNX Runtime, as the checks before a publication run it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mnist_etc.data.dataset import Split
from mnist_etc.export.config import InputType
from mnist_etc.export.serving_graph import as_input

__all__ = ["ServingSession", "in_chunks", "speedup"]

CHUNK = 64
"""Images a run of the model."""
ROUNDS, RUNS = 7, 40


class ServingSession:
    """A serving graph on one thread of ONNX Runtime.

    Args:
        model: ONNX file, or its bytes.
        input_type: Type of the graph's input.
    """

    def __init__(self, model: Path | bytes, input_type: InputType) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input_type = input_type

    @property
    def side(self) -> int:
        """Pixels of each side of an image."""
        return int(self._session.get_inputs()[0].shape[1])

    def outputs(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the graph on uint8 ``(n, side, side)``; its output is float32 ``(n, classes)``."""
        return in_chunks(
            lambda part: self._session.run(["output"], {"input": as_input(part, self._input_type)})[0], images
        )

    def accuracy(self, split: Split) -> float:
        """The fraction of ``split`` whose greatest output is its label."""
        return float(np.mean(self.outputs(split.images).argmax(axis=1) == split.labels))


def speedup(first: ServingSession, second: ServingSession, images: NDArray[np.uint8]) -> float:
    """How many times as fast ``first`` is as ``second`` on ``images``: the median over interleaved rounds."""
    seconds = np.empty((ROUNDS, 2))
    for cell in np.ndindex(seconds.shape):
        start = time.perf_counter()
        for _ in range(RUNS):
            (first, second)[cell[1]].outputs(images)
        seconds[cell] = time.perf_counter() - start
    return float(np.median(seconds[:, 1] / seconds[:, 0]))


def in_chunks(
    answer: Callable[[NDArray[np.uint8]], NDArray[np.float32]], images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """The answers to ``images``, asked for in chunks that bound the memory."""
    return np.concatenate([answer(images[first : first + CHUNK]) for first in range(0, len(images), CHUNK)])
