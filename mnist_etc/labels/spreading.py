"""From a handful of labels to all images: label spreading on the graph of nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Graph", "build_graph", "extend", "laplace", "link", "poisson", "poisson_mbo"]

Values = NDArray[np.float64]
STEEPNESS = 4.0
"""A neighbour at the distance of the last one weighs ``exp(-4)``."""
TOLERANCE, ITERATIONS = 1e-6, 1000
FAINT = 1e-7
"""Part of each image's degree that pulls it to no class: it makes the system of a graph in several parts solvable."""
TINY = float(np.finfo(np.float32).tiny)
ROUNDS, STEPS = 20, 40
"""Of Poisson MBO: partitions, and steps of heat between two of them."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Images and how near they are to their nearest neighbours."""

    weights: csr_array
    """``(n, n)``, symmetric, float64, nothing on the diagonal."""
    degrees: Values
    """``(n,)``: the sum of each row."""


def build_graph(features: NDArray[np.float32], neighbours: int = 10) -> Graph:
    """Join each image with its nearest neighbours.

    The weight of a neighbour at a distance d is ``exp(-4 d^2 / d_last^2)``, ``d_last`` that of the last neighbour;
    the mean of both directions is taken (Calder et al. 2020, arXiv:2006.11184, section 4). 60,000 images of 300
    features take about half a minute on two cores, in blocks, so memory holds no matrix of all distances.

    Args:
        features: ``(n, d)``.
        neighbours: of each image, itself not counted; fewer than n.
    """
    from scipy.sparse import csr_array, diags_array

    distances, indices = _nearest(features, features, min(neighbours, len(features) - 1) + 1)
    near = _weights(distances)
    rows = np.repeat(np.arange(len(features)), indices.shape[1])
    weights = csr_array((near.ravel(), (rows, indices.ravel())), shape=(len(features), len(features)))
    weights = weights - diags_array(weights.diagonal())
    weights = csr_array((weights + weights.T) / 2)
    weights.eliminate_zeros()
    return Graph(weights, np.asarray(weights.sum(axis=1)).ravel())


def laplace(
    features: NDArray[np.float32] | None,
    asked: NDArray[np.int64],
    labels: NDArray[np.int64],
    classes: int,
    *,
    neighbours: int = 10,
    graph: Graph | None = None,
    priors: ArrayLike | None = None,
) -> Values:
    """Each image's probabilities are the weighted mean of its neighbours'; those of asked images are their labels.

    Zhu, Ghahramani and Lafferty 2003 (ICML), the class sizes by their class mass normalization. Best from about ten
    labels a class on; for fewer see `poisson`.

    Args:
        features: ``(n, d)``; None with a graph.
        asked: ``(m,)`` rows that have a label.
        labels: ``(m,)``, theirs.
        classes: how many.
        neighbours: see `build_graph`.
        graph: of the features, where it is there already.
        priors: ``(classes,)``, the part of all images in each class, where it is known.

    Returns:
        ``(n, classes)`` probabilities; equal ones where no label can be reached.
    """
    graph = _graph(features, graph, neighbours)
    known = _one_hot(labels, classes)
    free = np.setdiff1d(np.arange(len(graph.degrees)), asked)
    spread = np.zeros((len(graph.degrees), classes))
    spread[asked] = known
    rows = graph.weights[free]
    spread[free] = np.clip(_solve(rows[:, free], graph.degrees[free], rows[:, asked] @ known), 0.0, 1.0)
    if priors is not None:
        masses = spread[free].sum(axis=0)
        spread[free] *= np.asarray(priors) / np.maximum(masses, TINY)
    return _normalized(spread)


def poisson(
    features: NDArray[np.float32] | None,
    asked: NDArray[np.int64],
    labels: NDArray[np.int64],
    classes: int,
    *,
    neighbours: int = 10,
    graph: Graph | None = None,
    priors: ArrayLike | None = None,
) -> Values:
    """Labels are sources and sinks of heat instead of fixed values, which holds where there are one or two a class.

    Poisson learning (Calder, Cook, Thorpe and Slepcev 2020, arXiv:2006.11184, algorithm 1). The arguments are those of
    `laplace`. The order of the classes is the paper's; the probabilities are the softmax of the potentials over their
    standard deviation, a scale of our own.
    """
    graph = _graph(features, graph, neighbours)
    potentials = _potentials(graph, asked, labels, classes)
    share = np.bincount(labels, minlength=classes) / len(labels)
    if priors is not None:
        potentials = potentials * (np.asarray(priors) / np.maximum(share, 1 / len(labels)))
    potentials = potentials / max(float(potentials.std()), TINY)
    return _normalized(np.exp(potentials - potentials.max(axis=1, keepdims=True)) * (share > 0))


