"""Labeled images together with what the attacked model makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Examples"]

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Examples:
    """``n`` images, the attacker's own or those that are to be rebuilt."""

    pixels: NDArray[np.uint8]
    """``(n, 28, 28)``."""
    labels: NDArray[np.int64]
    """``(n,)``."""
    logits: Array
    """``(n, 10)``."""
    codes: Array = field(default_factory=lambda: np.empty((0, 0), np.float32))
    """``(n, d)``; empty where nobody asked the encoder."""

    @cached_property
    def images(self) -> Array:
        """``(n, 28, 28)`` in [0, 1]."""
        return np.asarray(self.pixels.astype(np.float32) / np.float32(255))

    @property
    def flat(self) -> Array:
        """Images as rows, ``(n, 784)``."""
        return self.images.reshape(len(self.images), -1)
