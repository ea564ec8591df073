"""Labeled images together with what the attacked model makes of them and of further photos of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.photos import photos
from mnist_etc.policy.graph import answers
from mnist_etc.policy.output_policy import OutputPolicy

__all__ = ["Examples"]

Array = NDArray[np.float32]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Examples:
    """``n`` images, the attacker's own or those that are to be rebuilt."""

    pixels: Pixels
    """``(n, side, side)``."""
    labels: NDArray[np.int64]
    """``(n,)``."""
    all_logits: Array
    """Of the first ``k`` photos of each, ``(n, k, classes)``; photo 0 is the image itself."""
    codes: Array = field(default_factory=lambda: np.empty((0, 0), np.float32))
    """``(n, d)``; empty where nobody asked the encoder."""
    seed: int = 0
    """Of the photos."""

    @classmethod
    def photographed(
        cls, model: Callable[[Pixels], Array], pixels: Pixels, labels: NDArray[np.int64], *, count: int, seed: int
    ) -> Examples:
        """Ask ``model``, uint8 ``(n, side, side)`` to logits ``(n, classes)``, about ``count`` photos of each image."""
        told = [model(photos(pixels, number, seed)) for number in range(count)]
        return cls(pixels, labels, np.stack(told, axis=1), seed=seed)

    def answers(self, policy: OutputPolicy, count: int) -> Array:
        """What ``policy`` lets through about the first ``count`` photos of each image, ``(n, count, classes)``."""
        told = []
        for number in range(count):
            seen = photos(self.pixels, number, self.seed) if policy.row.reads_image else None
            told.append(answers(policy, np.ascontiguousarray(self.all_logits[:, number]), seen))
        return np.stack(told, axis=1)

    @property
    def logits(self) -> Array:
        """Of the images themselves, ``(n, classes)``."""
        return np.ascontiguousarray(self.all_logits[:, 0])

    @cached_property
    def images(self) -> Array:
        """``(n, side, side)`` in [0, 1]."""
        return np.asarray(self.pixels.astype(np.float32) / np.float32(255))

    @property
    def flat(self) -> Array:
        """Images as rows, ``(n, pixels)``."""
        return self.images.reshape(len(self.images), -1)
