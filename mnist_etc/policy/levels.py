"""The class with its confidence in few steps, each as often right as it says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnist_etc.policy.calibration import calibrate
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import OutputPolicy
from mnist_etc.predictor import softmax

__all__ = ["Levels"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Levels(OutputPolicy):
    """The class with one of ``levels`` confidences: how often that class is right where the model is so sure."""

    edges: NDArray[np.float32]
    """Descending ``(levels - 1,)``: an image is at level i where the other classes' probability is within i edges.

    That, and not the top probability, which a good model has at 1 to the last bit for most images.
    """
    confidences: NDArray[np.float32]
    """``(levels,)``: what is returned at each."""

    @classmethod
    def fit(cls, config: PolicyConfig, logits: NDArray[np.float32], labels: NDArray[np.int64], side: int) -> Self:  # noqa: ARG003
        """Calibrate on labeled images; raises `ConfigError` where they are too few for so many levels."""
        predicted, classes = logits.argmax(axis=1), logits.shape[1]
        others = np.where(predicted[:, None] == np.arange(classes), 0, softmax(logits)).sum(axis=1)
        edges, confidences = calibrate(
            -others, predicted == labels, config.levels, config.crowd, classes=logits.shape[1]
        )
        return cls(config=config, classes=classes, edges=-edges, confidences=confidences)

    def answer(self, operators: Operators) -> None:
        """Count the edges that the other classes are within; look the confidence up."""
        label = operators.add("ArgMax", "logits", axis=1, keepdims=1)
        predicted = operators.add("Equal", label, operators.constant(np.arange(self.classes)[None, :], np.int64))
        probabilities = operators.add("Softmax", "logits", axis=1)
        others = operators.add("Where", predicted, operators.constant(0, np.float32), probabilities)
        doubt = operators.add("ReduceSum", others, operators.constant([1], np.int64), keepdims=1)
        within = operators.add("LessOrEqual", doubt, operators.constant(self.edges[None, :], np.float32))
        counted = operators.cast(within, np.int64)
        level = operators.add("ReduceSum", counted, operators.constant([1], np.int64), keepdims=1)
        confidence = operators.add("Gather", operators.constant(self.confidences, np.float32), level)
        rests = (1 - self.confidences.astype(np.float64)) / (self.classes - 1)
        rest = operators.add("Gather", operators.constant(rests, np.float32), level)
        operators.add("Where", predicted, confidence, rest, output="output")

    def leakage_bits(self) -> float:
        """An answer is a class and a confidence; levels that were right as often look alike."""
        return math.log2(self.classes * len(np.unique(self.confidences)))

    def parameters(self) -> dict[str, Any]:
        """The confidences, and the crowd that they are fitted with."""
        return {"crowd": self.config.crowd, "confidences": [round(float(value), 6) for value in self.confidences]}
