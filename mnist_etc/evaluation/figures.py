"""What a classifier is measured by on its test images, and the numbers that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.evaluation.confusion import ConfusionMatrix, Interval, wilson
from mnist_etc.evaluation.reliability import Reliability
from mnist_etc.predictor import softmax

__all__ = ["PERCENTILES", "Figures"]

PERCENTILES = (50, 90, 99)
"""Of the latency."""
SMALLEST = 1e-7
"""Probability that a class has at least in the log loss."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Figures:
    """Answers to test images, at least one, and what they come to."""

    names: Sequence[str]
    """Of the classes, in the order of their numbers."""
    labels: NDArray[np.int64]
    """``(n,)``."""
    logits: NDArray[np.float32]
    """``(n, classes)``."""
    images: NDArray[np.uint8]
    """``(n, side, side)``."""
    latency: Sequence[float] = ()
    """Milliseconds that single answers took, one image each; empty: not measured."""

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """``(n, classes)``."""
        return softmax(self.logits)

    @cached_property
    def matrix(self) -> ConfusionMatrix:
        """Images by label and predicted class."""
        matrix = ConfusionMatrix(self.names)
        matrix.add(self.labels, self.logits.argmax(axis=1))
        return matrix

    @cached_property
    def reliability(self) -> Reliability:
        """Images by how sure the model is of its answer."""
        return Reliability.of(self.probabilities, self.labels)

    @property
    def accuracy(self) -> Interval:
        """Share of the images that were predicted right."""
        return wilson(int(self.matrix.correct.sum()), len(self.labels))

    @property
    def log_loss(self) -> float:
        """In nats an image."""
        right = self.probabilities[np.arange(len(self.labels)), self.labels]
        return float(-np.log(np.maximum(right, SMALLEST)).mean())

    @property
    def percentiles(self) -> dict[str, float]:
        """Of the latency in milliseconds, by ``p50`` and so on; empty where it was not measured."""
        if not len(self.latency):
            return {}
        found = np.percentile(np.asarray(self.latency, np.float64), PERCENTILES)
        return {f"p{share}": float(value) for share, value in zip(PERCENTILES, found, strict=True)}

    @cached_property
    def classes(self) -> list[dict[str, Any]]:
        """Of each class ``class``, ``name``, ``images``, ``correct``, ``predicted``, ``recall`` and ``precision``.

        ``recall`` has its interval in ``low`` and ``high``; what there are no images for is None.
        """
        rows = zip(self.names, *(one.tolist() for one in (self.matrix.images, self.matrix.correct)), strict=True)
        predicted, found = self.matrix.predicted.tolist(), []
        for number, (name, images, correct) in enumerate(rows):
            share = wilson(correct, images) if images else None
            found.append(
                {"class": number, "name": name, "images": images, "correct": correct, "predicted": predicted[number]}
                | {end: getattr(share, field, None) for end, field in ENDS.items()}
                | {"precision": correct / predicted[number] if predicted[number] else None}
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON types."""
        accuracy = self.accuracy
        return {
            "images": len(self.labels),
            "accuracy": {"value": accuracy.value, "low": accuracy.low, "high": accuracy.high},
            "log_loss": self.log_loss,
            "calibration_error": self.reliability.error,
            "latency_ms": self.percentiles,
            "classes": self.classes,
        }


ENDS = {"recall": "value", "low": "low", "high": "high"}
"""What a share is called in a row of a class, and in an `Interval`."""
