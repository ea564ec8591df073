"""When two images show one page: a coarse description of each, the same for photos of it that are turned or moved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEAR", "NUMBERS", "describe", "secret_rotation"]

POINTS = 6
"""Of a grid around the middle of the ink, in each direction."""
NUMBERS = POINTS**2
"""Of a description."""
APART, WIDTH = 3.0, 1.5
"""Pixels of 28 between two points, and the deviation of the Gaussian that the ink is blurred by."""
GROUND = 0.15
"""Brightness of a pixel that is taken for black: a sensor's noise."""
NEAR = 0.965
"""Cosine from which two descriptions are of one page: 98 of 100 photos of `mnist_etc.attack.photos` reach it."""
SIDE = 28
Array = NDArray[np.float32]


def describe(images: NDArray[np.floating[Any]], rotation: Array) -> Array:
    """Descriptions ``(n, 36)`` of length 1 of images ``(n, side, side)`` in [0, 1]; zeros of one without ink.

    The ink is blurred, read on a grid of 6 x 6 points around its middle, and its mean taken off; then the numbers are
    turned by ``rotation`` ``(36, 36)``, which leaves their likeness as it is. Who does not know it reads nothing of a
    single description.
    """
    ink = np.maximum(images.astype(np.float32) - np.float32(GROUND), 0)
    count, side, _ = ink.shape
    mass = np.maximum(ink.sum(axis=(1, 2)), np.finfo(np.float32).tiny)
    places, unit = np.arange(side, dtype=np.float32), side / SIDE
    grid = (np.arange(POINTS, dtype=np.float32) - (POINTS - 1) / 2) * APART * unit

    def kernels(middles: Array) -> Array:
        off = places[None, None] - middles[:, None, None] - grid[None, :, None]
        return np.asarray(np.exp(-0.5 * np.square(off / (WIDTH * unit))), np.float32)

    rows, columns = kernels(ink.sum(axis=2) @ places / mass), kernels(ink.sum(axis=1) @ places / mass)
    read = (rows @ ink @ columns.transpose(0, 2, 1)).reshape(count, NUMBERS)
    read -= read.mean(axis=1, keepdims=True)
    length = np.linalg.norm(read, axis=1, keepdims=True)
    return np.asarray(np.divide(read, length, out=np.zeros_like(read), where=length > 0) @ rotation, np.float32)


def secret_rotation() -> Array:
    """A rotation ``(36, 36)`` that nobody knows, another one each time."""
    drawn = np.random.default_rng().standard_normal((NUMBERS, NUMBERS))
    return np.asarray(np.linalg.qr(drawn)[0], np.float32)
