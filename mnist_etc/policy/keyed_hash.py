"""A secret draw for each image: a pseudorandom function of its bytes, SipHash-2-4 behind a universal hash."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mnist_etc.policy.operators import Operators
from mnist_etc.policy.siphash import siphash

__all__ = ["COLLISION_BITS", "DRAWS", "KeyedHash"]

DRAWS = 2**56
"""Values that a draw takes, each as often."""
COLLISION_BITS = 112
"""Two images come to one message of SipHash for at most one in 2^112 keys."""
SPARE = 8
"""Lowest bits of a sum that are left out."""


@dataclass(frozen=True, eq=False, kw_only=True)
class KeyedHash:
    """A draw of each image, always the same one; who does not know the keys cannot tell it from independent draws.

    Sums modulo 2^64 of a secret number and the image's bytes, each times a secret weight of 64 bits, are universal
    hashes. Two of them, one whole and one without its 8 lowest bits, make the 15 bytes that SipHash takes. The third
    and SipHash's output, each without its 8 lowest bits, make the draw by exclusive or.

    Two images differ in a byte, by at most 255, so by 2^7 times an odd number at most. Over the weight of that byte two
    whole sums agree with probability 2^7 / 2^64 at most, and two shortened ones with 2^9 / 2^64: together 2^-112.

    **Draws of one image or two** are exactly uniform and independent, on no assumption: the third sum alone makes them
    so (Dietzfelbinger 1996; Thorup 2015, arXiv:1504.06804, section 3.3). **Draws of any number of images** are
    independent as far as SipHash is a pseudorandom function. Whoever chooses q images, each after the answers to those
    before, tells their draws from independent ones with an advantage of at most q^2 2^-113 (that two of them come to
    one message; Wegman and Carter 1981) over that of telling SipHash from a random function by q messages. For a
    million images the first term is 10^-22.
    """

    weights: NDArray[np.uint64] = field(repr=False)
    """``(pixels + 1, 3)``, secret: for each of the three sums the weights of the pixels, then the number of its own."""
    key: NDArray[np.uint64] = field(repr=False)
    """``(2,)``, secret: SipHash's 128 bits."""

    @classmethod
    def drawn(cls, side: int) -> Self:
        """For images of ``side`` x ``side`` pixels, with keys from the operating system."""
        weights, key = (np.frombuffer(os.urandom(8 * count), np.uint64) for count in (3 * (side**2 + 1), 2))
        return cls(weights=weights.reshape(-1, 3), key=key)

    def draw(self, operators: Operators) -> str:
        """Add the operators that draw for ``policy/bytes``; return the draws' name, int64 ``(batch, 1)``, from 0 on."""
        flat = operators.add("Flatten", "policy/bytes", axis=1)
        places, one = operators.constant([0, 0, 0, 1], np.int64), operators.constant(1, np.uint8)
        factors = operators.cast(operators.add("Pad", flat, places, one), np.uint64)
        sums = operators.add("MatMul", factors, operators.constant(self.weights, np.uint64))
        names = [f"policy/sum_{place}" for place in range(3)]
        first, second, third = operators.add_many("Split", sums, outputs=names, axis=1, num_outputs=3)
        hashed = siphash(operators, first, _high(operators, second), self.key)
        drawn = operators.add("BitwiseXor", _high(operators, hashed), _high(operators, third))
        return operators.cast(drawn, np.int64)


def _high(operators: Operators, value: str) -> str:
    return operators.add("BitShift", value, operators.constant(SPARE, np.uint64), direction="RIGHT")
