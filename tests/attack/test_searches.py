"""The closed-form posterior and hill climbing, against arithmetic of another make and against each other."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from mnist_etc.attack.class_prior import ClassPrior
from mnist_etc.attack.closed_form_posterior import linear_posterior
from mnist_etc.attack.code_posterior import TEMPER
from mnist_etc.attack.cross_entropy_method import cross_entropy_method
from mnist_etc.attack.hill_climbing import Scores, _line, climb
from mnist_etc.errors import ConfigError

GENERATOR = np.random.default_rng(0)
WIDTH = 6
KERNEL = GENERATOR.normal(0, 1, (WIDTH, 10)).astype(np.float32)[:, np.r_[0:4, 0:4, 0:2]]
KERNEL += GENERATOR.normal(0, 0.3, KERNEL.shape).astype(np.float32)
KERNEL[:, 4:] = KERNEL[:, :1] @ np.ones((1, 6), np.float32) * 0.1 - 1
"""Four columns that matter of ten: the code has dimensions that the logits do not show."""
BIAS = GENERATOR.normal(0, 1, 10).astype(np.float32)
CODES = (GENERATOR.normal(0, 1, (3000, WIDTH)) + 3 * GENERATOR.integers(0, 2, (3000, 1))).astype(np.float32)


def linear(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    return codes @ KERNEL + BIAS


def bent(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.tanh(linear(codes) / 8), np.float32)


def mixtures(scores: Scores, components: int) -> list:
    told = scores(CODES)
    return ClassPrior(CODES, told, told.argmax(axis=1), components=components, seed=0)


def test_the_posterior_is_that_of_the_joint_gaussian() -> None:
    """Mean and weight, but for its power, by conditioning the joint Gaussian of code and logits, block by block."""
    prior, logits = mixtures(linear, 3), linear(CODES[:40])
    posterior = linear_posterior(prior, KERNEL, BIAS, logits, restarts=3)
    codes, weights = posterior.codes, posterior.weights
    assert weights.sum(axis=1) == pytest.approx(np.ones(40))
    kernel = KERNEL.astype(np.float64)
    for target in range(40):
        mixture = prior[logits[target].argmax()]
        found = []
        for weight, mean, covariance in zip(
            mixture.log_weights, mixture.codes.means, mixture.codes.covariances, strict=True
        ):
            joint = np.vstack([np.eye(WIDTH), kernel.T]) @ covariance @ np.hstack([np.eye(WIDTH), kernel])
            joint[WIDTH:, WIDTH:] += 1e-8 * np.eye(10)
            expected = mean @ kernel + BIAS
            gain = np.linalg.lstsq(joint[WIDTH:, WIDTH:], joint[WIDTH:, :WIDTH], rcond=None)[0]
            density = multivariate_normal(expected, joint[WIDTH:, WIDTH:]).logpdf(logits[target])
            found.append((weight + density, mean + (logits[target] - expected) @ gain))
        found.sort(key=lambda one: -one[0])
        likely = np.exp(np.array([one[0] for one in found]) - found[0][0]) ** TEMPER
        np.testing.assert_allclose(weights[target], likely / likely.sum(), atol=1e-3)
        np.testing.assert_allclose(codes[target][0], found[0][1], atol=1e-3)


def test_hill_climbing_finds_the_posterior_by_queries_alone() -> None:
    prior, logits = mixtures(linear, 4), linear(CODES[:60])
    exact = linear_posterior(prior, KERNEL, BIAS, logits, restarts=4)
    asked = 0

    def counted(codes: NDArray[np.float32]) -> NDArray[np.float32]:
        nonlocal asked
        asked += len(codes)
        return linear(codes)

    found = climb(counted, prior, logits, logits.argmax(axis=1), queries=64, restarts=4, iterations=1, seed=0)
    assert found.queries == 64
    assert asked <= 64 * 10, "targets of one class share the first step"
    mean = (found.weights[..., None] * found.codes).sum(axis=1)
    np.testing.assert_allclose(mean, (exact.weights[..., None] * exact.codes).sum(axis=1), atol=0.02)


def test_steps_follow_scores_that_are_bent() -> None:
    prior, told = mixtures(bent, 1), bent(CODES[:200])
    errors = []
    for steps in (1, 4):
        found = climb(bent, prior, told, told.argmax(axis=1), queries=100 * steps, restarts=1, iterations=steps, seed=0)
        errors.append(np.square(bent(found.codes[:, 0].astype(np.float32)) - told).mean())
    assert errors[1] < errors[0] / 3


def test_the_cross_entropy_method_fits_the_scores_but_ends_at_no_posterior() -> None:
    told = linear(CODES[:20])
    found = cross_entropy_method(linear, CODES.mean(axis=0), CODES.std(axis=0), told, seed=0)
    before = np.square(linear(CODES.mean(axis=0, keepdims=True)) - told).mean()
    assert np.square(linear(found.codes[:, 0].astype(np.float32)) - told).mean() < before / 1000
    assert 256 <= found.queries <= 256 * 1024


@pytest.mark.parametrize("queries", [0, 31])
def test_too_small_a_budget_is_refused(queries: int) -> None:
    prior, logits = mixtures(linear, 4), linear(CODES[:2])
    with pytest.raises(ConfigError, match=rf"queries of at least 32, .*received {queries}"):
        climb(linear, prior, logits, logits.argmax(axis=1), queries=queries, restarts=4, iterations=1, seed=0)


def test_a_class_that_no_answer_names_has_the_prior_of_all() -> None:
    told = np.eye(10, dtype=np.float32)[np.zeros(50, int)]
    several = ClassPrior(CODES[:50], told, told.argmax(axis=1), components=9, seed=0)
    assert [len(mixture.log_weights) for mixture in several] == [5] * 10


def test_what_a_line_leaves_is_not_taken_for_less_where_draws_are_few() -> None:
    draws, generator = np.random.default_rng(0).normal(0, 1, (20, WIDTH)), np.random.default_rng(1)
    draws = (draws - draws.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(draws.T, bias=True)).T)
    rest = _line(
        lambda codes: generator.normal(0, 1, (len(codes), 10)).astype(np.float32),
        np.zeros((500, WIDTH)),
        np.broadcast_to(np.eye(WIDTH), (500, WIDTH, WIDTH)),
        draws,
    )[2]
    np.testing.assert_allclose(rest.mean(axis=0), np.eye(10), atol=0.05)


def test_scores_as_large_as_they_come_end_no_search() -> None:
    """The scores of two dimensions cannot fill ten, so their covariance is singular but for the noise."""
    codes, kernel = GENERATOR.normal(0, 1, (3000, 2)).astype(np.float32), 3e4 * KERNEL[:2]
    told = codes @ kernel
    prior = ClassPrior(codes, told, told.argmax(axis=1), components=4, seed=0)
    found = climb(lambda z: z @ kernel, prior, told, told.argmax(axis=1), queries=120, restarts=2, iterations=3, seed=0)
    assert np.isfinite(found.codes).all()
