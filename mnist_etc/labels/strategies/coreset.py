"""The images farthest from all that have a label."""

from __future__ import annotations

import numpy as np

from mnist_etc.labels.strategies.pool import Choice, Pool

__all__ = ["choose"]

AT_A_TIME = 50
"""Questions: scikit-activeml holds the distances of every image for each of them."""


def choose(pool: Pool, k: int) -> Choice:
    """Greedy k-center (Sener and Savarese 2018, arXiv:1708.00489), scikit-activeml's.

    Each question goes to the image farthest from the nearest one asked about. A score is that distance.
    """
    from skactiveml.pool import CoreSet

    generator, left = pool.generator(), pool.left
    known = np.full(len(pool.features), np.nan)
    known[pool.asked] = 0
    indices: list[int] = []
    scores: list[float] = []
    while len(indices) < k:
        count = min(AT_A_TIME, k - len(indices))
        query = CoreSet(random_state=int(generator.integers(2**31)))
        found, utilities = query.query(
            pool.features, known, candidates=np.setdiff1d(left, indices), batch_size=count, return_utilities=True
        )
        known[found] = 0
        indices += [int(index) for index in found]
        scores += [float(utilities[place, index]) for place, index in enumerate(found)]
    return Choice(indices=np.array(indices, dtype=np.int64), scores=np.array(scores, dtype=np.float64))
