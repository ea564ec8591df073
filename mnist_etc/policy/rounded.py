"""Probabilities, rounded to a few decimals."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import ConfigError
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import OutputPolicy

__all__ = ["Rounded"]

EPSILON = 2.0**-23
"""Of float32: by no more than so much for each class is the sum of a softmax off."""


class Rounded(OutputPolicy):
    """Probabilities to ``decimals``."""

    @classmethod
    def fit(cls, config: PolicyConfig, logits: NDArray[np.float32], labels: NDArray[np.int64], side: int) -> Self:
        """Ready to answer; raises `ConfigError` where an answer could be zero for all classes, and so name none."""
        one = super().fit(config, logits, labels, side)
        if 2 * one.units <= one.classes:
            enough = next(decimals for decimals in range(1, 7) if 2 * 10**decimals > one.classes)
            raise ConfigError(
                f"Expected policy.decimals of at least {enough} for {one.classes} classes, lest an answer be zero for "
                f"each of them; received {config.decimals}. Pass policy.decimals={enough}."
            )
        return one

    @property
    def units(self) -> int:
        """Of the last decimal in 1."""
        return int(10**self.config.decimals)

    @property
    def least(self) -> float:
        """Half the last decimal, which is rounded to zero."""
        return 0.5 * 10.0**-self.config.decimals

    def answer(self, operators: Operators) -> None:
        """Round half to even, as ONNX does."""
        units = operators.constant(self.units, np.float32)
        scaled = operators.add("Mul", operators.add("Softmax", "logits", axis=1), units)
        operators.add("Div", operators.add("Round", scaled), units, output="output")

    def leakage_bits(self) -> float:
        """An answer is a count of units a class, each off by half a unit at most, and what float32 is off: a bound.

        So the counts sum to as many units as 1 has, give or take half the number of classes.
        """
        off = self.classes // 2 + int(self.units * self.classes * EPSILON)
        least, most = max(0, self.units - off), self.units + off
        # comb(s + n, n) vectors of n counts sum to s or less
        answers = math.comb(most + self.classes, self.classes)
        if least:
            answers -= math.comb(least - 1 + self.classes, self.classes)
        return math.log2(answers)
