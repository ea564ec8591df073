"""The most typical image of each large cluster without a label: for the first questions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_etc.labels.strategies.clusters import from_each, make_clusters
from mnist_etc.labels.strategies.pool import Choice, Pool

__all__ = ["choose", "typicality"]

MOST = 500
"""Clusters, as in the paper."""
NEIGHBOURS = 20
"""Whose mean distance an image's typicality is one over."""
LARGEST = 5000
"""Of a cluster, whose typicality is measured among so many of its images, drawn by chance."""


def choose(pool: Pool, k: int) -> Choice:
    """TypiClust (Hacohen, Dekel and Weinshall 2022, arXiv:2202.02794).

    As many clusters as there will be labels, 500 at most. Each question goes to the cluster with the fewest questions
    so far, of those to the largest, and there to the image whose nearest neighbours are nearest. A score is the
    typicality: one over the mean distance to the 20 nearest neighbours in the cluster.
    """
    generator = pool.generator()
    clusters = make_clusters(pool.features, min(len(pool.asked) + k, MOST, len(pool.features)), generator)
    return from_each(pool, k, clusters, lambda members: typicality(pool.features, members, generator))


def typicality(
    features: NDArray[np.float32], members: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """How typical each of ``members`` is among them: one over the mean distance to its nearest neighbours."""
    from sklearn.neighbors import NearestNeighbors

    if len(members) == 1:
        return np.ones(1)
    others = members if len(members) <= LARGEST else generator.choice(members, LARGEST, replace=False)
    search = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, len(others)), algorithm="brute").fit(features[others])
    distances = search.kneighbors(features[members])[0]
    return np.asarray(1 / (distances[:, 1:].mean(axis=1, dtype=np.float64) + 1e-7))
