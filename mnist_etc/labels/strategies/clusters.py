"""What strategies share: clusters of the images, and the best of a list of scores."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_etc.labels.strategies.pool import Choice, Pool

__all__ = ["Clusters", "from_each", "highest", "make_clusters"]

SAMPLE, PER_CLUSTER = 20_000, 20
"""k-means sees a sample of so many images, or of so many a cluster where that is more; all are then assigned."""
ITERATIONS = 50


@dataclass(frozen=True, eq=False)
class Clusters:
    """A partition of images by k-means."""

    members: NDArray[np.int64]
    """``(n,)``: the cluster of each image."""
    distances: NDArray[np.float64]
    """``(n,)``: how far each is from the center of its cluster."""
    count: int
    """Of clusters; some may be empty."""


def make_clusters(
    features: NDArray[np.float32],
    count: int,
    generator: np.random.Generator,
    weights: NDArray[np.float64] | None = None,
) -> Clusters:
    """Lloyd's k-means from one k-means++ start (scikit-learn), on a sample where there are many images.

    Args:
        features: ``(n, d)``.
        count: of clusters; at most n.
        generator: draws the sample and the start.
        weights: ``(n,)``, how much each image pulls the centers.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import pairwise_distances_argmin_min

    size = min(len(features), max(SAMPLE, PER_CLUSTER * count))
    sample = generator.choice(len(features), size, replace=False)
    means = KMeans(count, n_init=1, max_iter=ITERATIONS, random_state=int(generator.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # images that are alike: some clusters stay empty
        means.fit(features[sample], sample_weight=None if weights is None else weights[sample])
    members, distances = pairwise_distances_argmin_min(features, means.cluster_centers_)
    return Clusters(members.astype(np.int64), distances.astype(np.float64), count)


def highest(pool: Pool, scores: NDArray[np.float64], k: int) -> Choice:
    """The ``k`` images with the highest of ``scores``, ``(n,)``, among those left; of equal ones the first."""
    left = pool.left
    best = left[np.argsort(-scores[left], kind="stable")[:k]]
    return Choice(indices=best, scores=scores[best])


def from_each(
    pool: Pool, k: int, clusters: Clusters, score: Callable[[NDArray[np.int64]], NDArray[np.float64]]
) -> Choice:
    """One image of each cluster without a question, the largest first; then a second one of each, and so on.

    Args:
        pool: the images.
        k: how many to choose.
        clusters: of them all.
        score: of the images of one cluster, given by their rows; the highest is asked about.
    """
    free = np.zeros(len(pool.features), dtype=bool)
    free[pool.left] = True
    sizes = np.bincount(clusters.members, minlength=clusters.count)
    questions = np.bincount(clusters.members[pool.asked], minlength=clusters.count)
    ranked: dict[int, list[tuple[int, float]]] = {}
    chosen: list[tuple[int, float]] = []
    waiting = np.bincount(clusters.members[free], minlength=clusters.count)
    while len(chosen) < k:
        cluster = int(np.lexsort((-sizes, questions, waiting == 0))[0])
        if cluster not in ranked:
            members = np.flatnonzero(clusters.members == cluster)
            wanted = score(members)
            order = [place for place in np.argsort(-wanted, kind="stable") if free[members[place]]]
            ranked[cluster] = [(int(members[place]), float(wanted[place])) for place in order]
        chosen.append(ranked[cluster].pop(0))
        questions[cluster] += 1
        waiting[cluster] -= 1
    indices, scores = zip(*chosen, strict=True)
    return Choice(indices=np.array(indices, dtype=np.int64), scores=np.array(scores, dtype=np.float64))
