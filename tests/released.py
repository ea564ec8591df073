"""Models whose answers are known, for the tests of the release gates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.artifacts.config import SupervisedCommand
from mnist_etc.composition import compose
from mnist_etc.data import Split
from mnist_etc.evaluation.gates.evidence import Evidence

IMAGES, CLASSES, SIDE = 10_000, 10, 8
DEFAULT = compose("supervised", SupervisedCommand, []).gates
OFF = compose("supervised", SupervisedCommand, ["gates=off"]).gates
Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def numbered(count: int = IMAGES) -> Split:
    """Images whose first two bytes are their number, so that a table answers for them; as many of each class."""
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    images[:, 0, :2] = np.stack([np.arange(count) // 256, np.arange(count) % 256], axis=1)
    return Split(images, np.arange(count) % CLASSES)


TEST = numbered()


class Table:
    """A model that is right about each image with a chance of its own, and says as much, unless told otherwise."""

    def __init__(
        self, seed: int, chance: float | NDArray[np.float64] = 0.99, says: float | None = None, test: Split = TEST
    ) -> None:
        draws = np.random.default_rng(seed)
        chances = np.broadcast_to(chance, len(test))
        self.right = draws.random(len(test)) < chances
        wrong = (test.labels + draws.integers(1, CLASSES, len(test))) % CLASSES
        confidence = chances if says is None else np.full(len(test), says)
        self.answers = np.repeat(((1 - confidence) / (CLASSES - 1))[:, None], CLASSES, axis=1).astype(np.float32)
        self.answers[np.arange(len(test)), np.where(self.right, test.labels, wrong)] = confidence

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.answers[images[:, 0, 0].astype(int) * 256 + images[:, 0, 1]]


def file_of(folder: Path, size: int) -> Path:
    path = folder / "model.onnx"
    with path.open("wb") as file:
        file.truncate(size)
    return path


def evidence(folder: Path, model: Answer, *, test: Split = TEST, size: int = 400_000, **known: object) -> Evidence:
    return Evidence(probabilities=model, test=test, model=file_of(folder, size), **known)  # type: ignore[arg-type]
