"""Levels of confidence, against every way to cut that there is."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from mnist_etc.errors import ConfigError
from mnist_etc.evaluation.reliability import expected_calibration_error
from mnist_etc.policy.calibration import calibrate


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_no_other_edges_tell_more(levels: int) -> None:
    generator = np.random.default_rng(levels)
    top = generator.choice(np.linspace(0.2, 1, 12).astype(np.float32), 600)
    right = generator.random(600) < top**2

    def loss(edges: tuple[float, ...]) -> float:
        level = np.searchsorted(np.array(edges), top, side="right")
        total = 0.0
        for one in range(levels):
            inside = right[level == one]
            fraction = (inside.sum() + 1) / (len(inside) + 2)
            total -= len(inside) * (fraction * np.log(fraction) + (1 - fraction) * np.log(1 - fraction))
        return total

    edges, confidences = calibrate(top, right, levels, classes=10)
    best = min(loss(cut) for cut in combinations(np.unique(top)[1:], levels - 1))
    assert loss(tuple(edges)) == pytest.approx(best)
    level = np.searchsorted(edges, top, side="right")
    for one in range(levels):
        inside = right[level == one]
        assert confidences[one] == pytest.approx((inside.sum() + 1) / (len(inside) + 2), abs=1e-6)


@pytest.mark.parametrize("crowd", [0.5, 0.8])
def test_the_unsure_stand_in_a_crowd(crowd: float) -> None:
    """Without it the edge that tells most parts the unsure few from the rest."""
    generator = np.random.default_rng(0)
    top = generator.beta(8, 1, 4000).astype(np.float32)
    right = generator.random(4000) < np.where(top < np.quantile(top, 0.1), 0.2, 0.95)
    free, bound = (calibrate(top, right, 2, one, classes=10)[0] for one in (0, crowd))
    assert (top < free).mean() < 0.2
    assert crowd <= (top < bound).mean() < crowd + 0.02


def test_a_level_stays_above_chance() -> None:
    """So that the predicted class stays the greatest."""
    _, confidences = calibrate(np.linspace(0.1, 1, 500, dtype=np.float32), np.zeros(500, bool), 2, classes=10)
    assert (confidences > 0.1).all()


def test_more_levels_than_images_can_fill_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"policy\.levels .*received 3"):
        calibrate(np.array([0.5, 0.9], np.float32), np.array([True, True]), 3, classes=10)


def test_calibration_error_of_a_known_case() -> None:
    answers = np.zeros((10, 10), np.float32)
    answers[:, 0] = 0.7
    labels = np.array([0] * 4 + [1] * 6)
    assert expected_calibration_error(answers, labels) == pytest.approx(0.3, abs=1e-6)
    assert expected_calibration_error(np.eye(10, dtype=np.float32)[labels], labels) == 0
