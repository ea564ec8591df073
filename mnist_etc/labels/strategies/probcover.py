"""The images with the most others within a radius: the first questions cover most of the pool."""

from __future__ import annotations

import warnings

import numpy as np

from mnist_etc.labels.strategies.pool import Choice, Pool

__all__ = ["choose"]

SEEN = 3000
"""Images, drawn by chance, that may be asked about and are to be covered: memory holds the distances of each pair."""
QUANTILES = np.geomspace(1e-4, 0.1, 10)
"""Of those distances: the radii that are tried."""
PURITY = 0.95


def choose(pool: Pool, k: int) -> Choice:
    """ProbCover (Yehuda et al. 2022, arXiv:2205.11320), scikit-activeml's, on features of norm 1.

    The radius is the largest whose balls lie within one of as many clusters as classes, in 95 of 100 cases. Where
    more is asked than the sample allows, it grows. A score is the number of images that a question newly covers.
    """
    from skactiveml.pool import ProbCover
    from sklearn.metrics import pairwise_distances

    generator = pool.generator()
    left = pool.left
    drawn = np.sort(generator.choice(left, min(len(left), max(SEEN, 2 * k)), replace=False))
    rows = np.concatenate([pool.asked, drawn])
    features = pool.features[rows] / np.linalg.norm(pool.features[rows], axis=1, keepdims=True).clip(1e-12)
    known = np.full(len(rows), np.nan)
    known[: len(pool.asked)] = pool.labels
    distances = pairwise_distances(features)
    seed = int(generator.integers(2**31))
    query = ProbCover(
        n_classes=pool.classes,
        deltas=np.unique(np.append(np.quantile(distances, QUANTILES), 0.0)),
        alpha=PURITY,
        cluster_algo_dict={"n_init": 1, "random_state": seed},
        distance_func=lambda _: distances,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The maximum purity")  # images that are alike: the radius is zero
        found, covered = query.query(features, known, batch_size=k, return_utilities=True)
    return Choice(indices=rows[found], scores=covered[np.arange(k), found].astype(np.float64))
