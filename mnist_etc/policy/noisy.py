"""A class drawn by the exponential mechanism, ``epsilon``-locally differentially private."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import CLASSES, SIDE
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import OutputPolicy

__all__ = ["DRAWS", "Noisy"]

DRAWS = 2**32
"""Values that the keyed hash of an image takes, each as often."""
MIX = ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 0))
"""Shifts and factors of lowbias32 (Wellons 2018), a permutation of 32-bit numbers."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Noisy(OutputPolicy):
    """The predicted class or another, drawn once for each image by a keyed hash of it."""

    key: NDArray[np.uint64] = field(repr=False)
    """``(785,)``, secret: a weight for each pixel and one to add. Who knows it can undo the noise."""

    @classmethod
    def fit(cls, config: PolicyConfig, logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:  # noqa: ARG003
        """Draw a key, so that each publication has its own."""
        return cls(config=config, key=np.frombuffer(os.urandom(8 * (SIDE**2 + 1)), np.uint64))

    def other_draws(self) -> int:
        """How many of the `DRAWS` return one certain class that was not predicted.

        Rounded up, so that the ratio of any two answers' probabilities is at most e^epsilon exactly (k-ary randomized
        response: the exponential mechanism with the utility 1 for the predicted class and 0 for the others; McSherry
        and Talwar 2007, Kairouz, Bonawitz and Ramage 2016, arXiv:1602.07387).
        """
        return math.ceil(DRAWS / (math.exp(self.config.epsilon) + CLASSES - 1))

    def leakage_bits(self) -> float:
        """The capacity of its channel."""
        other = self.other_draws() / DRAWS
        kept = 1 - (CLASSES - 1) * other
        return math.log2(CLASSES) + kept * math.log2(kept) + (CLASSES - 1) * other * math.log2(other)

    def answer(self, operators: Operators) -> None:
        """Draw a class by a keyed hash of the image, with integers alone, so the stated epsilon of an answer is exact.

        The hash is the upper half of a sum of the bytes, each times a secret 64-bit number: uniform, and independent
        for any two images (Dietzfelbinger 1996; Thorup 2015, arXiv:1504.06804, section 3.3), so two answers cost two
        epsilons. It is no cryptographic function: who asks about many images of their own making could solve for the
        key. A permutation of the sum spreads the draws of images that differ little.
        """
        flat = operators.add("Flatten", operators.cast("policy/bytes", np.uint64), axis=1)
        keyed = operators.add("MatMul", flat, operators.constant(self.key[:-1, None], np.uint64))
        keyed = operators.add("Add", keyed, operators.constant(self.key[-1:], np.uint64))
        high = operators.add("BitShift", keyed, operators.constant(32, np.uint64), direction="RIGHT")
        draw = _mixed(operators, high)
        other, kept = self.other_draws(), DRAWS - (CLASSES - 1) * self.other_draws()
        label = operators.add("ArgMax", "logits", axis=1, keepdims=1)
        after = operators.add("Sub", draw, operators.constant(kept, np.int64))
        which = operators.add("Div", after, operators.constant(other, np.int64))
        step = operators.add("Add", which, operators.constant(1, np.int64))
        moved = operators.add("Mod", operators.add("Add", label, step), operators.constant(CLASSES, np.int64))
        stays = operators.add("Less", draw, operators.constant(kept, np.int64))
        chosen = operators.add("Where", stays, label, moved)
        operators.one_hot(
            operators.add("Squeeze", chosen, operators.constant([1], np.int64)), [other / DRAWS, kept / DRAWS]
        )


def _mixed(operators: Operators, value: str) -> str:
    """Another order of the 32-bit numbers ``value``, uint64 to int64."""
    mask = operators.constant(DRAWS - 1, np.uint64)
    for shift, factor in MIX:
        shifted = operators.add("BitShift", value, operators.constant(shift, np.uint64), direction="RIGHT")
        value = operators.add("BitwiseXor", value, shifted)
        if factor:
            multiplied = operators.add("Mul", value, operators.constant(factor, np.uint64))
            value = operators.add("BitwiseAnd", multiplied, mask)
    return operators.cast(value, np.int64)
