"""How far an input is from what a model was trained on, since every model answers everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Familiarity"]

PHOTO = 0.45
"""A mismatch that nothing written reaches; see `mnist_etc.data.figures.Figure`."""


@dataclass(frozen=True, kw_only=True)
class Familiarity:
    """Greatest logits of a model on validation images (Hendrycks et al. 2022, arXiv:1911.11132: MaxLogit)."""

    typical_logit: float
    """Their median."""
    least_logit: float
    """What one in a hundred is below."""

    @classmethod
    def measure(cls, logits: ArrayLike) -> Familiarity:
        """From logits ``(n, classes)`` of validation images."""
        greatest = np.max(np.asarray(logits), axis=1)
        return cls(typical_logit=float(np.median(greatest)), least_logit=float(np.quantile(greatest, 0.01)))

    @classmethod
    def of(cls, metrics: Mapping[str, float]) -> Familiarity | None:
        """What a manifest states among its metrics; None where it is of before this was measured."""
        if not metrics.keys() >= {"typical_logit", "least_logit"}:
            return None
        return cls(typical_logit=metrics["typical_logit"], least_logit=metrics["least_logit"])

    def figures(self) -> dict[str, float]:
        """For the manifest."""
        return asdict(self)

    def distance(self, logits: NDArray[np.float32], mismatch: Sequence[float]) -> NDArray[np.float64]:
        """Distance of each image from the training data.

        Args:
            logits: ``(n, classes)``.
            mismatch: of each image's picture, see `mnist_etc.data.figures.Figure`.

        Returns:
            ``(n,)``, 0 for a typical image, 1 for as strange a one as one validation image in a hundred.
        """
        spread = max(self.typical_logit - self.least_logit, 1e-6)
        by_logit = np.maximum((self.typical_logit - logits.max(axis=1)) / spread, 0)
        by_picture = np.asarray(mismatch) / PHOTO
        return np.asarray(np.hypot(by_logit, by_picture), np.float64)
