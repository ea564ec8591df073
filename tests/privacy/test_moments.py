"""The noised second moments: what one image moves, what the noise is, what the whitening does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mnist_etc.privacy.moments import noised_second_moments, whitening

RARE = 1e-6


def features(count: int = 500, width: int = 12) -> np.ndarray:
    scales = np.geomspace(1, 30, width)
    return (np.random.default_rng(0).normal(size=(count, width)) * scales).astype(np.float32)


def test_without_noise_it_is_the_sum_over_rows_of_norm_1() -> None:
    rows = features()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(noised_second_moments(rows, 0.0, 0), unit.T @ unit, rtol=1e-4)


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e6])
def test_one_more_image_moves_it_by_1_at_most(scale: float) -> None:
    """As the accountant takes it: the diagonal and, times the square root of 2, the upper triangle, as one vector."""
    rows = features()
    more = np.concatenate([rows, scale * np.ones((1, rows.shape[1]), np.float32)])
    moved = noised_second_moments(more, 0.0, 0) - noised_second_moments(rows, 0.0, 0)
    vector = np.concatenate([np.diag(moved), np.sqrt(2) * moved[np.triu_indices(len(moved), 1)]])
    assert np.linalg.norm(vector) == pytest.approx(1.0 if scale else 0.0, abs=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_counts_as_zero(value: float) -> None:
    rows = features()
    rows[7, 3] = value
    expected = noised_second_moments(np.delete(rows, 7, axis=0), 1.0, 0)
    np.testing.assert_allclose(noised_second_moments(rows, 1.0, 0), expected, rtol=1e-12)


def test_a_row_as_large_as_float32_holds_moves_it_by_1_at_most() -> None:
    rows = features()
    more = np.concatenate([rows, np.full((1, rows.shape[1]), np.finfo(np.float32).max)])
    moved = noised_second_moments(more, 0.0, 0) - noised_second_moments(rows, 0.0, 0)
    assert np.linalg.norm(moved) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("alike", [True, False])
def test_one_more_person_moves_it_by_1_at_most_whatever_the_images(alike: bool) -> None:
    """Forty times the same row would move it by 40 where each counts for itself."""
    rows, width = features(), features().shape[1]
    more = np.ones((40, width), np.float32) if alike else features(540)[500:]
    owners = np.arange(500) // 2
    both = np.concatenate([rows, more]), np.concatenate([owners, np.full(40, 250)])
    moved = noised_second_moments(both[0], 0.0, 0, both[1]) - noised_second_moments(rows, 0.0, 0, owners)
    assert np.linalg.norm(moved) <= 1 + 1e-6
    assert np.trace(moved) == pytest.approx(1)
    assert np.linalg.norm(moved) == pytest.approx(1) or not alike


def test_a_persons_images_count_for_their_mean() -> None:
    rows = features(6)
    owners = np.array([1, 0, 1, 1, 0, 2])
    rows[4, 2] = np.nan
    unit = np.where(np.isfinite(rows).all(1, keepdims=True), rows / np.linalg.norm(rows, axis=1, keepdims=True), 0)
    wanted = sum(
        sum(np.outer(row, row) for row in unit[owners == person]) / np.sum(owners == person) for person in range(3)
    )
    np.testing.assert_allclose(noised_second_moments(rows, 0.0, 0, owners), wanted, rtol=1e-4, atol=1e-7)


def test_its_noise_is_what_the_accountant_takes_it_for() -> None:
    rows, deviation = features(), 3.0
    exact = noised_second_moments(rows, 0.0, 0)
    draws = np.stack([noised_second_moments(rows, deviation, seed) - exact for seed in range(400)])
    np.testing.assert_allclose(draws, draws.transpose(0, 2, 1))
    above = np.triu_indices(len(exact), 1)
    vectors = np.concatenate(
        [draws[:, range(len(exact)), range(len(exact))], np.sqrt(2) * draws[:, above[0], above[1]]], axis=1
    )
    low, high = stats.chi2.ppf([RARE / 2, 1 - RARE / 2], vectors.size)
    assert low < np.square(vectors).sum() / deviation**2 < high
    assert stats.kstest(vectors.ravel() / deviation, "norm").pvalue > RARE
    correlations = vectors.T @ vectors / len(vectors) / deviation**2
    np.fill_diagonal(correlations, 0)
    assert np.abs(correlations).max() < stats.norm.isf(RARE / 2) / len(vectors) ** 0.5


def test_a_seed_has_its_noise() -> None:
    rows = features()
    np.testing.assert_array_equal(noised_second_moments(rows, 1.0, 2**62), noised_second_moments(rows, 1.0, 2**62))
    assert not np.allclose(noised_second_moments(rows, 1.0, 1), noised_second_moments(rows, 1.0, 2))


def test_whitening_evens_out_what_stands_out_of_the_noise() -> None:
    rows = features(20_000)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    matrix = whitening(noised_second_moments(rows, 0.01, 0), 0.01)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-4)
    values = np.linalg.eigvalsh(np.cov((unit @ matrix).T, bias=True) + 0)
    assert values[-1] / values[0] < 1.1
    before = np.linalg.eigvalsh(unit.T @ unit)
    assert before[-1] / before[0] > 100


def test_whitening_leaves_alone_what_drowns_in_the_noise() -> None:
    matrix = whitening(noised_second_moments(features(), 1e6, 0), 1e6)
    values = np.linalg.eigvalsh(matrix)
    assert values[-1] / values[0] < 2