def poisson_mbo(
    features: NDArray[np.float32] | None,
    asked: NDArray[np.int64],
    labels: NDArray[np.int64],
    classes: int,
    *,
    priors: ArrayLike,
    neighbours: int = 10,
    graph: Graph | None = None,
) -> Values:
    """Poisson learning, then the partition with the shortest border whose classes have their known sizes.

    Poisson MBO (arXiv:2006.11184, algorithm 2): heat flows from the last partition and from the labels, then each image
    joins its warmest class, all weighed so that the sizes come out. The arguments are those of `laplace`; the
    probabilities are the last heat.
    """
    graph = _graph(features, graph, neighbours)
    sizes = np.asarray(priors, dtype=np.float64) * len(graph.degrees)
    sources = _sources(graph, asked, labels, classes)
    heat = _potentials(graph, asked, labels, classes)
    heat = heat / max(float(np.ptp(heat)), TINY)
    step = 1 / graph.degrees.max()
    for _ in range(ROUNDS):
        heat = _one_hot(np.argmax(heat + _offsets(heat, sizes), axis=1), classes)
        for _ in range(STEPS):
            heat += step * (graph.weights @ heat - graph.degrees[:, np.newaxis] * heat + sources)
    probabilities = np.clip(heat + _offsets(heat, sizes), 0.0, None)
    probabilities[asked] = _one_hot(labels, classes)
    return _normalized(probabilities)


def link(features: NDArray[np.float32], others: NDArray[np.float32], *, neighbours: int = 10) -> csr_array:
    """How images outside a graph hang on those in it; what the graph's are is not changed by them.

    Args:
        features: ``(n, d)`` of the images of the graph.
        others: ``(m, d)`` of the new images.
        neighbours: of each.

    Returns:
        ``(m, n)``, sparse, each row summing to 1, weighed as `build_graph` does: times ``(n, classes)`` probabilities
        of the graph's images it gives the ``(m, classes)`` of the new ones.
    """
    from scipy.sparse import csr_array

    distances, indices = _nearest(features, others, min(neighbours, len(features)))
    near = _weights(distances)
    near /= near.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(others)), indices.shape[1])
    return csr_array((near.ravel(), (rows, indices.ravel())), shape=(len(others), len(features)))


def extend(
    features: NDArray[np.float32], values: Values, others: NDArray[np.float32], *, neighbours: int = 10
) -> Values:
    """What images outside the graph get, ``(m, classes)``: `link` times the ``(n, classes)`` of those in it."""
    return np.asarray(link(features, others, neighbours=neighbours) @ values)


def _graph(features: NDArray[np.float32] | None, graph: Graph | None, neighbours: int) -> Graph:
    if graph is not None:
        return graph
    if features is None:
        raise ValueError("Expected features or their graph; received neither.")
    return build_graph(features, neighbours)


def _nearest(
    features: NDArray[np.float32], others: NDArray[np.float32], count: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(features)
    distances, indices = search.kneighbors(others)
    return distances, indices


def _weights(distances: NDArray[np.float32]) -> Values:
    last = np.maximum(distances[:, -1:], TINY)
    return np.asarray(np.exp(-STEEPNESS * np.square(distances / last, dtype=np.float64)))


def _one_hot(labels: NDArray[np.int64], classes: int) -> Values:
    return np.asarray(np.eye(classes)[labels])


def _normalized(values: Values) -> Values:
    """Rows that sum to 1; equal numbers where there are only zeros."""
    sums = values.sum(axis=1, keepdims=True)
    equal = np.full_like(values, 1 / values.shape[1])
    return np.asarray(np.divide(values, sums, out=equal, where=sums > TINY))


def _sources(graph: Graph, asked: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> Values:
    """Each label less the mean of all of them, zero elsewhere."""
    known = _one_hot(labels, classes)
    sources = np.zeros((len(graph.degrees), classes))
    sources[asked] = known - known.mean(axis=0)
    return sources


def _potentials(graph: Graph, asked: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> Values:
    """Solves ``L u = sources`` with the mean of u, weighed by degrees, zero."""
    solved = _solve(graph.weights, graph.degrees * (1 + FAINT), _sources(graph, asked, labels, classes))
    return np.asarray(solved - np.average(solved, axis=0, weights=graph.degrees))


def _solve(weights: csr_array, diagonal: Values, right: Values) -> Values:
    """Solve ``(diag(diagonal) - weights) x = right`` for all columns at once, by conjugate gradients.

    The system is first divided by the roots of the diagonal from both sides (Jacobi's preconditioner).
    """
    roots = np.sqrt(diagonal)[:, np.newaxis]
    residual = right / roots
    scaled, direction, solution = (
        weights.multiply(1 / roots).multiply(1 / roots.T).tocsr(),
        residual,
        np.zeros_like(residual),
    )
    squares = np.square(residual).sum(axis=0)
    goal = TOLERANCE**2 * squares
    for _ in range(ITERATIONS):
        if (squares <= goal).all():
            break
        applied = direction - scaled @ direction
        length = _ratio(squares, (direction * applied).sum(axis=0))
        solution = solution + length * direction
        residual = residual - length * applied
        before, squares = squares, np.square(residual).sum(axis=0)
        direction = residual + _ratio(squares, before) * direction
    return np.asarray(solution / roots)


def _ratio(above: Values, below: Values) -> Values:
    """Zero where both are: that column is solved."""
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0))


def _offsets(values: Values, sizes: Values) -> Values:
    """What to add to each column so that the largest of each row falls on column j in ``sizes[j]`` rows, nearly.

    The auction of Jacobs, Merkurjev and Esedoglu 2018 (arXiv:1805.06400) as a descent: a class with too few rises.
    """
    offsets, step = np.zeros(len(sizes)), 0.5 * float(np.ptp(values))
    for _ in range(100):
        counts = np.bincount(np.argmax(values + offsets, axis=1), minlength=len(sizes))
        offsets += step * (sizes - counts) / len(values)
        step *= 0.97
    return offsets
