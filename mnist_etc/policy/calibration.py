"""Confidence in few steps, each as often right as it says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import ConfigError

__all__ = ["calibrate"]

CUTS = 200
"""Quantiles that an edge may lie at."""
LEAST = 0.01
"""Fraction of the images that a level holds at least."""


def calibrate(
    sure: NDArray[np.float32], right: NDArray[np.bool_], levels: int, crowd: float = 0, *, classes: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cut how sure a model is into levels that tell most about whether the prediction is right.

    Histogram binning (Zadrozny and Elkan 2001), with the edges that give the least log loss of all, by dynamic
    programming over quantiles of ``sure``.

    Args:
        sure: greater where the model is surer of the class that it predicts, ``(n,)``.
        right: whether the prediction was right, ``(n,)``.
        levels: how many.
        crowd: fraction of the images that the least sure level holds at least.
        classes: how many there are.

    Returns:
        ascending edges ``(levels - 1,)``, and at each level the fraction that was right ``(levels,)``, add-one
        smoothed and above ``1 / classes``, so that the predicted class stays the greatest; both float32.

    Raises:
        ConfigError: there are too few images, or too few distinct values, for so many levels.
    """
    order = np.argsort(sure, kind="stable")
    sure, right = sure[order], right[order]
    starts = np.unique(np.searchsorted(sure, np.quantile(sure, np.arange(CUTS) / CUTS, method="higher")))
    bounds = np.append(starts, len(sure))
    counts = np.append(0, np.cumsum(right))[bounds]
    size = bounds[None, :] - bounds[:, None]
    allowed = size >= max(1, LEAST * len(sure))
    fraction = np.where(allowed, (counts[None, :] - counts[:, None] + 1) / (np.maximum(size, 0) + 2), 0.5)
    entropy = -fraction * np.log(fraction) - (1 - fraction) * np.log(1 - fraction)
    loss = np.where(allowed, size * entropy, np.inf)
    best, choices = np.where((levels == 1) | (size[0] >= crowd * len(sure)), loss[0], np.inf), []
    for _ in range(levels - 1):
        totals = best[:, None] + loss
        choices.append(totals.argmin(axis=0))
        best = totals.min(axis=0)
    if not np.isfinite(best[-1]):
        raise ConfigError(
            f"Expected policy.levels that {len(sure):,} validation images can be cut into, each level of at least "
            f"{LEAST:.0%} of them and apart from the next; received {levels}. Pass a smaller policy.levels or "
            "policy.crowd."
        )
    cuts = [len(bounds) - 1]
    for choice in reversed(choices):
        cuts.insert(0, int(choice[cuts[0]]))
    edges = sure[bounds[cuts[:-1]]]
    level = np.searchsorted(edges, sure, side="right")
    rights, sizes = np.bincount(level, right, levels), np.bincount(level, minlength=levels)
    confidences = np.maximum((rights + 1) / (sizes + 2), 1.001 / classes)
    return edges.astype(np.float32), confidences.astype(np.float32)
