"""What a search of codes ends with, and the image that errs least by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CodePosterior", "tempered"]

TEMPER = 0.5
"""Power of the components' posterior weights: Gaussians of a few images each are too sure of themselves."""
NEGLIGIBLE = 0.01
"""Weight of a code below which it is not decoded."""
Array = NDArray[np.float64]
Decoder = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From codes ``(n, d)`` to images ``(n, side, side)``."""


@dataclass(frozen=True, eq=False)
class CodePosterior:
    """Several codes for each target."""

    codes: Array
    """``(n, restarts, d)``."""
    weights: Array
    """``(n, restarts)``; each row sums to 1."""
    queries: float = 0
    """About each target, on average, had it been attacked alone."""

    def mean_image(self, decode: Decoder) -> NDArray[np.float32]:
        """The weighted mean of the images of each target's codes, ``(n, side, side)``.

        It errs less than the image of the mean code; images of little weight are left out.
        """
        weights = self.weights
        target, which = np.nonzero(weights >= np.minimum(NEGLIGIBLE, weights.max(axis=1, keepdims=True)))
        share = weights[target, which]
        share /= np.bincount(target, share)[target]
        images = decode(self.codes[target, which].astype(np.float32)) * share[:, None, None].astype(np.float32)
        return np.asarray(np.add.reduceat(images, np.searchsorted(target, np.arange(len(weights))), axis=0))


def tempered(likely: Array) -> Array:
    """Posterior weights of components, flattened, that sum to 1; by their logarithms ``(t, k)``, up to a constant."""
    weights = np.exp(TEMPER * (likely - likely.max(axis=1, keepdims=True)))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
