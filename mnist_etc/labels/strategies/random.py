"""Questions by chance: what every other strategy is held against."""

from __future__ import annotations

import numpy as np

from mnist_etc.labels.strategies.pool import Choice, Pool

__all__ = ["choose"]


def choose(pool: Pool, k: int) -> Choice:
    """Draw ``k`` of the images left, each as likely as the others; a score says nothing."""
    return Choice(indices=pool.generator().choice(pool.left, k, replace=False), scores=np.zeros(k))
