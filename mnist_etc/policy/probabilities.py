"""Probabilities: the softmax of the logits."""

from __future__ import annotations

import math

from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import FLOATS, OutputPolicy

__all__ = ["Probabilities"]


class Probabilities(OutputPolicy):
    """The softmax of the logits, in full precision."""

    def answer(self, operators: Operators) -> None:
        """Take the softmax."""
        operators.add("Softmax", "logits", output="output", axis=1)

    def leakage_bits(self) -> float:
        """An answer is a float in [0, 1] for each class; that they sum to 1 is not used."""
        return self.classes * math.log2(FLOATS)
