"""Label spreading beside dense implementations of the papers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits, make_blobs, make_moons

from mnist_etc.labels.spreading import Graph, build_graph, extend, laplace, poisson, poisson_mbo

NEIGHBOURS = 6
ASKED = np.array([3, 50, 51, 90, 119])
LABELS = np.array([0, 1, 2, 2, 1])


@pytest.fixture(scope="module")
def points() -> NDArray[np.float32]:
    """In one cloud, so that every image reaches every other."""
    return np.random.default_rng(5).normal(size=(120, 3)).astype(np.float32)


def dense_weights(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """One pair at a time."""
    count = len(points)
    apart = np.sqrt(np.square(points.astype(np.float64)[:, None] - points[None]).sum(axis=2))
    near = np.zeros((count, count))
    for one in range(count):
        order = [other for other in np.argsort(apart[one]) if other != one][:NEIGHBOURS]
        for other in order:
            near[one, other] = np.exp(-4 * apart[one, other] ** 2 / apart[one, order[-1]] ** 2)
    return (near + near.T) / 2


def test_the_graph_is_as_written_out(points: NDArray[np.float32]) -> None:
    graph = build_graph(points, NEIGHBOURS)
    expected = dense_weights(points)
    np.testing.assert_allclose(graph.weights.toarray(), expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(graph.degrees, expected.sum(axis=1), rtol=1e-3)


def test_laplace_solves_the_dense_system(points: NDArray[np.float32]) -> None:
    weights = dense_weights(points)
    system = np.diag(weights.sum(axis=1)) - weights
    free = np.setdiff1d(np.arange(120), ASKED)
    expected = np.zeros((120, 3))
    expected[ASKED] = np.eye(3)[LABELS]
    expected[free] = np.linalg.solve(system[np.ix_(free, free)], weights[np.ix_(free, ASKED)] @ expected[ASKED])
    found = laplace(points, ASKED, LABELS, 3, neighbours=NEIGHBOURS)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    np.testing.assert_allclose(found, laplace(None, ASKED, LABELS, 3, graph=build_graph(points, NEIGHBOURS)))

    priors = np.array([0.5, 0.3, 0.2])
    expected[free] *= priors / expected[free].sum(axis=0)
    expected[free] /= expected[free].sum(axis=1, keepdims=True)
    scaled = laplace(points, ASKED, LABELS, 3, neighbours=NEIGHBOURS, priors=priors)
    np.testing.assert_allclose(scaled, expected, atol=2e-3)


@pytest.mark.parametrize("priors", [None, [0.2, 0.5, 0.3]])
def test_poisson_solves_the_dense_system(points: NDArray[np.float32], priors: list[float] | None) -> None:
    weights = dense_weights(points)
    degrees = weights.sum(axis=1)
    sources = np.zeros((120, 3))
    sources[ASKED] = np.eye(3)[LABELS] - np.eye(3)[LABELS].mean(axis=0)
    expected = np.linalg.pinv(np.diag(degrees) - weights) @ sources
    expected -= degrees @ expected / degrees.sum()
    if priors is not None:
        expected *= np.array(priors) / np.eye(3)[LABELS].mean(axis=0)
    found = poisson(points, ASKED, LABELS, 3, neighbours=NEIGHBOURS, priors=priors)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    logs = np.log(found)
    np.testing.assert_allclose(
        logs - logs.mean(axis=1, keepdims=True),
        (expected - expected.mean(axis=1, keepdims=True)) / expected.std(),
        atol=0.02,
    )


def test_poisson_mbo_keeps_the_sizes_and_the_labels() -> None:
    """Two moons with four times as many images in one: two labels and the sizes are enough."""
    features, moons = make_moons((400, 100), noise=0.1, random_state=0)
    features, asked = features.astype(np.float32), np.array([np.argmax(moons == 0), np.argmax(moons == 1)])
    found = poisson_mbo(features, asked, np.array([0, 1]), 2, priors=[0.8, 0.2])
    classes = found.argmax(axis=1)
    assert np.bincount(classes) == pytest.approx([400, 100], abs=10)
    assert (classes == moons).mean() > 0.95
    assert found[asked].tolist() == [[1, 0], [0, 1]]
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_known_sizes_are_worth_most_with_one_label_a_class() -> None:
    images, digits = load_digits(return_X_y=True)
    graph = build_graph((images / 16).astype(np.float32))
    spreads = ((laplace, {}), (poisson, {}), (poisson_mbo, {"priors": np.full(10, 0.1)}))
    shares = np.zeros((6, 3))
    for choice, row in enumerate(shares):
        asked = np.array([np.flatnonzero(digits == digit)[choice] for digit in range(10)])
        for column, (spread, words) in enumerate(spreads):
            values = spread(None, asked, digits[asked], 10, graph=graph, **words)
            row[column] = (values.argmax(axis=1) == digits).mean()
    assert shares.min() > 0.65, shares
    assert shares[:, 2].mean() > max(0.92, *shares[:, :2].mean(axis=0)), shares


@pytest.mark.parametrize("spread", [laplace, poisson])
def test_parts_of_the_graph_that_no_label_reaches(spread: type[laplace]) -> None:
    """Three far groups: one with both classes, one with one label, one with none."""
    features, groups = make_blobs(150, 2, centers=[[0, 0], [100, 0], [0, 100]], random_state=0)
    asked = np.array([*np.flatnonzero(groups == 0)[:2], np.flatnonzero(groups == 1)[0]])
    found = spread(features.astype(np.float32), asked, np.array([0, 1, 1]), 2)
    assert (found[groups == 1].argmax(axis=1) == 1).all()
    np.testing.assert_allclose(found[groups == 2], 0.5, atol=0.05)
    assert np.isfinite(found).all()


def test_images_that_are_all_alike() -> None:
    found = poisson(np.ones((40, 3), dtype=np.float32), np.array([0, 1]), np.array([0, 1]), 2)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_images_outside_the_graph_get_the_mean_of_their_neighbours() -> None:
    generator = np.random.default_rng(0)
    features, others = (generator.normal(size=(count, 3)).astype(np.float32) for count in (50, 7))
    values = generator.dirichlet([1, 1], 50)
    found = extend(features, values, others, neighbours=5)
    for other, row in zip(others, found, strict=True):
        apart = np.linalg.norm(features - other, axis=1)
        near = np.argsort(apart)[:5]
        weights = np.exp(-4 * (apart[near] / apart[near].max()) ** 2)
        np.testing.assert_allclose(row, weights @ values[near] / weights.sum(), rtol=1e-3)


def test_neither_features_nor_graph() -> None:
    with pytest.raises(ValueError, match="Expected features or their graph"):
        laplace(None, ASKED, LABELS, 3)
    assert Graph.__doc__
