"""The most typical image of each cluster of the graph of neighbours: for a handful of questions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mnist_etc.labels.spreading import build_graph
from mnist_etc.labels.strategies import typiclust
from mnist_etc.labels.strategies.pool import Choice, Pool

__all__ = ["choose", "embed"]

SEEN = 10_000
"""Images, drawn by chance, that may be asked about: their graph takes a second."""
NEIGHBOURS = 10
MOST = 50
"""Eigenvectors."""
DENSE = 1500
"""Images up to which all eigenvectors are found at once: a search may miss one of several with the same eigenvalue."""
TOLERANCE = 1e-5


def choose(pool: Pool, k: int) -> Choice:
    """TypiClust on the spectral embedding of Ng, Jordan and Weiss 2001 (NIPS), where clusters may have any shape.

    There are as many eigenvectors as labels there will be, at least as many as classes and at most 50. Where more is
    asked than the sample holds, it grows. A score is as in `mnist_etc.labels.strategies.typiclust`.
    """
    generator, left = pool.generator(), pool.left
    drawn = np.sort(generator.choice(left, min(len(left), max(SEEN, 2 * k)), replace=False))
    rows = np.concatenate([pool.asked, drawn])
    count = min(max(pool.classes, len(pool.asked) + k), MOST, len(rows) - 1)
    inside = replace(
        pool,
        features=embed(pool.features[rows], count, generator),
        asked=np.arange(len(pool.asked)),
        probabilities=None,
        barred=np.empty(0, np.int64),
    )
    choice = typiclust.choose(inside, k)
    return Choice(indices=rows[choice.indices], scores=choice.scores)


def embed(features: NDArray[np.float32], count: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """The leading ``count`` eigenvectors of the graph's weights over the roots of the degrees; rows of norm 1.

    Args:
        features: ``(n, d)``, n above ``count``.
        count: of eigenvectors.
        generator: draws where the search for them starts.

    Returns:
        ``(n, count)``.
    """
    from scipy.linalg import eigh
    from scipy.sparse.linalg import eigsh

    graph = build_graph(features, NEIGHBOURS)
    roots = np.sqrt(graph.degrees)
    scaled = graph.weights.multiply(1 / roots[:, np.newaxis]).multiply(1 / roots).tocsr()
    if len(roots) <= DENSE:
        vectors = eigh(scaled.toarray(), subset_by_index=[len(roots) - count, len(roots) - 1])[1]
    else:
        vectors = eigsh(scaled, count, which="LA", v0=generator.normal(size=len(roots)), tol=TOLERANCE)[1]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)
