"""The greatest probabilities alone."""

from __future__ import annotations

import math

import numpy as np

from mnist_etc.data.dataset import CLASSES
from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import FLOATS, OutputPolicy

__all__ = ["Top1", "TopK"]


class TopK(OutputPolicy):
    """The ``k`` greatest probabilities; the other classes share what is left."""

    @property
    def k(self) -> int:
        """How many probabilities are told."""
        return self.config.k

    def answer(self, operators: Operators) -> None:
        """Scatter the greatest values over an even share of the rest."""
        probabilities = operators.add("Softmax", "logits", axis=1)
        count = operators.constant([self.k], np.int64)
        values, places = operators.add_many(
            "TopK", probabilities, count, outputs=["policy/values", "policy/places"], axis=1
        )
        told = operators.add("ReduceSum", values, operators.constant([1], np.int64), keepdims=1)
        rest = operators.add("Sub", operators.constant(1, np.float32), told)
        left = operators.add("Max", rest, operators.constant(0, np.float32))
        share = operators.add("Div", left, operators.constant(CLASSES - self.k, np.float32))
        everywhere = operators.add("Expand", share, operators.constant([1, CLASSES], np.int64))
        operators.add("ScatterElements", everywhere, places, values, output="output", axis=1)

    def leakage_bits(self) -> float:
        """An answer is a choice of classes, and a float in [0, 1] for each."""
        return math.log2(math.comb(CLASSES, self.k)) + self.k * math.log2(FLOATS)


class Top1(TopK):
    """The greatest probability; the other classes share what is left."""

    @property
    def k(self) -> int:
        """One."""
        return 1
