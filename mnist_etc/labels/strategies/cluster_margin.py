"""The images that the classifier wavers on, one of each kind: small margins, spread over clusters."""

from __future__ import annotations

import numpy as np

from mnist_etc.labels.strategies.clusters import make_clusters
from mnist_etc.labels.strategies.pool import Choice, Pool
from mnist_etc.labels.strategies.uncertainty import margins

__all__ = ["choose"]

WIDER = 10
"""Times as many images with the smallest margins are clustered as there are questions."""
LEAST = 2000
"""Images that are clustered, where so many are left."""


def choose(pool: Pool, k: int) -> Choice:
    """Diverse mini-batches (Zhdanov 2019, arXiv:1901.05954).

    The images left with the smallest margins are put into ``k`` clusters by k-means, each weighed by one less its
    margin; the image nearest to each center is asked about. A score is one less the margin.
    """
    left = pool.left
    doubts = 1 - margins(pool.belief()[left])
    few = np.argsort(-doubts, kind="stable")[: max(WIDER * k, LEAST)]
    clusters = make_clusters(pool.features[left[few]], min(k, len(few)), pool.generator(), doubts[few] + 1e-9)
    nearest = np.lexsort((clusters.distances, clusters.members))
    first = nearest[np.unique(clusters.members[nearest], return_index=True)[1]]
    rest = np.setdiff1d(np.arange(len(few)), first)[: k - len(first)]
    chosen = few[np.concatenate([first, rest])]
    chosen = chosen[np.argsort(-doubts[chosen], kind="stable")]
    return Choice(indices=left[chosen], scores=doubts[chosen])
