"""What the numbers of an image stand for: which of them is black, and which is white."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import DataError

__all__ = ["Levels", "guess", "guess_white"]

BITS = (8, 10, 12, 14, 16)
"""Of the levels that cameras and scanners store in two bytes."""
DIGITS_WHITE = 16
"""The brightest level of scikit-learn's digits."""
MEAN, DEVIATION = 0.1307, 0.3081
"""Of the pixels of MNIST in [0, 1], by which PyTorch's examples standardize them."""
NEAR = 1e-3


@dataclass(frozen=True)
class Levels:
    """A range of numbers, linear in brightness."""

    black: float
    white: float

    def to_uint8(self, numbers: NDArray[Any]) -> NDArray[np.uint8]:
        """Convert numbers of any type and shape to gray levels 0..255; what lies outside of the range is cut off."""
        if self == Levels(0, 255) and numbers.dtype.kind in "ui":
            return numbers.astype(np.uint8)
        scaled = (numbers.astype(np.float32) - np.float32(self.black)) * np.float32(255 / (self.white - self.black))
        gray: NDArray[np.uint8] = np.round(scaled).clip(0, 255).astype(np.uint8)
        return gray

    @property
    def obvious(self) -> bool:
        """Whether nobody would take the numbers for anything else."""
        return self in (Levels(0, 1), Levels(0, 255))

    def __str__(self) -> str:
        return f"{self.black:.5g} is taken for black, {self.white:.5g} for white"


def guess_white(most: int) -> int:
    """The white of pixels in two bytes, by the greatest of them: the last level of as many bits as hold it.

    Pictures of 8, 10, 12 or 14 bits are stored in two bytes without a word of it.
    """
    return int(2 ** next(bits for bits in BITS if most < 2**bits or bits == BITS[-1])) - 1


def guess(low: float, high: float, *, whole: bool, title: str) -> Levels:
    """The range that an array's numbers come from, by the least and the greatest of them.

    Known ranges: [0, 1], [0, 255], [-1, 1], [-0.5, 0.5], whole numbers up to 16 (scikit-learn's digits) or of up to 16
    bits, and pixels that were standardized by MNIST's mean and deviation.

    Args:
        low: the least number.
        high: the greatest one.
        whole: all are whole numbers.
        title: names the array in the message.

    Raises:
        DataError: the numbers fit no known range, or one is no number.
    """
    standardized = Levels(-MEAN / DEVIATION, (1 - MEAN) / DEVIATION)
    if math.isfinite(low) and math.isfinite(high):
        if low >= 0 and high <= 1 + NEAR:
            return Levels(0, 1)
        if abs(low - standardized.black) < NEAR and 1 < high < standardized.white + NEAR:
            return standardized
        if abs(low + 0.5) < NEAR and high < 0.5 + NEAR:
            return Levels(-0.5, 0.5)
        if low >= -1 - NEAR and high <= 1 + NEAR:
            return Levels(-1, 1)
        if low >= 0 and whole and high <= DIGITS_WHITE:
            return Levels(0, DIGITS_WHITE)
        if low >= 0 and DIGITS_WHITE < high <= 255 + NEAR:
            return Levels(0, 255)
        if low >= 0 and whole and high < 2 ** BITS[-1]:
            return Levels(0, guess_white(int(high)))
    raise DataError(
        f"Expected pixels in [0, 1], [0, 255] or [-1, 1] in {title}; received numbers from {low:.5g} to {high:.5g}. "
        "Scale them to [0, 1] before you save them."
    )
