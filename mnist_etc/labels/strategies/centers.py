"""The image nearest to the center of each cluster: for the first questions."""

from __future__ import annotations

from mnist_etc.labels.strategies.clusters import from_each, make_clusters
from mnist_etc.labels.strategies.pool import Choice, Pool

__all__ = ["choose"]

MOST = 2000
"""Clusters."""


def choose(pool: Pool, k: int) -> Choice:
    """Cluster centers (Kang, Ryu and Kwon 2004, PAKDD).

    As many clusters by k-means as there will be labels, 2,000 at most. Each question goes to a cluster without one, the
    largest first, and there to the image nearest to the center. A score is one over one plus that distance.
    """
    clusters = make_clusters(pool.features, min(len(pool.asked) + k, MOST, len(pool.features)), pool.generator())
    return from_each(pool, k, clusters, lambda members: 1 / (1 + clusters.distances[members]))
