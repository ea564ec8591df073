"""The predicted class and nothing else."""

from __future__ import annotations

import math

from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import OutputPolicy

__all__ = ["Label"]


class Label(OutputPolicy):
    """1 for the class, 0 for the others."""

    def answer(self, operators: Operators) -> None:
        """One-hot of the greatest logit."""
        operators.one_hot(operators.add("ArgMax", "logits", axis=1, keepdims=0), self.classes, [0, 1])

    def leakage_bits(self) -> float:
        """There are as many answers as classes."""
        return math.log2(self.classes)
