"""Logits: everything that the classifier says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import OutputPolicy
from mnist_etc.predictor import softmax

__all__ = ["Logits"]


class Logits(OutputPolicy):
    """The model's logits as they are."""

    def answer(self, operators: Operators) -> None:
        """Pass the logits on."""
        operators.add("Identity", "logits", output="output")

    def leakage_bits(self) -> float:
        """An answer is a float of 32 bits for each class."""
        return self.classes * 32

    def probabilities(self, answers: NDArray[np.float32]) -> NDArray[np.float32]:
        """Their softmax."""
        return softmax(answers)

    def informative_scores(self, answers: NDArray[np.float32]) -> NDArray[np.float32]:
        """The logits, which are logarithms already."""
        return answers
