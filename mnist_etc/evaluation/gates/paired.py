"""Two models on the same images: what the second lost, beyond chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Paired"]

CHANCE = 0.01
"""That a model as good as the other is said to have lost anything."""


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Images that one of two models got right and the other did not: all that tells them apart."""

    images: int
    lost: int
    """Right by the first model alone."""
    won: int
    """Right by the second alone."""

    @classmethod
    def of(cls, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Paired:
        """From whether each model was right on each image, both ``(n,)``."""
        return cls(images=len(first), lost=int(np.sum(first & ~second)), won=int(np.sum(second & ~first)))

    @property
    def loss(self) -> float:
        """Of accuracy, as measured; below zero where the second model is better."""
        return (self.lost - self.won) / self.images

    @property
    def chance(self) -> float:
        """That two equal models would differ so or more: McNemar's exact test, one-sided.

        Source: McNemar 1947, Psychometrika 12, 153-157.
        """
        from scipy.stats import binom

        return float(binom.sf(self.lost - 1, self.lost + self.won, 0.5))

    @property
    def certain_loss(self) -> float:
        """Of accuracy, at least, but for one chance in a hundred; above zero exactly where that test says so.

        Given how many images tell the models apart, those lost are binomial; their share is at least the lower limit of
        Clopper and Pearson 1934, Biometrika 26, 404-413.
        """
        from scipy.stats import beta

        differ = self.lost + self.won
        share = float(beta.ppf(CHANCE, self.lost, self.won + 1)) if self.lost else 0.0
        return differ * (2 * share - 1) / self.images
