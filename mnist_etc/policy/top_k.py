"""The greatest probabilities alone."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import ConfigError
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import FLOATS, OutputPolicy

__all__ = ["Top1", "TopK"]


class TopK(OutputPolicy):
    """The ``k`` greatest probabilities; the other classes share what is left."""

    @classmethod
    def fit(cls, config: PolicyConfig, logits: NDArray[np.float32], labels: NDArray[np.int64], side: int) -> Self:
        """Ready to answer; raises `ConfigError` where no class would be left to share the rest."""
        one = super().fit(config, logits, labels, side)
        if one.k >= one.classes:
            raise ConfigError(
                f"Expected policy.k below the number of classes, {one.classes}, whose others share the rest; received "
                f"{one.k}. Pass policy.k={one.classes - 1}, or policy=probabilities."
            )
        return one

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
        share = operators.add("Div", left, operators.constant(self.classes - self.k, np.float32))
        everywhere = operators.add("Expand", share, operators.constant([1, self.classes], np.int64))
        operators.add("ScatterElements", everywhere, places, values, output="output", axis=1)

    def leakage_bits(self) -> float:
        """An answer is a choice of classes, and a float in [0, 1] for each."""
        return math.log2(math.comb(self.classes, self.k)) + self.k * math.log2(FLOATS)


class Top1(TopK):
    """The greatest probability; the other classes share what is left."""

    @property
    def k(self) -> int:
        """One."""
        return 1
