"""Probabilities, rounded to a few decimals."""

from __future__ import annotations

import math

import numpy as np

from mnist_etc.data.dataset import CLASSES
from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import OutputPolicy

__all__ = ["Rounded"]


class Rounded(OutputPolicy):
    """Probabilities to ``decimals``."""

    @property
    def least(self) -> float:
        """Half the last decimal, which is rounded to zero."""
        return 0.5 * 10.0**-self.config.decimals

    def answer(self, operators: Operators) -> None:
        """Round half to even, as ONNX does."""
        units = operators.constant(10**self.config.decimals, np.float32)
        scaled = operators.add("Mul", operators.add("Softmax", "logits", axis=1), units)
        operators.add("Div", operators.add("Round", scaled), units, output="output")

    def leakage_bits(self) -> float:
        """An answer is ten counts, each off by half a unit at most, so their sum by five: an upper bound."""
        whole, half = 10**self.config.decimals, CLASSES // 2
        totals = range(whole - half, whole + half + 1)
        return math.log2(sum(math.comb(total + CLASSES - 1, CLASSES - 1) for total in totals))
