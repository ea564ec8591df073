"""Which axis of an array is what: from the shapes in which people hold images to ``(n, height, width)``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_etc.errors import DataError

__all__ = ["Layout", "find_layout", "to_gray"]

CHANNELS = (1, 3, 4)
SMALLEST, LARGEST = 8, 128
"""Sides of images that are stored as rows of pixels, and of images in general that stand on the last axis."""
WIDEST = 8
"""Times as wide as high, or as high as wide: a picture, not a table."""


@dataclass(frozen=True)
class Layout:
    """How the axes of an array are read."""

    single: bool = False
    """The array is one picture, and its first axis the height."""
    row: tuple[int, ...] | None = None
    """The shape of one image where it is stored flat."""
    channels_first: bool = False
    note: str = ""
    """What had to be guessed."""

    def arrange(self, piece: NDArray[Any]) -> NDArray[Any]:
        """Bring a piece of the array, cut along its first axis, or a single picture, to ``(n, height, width[, c])``."""
        if self.single:
            return piece[None]
        if self.row:
            return piece.reshape(len(piece), *self.row)
        return np.moveaxis(piece, 1, -1) if self.channels_first else piece


def find_layout(shape: tuple[int, ...], title: str) -> Layout:
    """How an array of that shape is read.

    Known shapes: ``(n, height, width)``, with 1, 3 or 4 channels last or second; ``(n, side * side)``; and
    ``(height, width)``, alone or with 3 or 4 channels, which is one picture.

    Args:
        shape: of the whole array.
        title: names the array in messages.

    Raises:
        DataError: the shape is none of those.
    """
    side = math.isqrt(shape[-1]) if shape else 0
    layout = None
    if 0 not in shape:
        match len(shape):
            case 2 if shape[0] != shape[1] and side**2 == shape[1] and SMALLEST <= side <= LARGEST:
                guessed = "" if side == 28 else f"{title} is taken for {shape[0]:,} images of {side} x {side}"
                layout = Layout(row=(side, side), note=guessed)
            case 2 if min(shape) >= SMALLEST and max(shape) <= WIDEST * min(shape) and shape[0] != 28**2:
                layout = Layout(
                    single=True, note="" if shape == (28, 28) else f"{title} is taken for one picture of {_by(shape)}"
                )
            case 3 if shape[2] in CHANNELS and min(shape[:2]) >= SMALLEST:
                layout = Layout(single=True, note=f"{title} is taken for one picture of {_by(shape[:2])}")
            case 3 if not (shape[0] == shape[1] != shape[2] and SMALLEST <= shape[0] <= LARGEST):
                layout = Layout()
            case 4 if shape[3] in CHANNELS:
                layout = Layout()
            case 4 if shape[1] in CHANNELS:
                layout = Layout(channels_first=True)
    if layout is None:
        raise DataError(
            f"Expected images of shape (n, height, width), with 1 or 3 channels last or second, or (n, 784) in "
            f"{title}; received {shape}. {_remedy(shape)}"
        )
    return layout


def to_gray(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert images to gray levels.

    Args:
        pixels: ``(n, height, width)`` or ``(n, height, width, channels)``; of 4 channels the last, alpha, is left out.

    Returns:
        ``(n, height, width)``; colors are weighted as Pillow's mode L does (ITU-R 601-2 luma).
    """
    if pixels.ndim == 3:
        return pixels
    if pixels.shape[3] == 1:
        return pixels[..., 0]
    colors = np.ascontiguousarray(pixels[..., :3])
    return np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in colors])


def _by(shape: tuple[int, ...]) -> str:
    return f"{shape[0]:,} x {shape[1]:,} pixels"


def _remedy(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return "Take the array of the images: these may be labels, or one image that wants reshape(1, 28, 28)."
    if len(shape) == 2 and shape[1] - 1 == math.isqrt(shape[1] - 1) ** 2 > 1:
        return "Split off the labels, which seem to be the first column: images=a[:, 1:], labels=a[:, 0]."
    if len(shape) == 2 and shape[0] == 28**2:
        return "Transpose it: numpy.save('mine.npy', a.T)."
    if len(shape) == 3 and shape[0] == shape[1]:
        return "Put the axis that counts the images first: numpy.moveaxis(a, -1, 0)."
    return "Reshape the array."
