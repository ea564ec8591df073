"""Several photos of one page: the image as it is, then turned, moved, zoomed and noisy ones of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.models.config import AugmentationConfig

__all__ = ["photos"]

MOVES = AugmentationConfig(rotation=5, shift=1, scale=0.05, shear=0, stroke=0)
"""Between two photos of a page: 5 degrees, a pixel of 28 and 5 % either way, uniformly."""
NOISE = 0.05
"""Deviation of a pixel on [0, 1], of a sensor's noise."""
CHUNK = 5000
WHITE = 255
Pixels = NDArray[np.uint8]


def photos(images: Pixels, number: int, seed: int) -> Pixels:
    """Photo ``number`` of each of ``images``, both uint8 ``(n, side, side)``; photo 0 is the image itself.

    Args:
        images: light on a black ground.
        number: counts from 0; each photo is drawn by itself.
        seed: the same one gives the same photos.
    """
    if number == 0:
        return images
    from mnist_etc.backend import load_tensorflow

    load_tensorflow()
    from mnist_etc.models.augmentation import augmented

    generator, taken = np.random.default_rng([seed, number]), []
    for first in range(0, len(images), CHUNK):
        part = images[first : first + CHUNK]
        moved = augmented(part, generator.integers(0, 2**31 - 1, 2, dtype=np.int32), MOVES).numpy()
        noisy = moved + WHITE * NOISE * generator.standard_normal(moved.shape, np.float32)
        taken.append(np.clip(np.rint(noisy), 0, WHITE).astype(np.uint8))
    return np.concatenate(taken)
