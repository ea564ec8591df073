"""Varied images by their moments: how far each goes, in both directions, and no further; the same from one seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from mnist_etc.models.augmentation import augmented
from mnist_etc.models.config import UNVARIED

NUMBER = 400
ALL = {"shift": 1.5, "scale": 0.12, "rotation": 12.0, "shear": 0.2, "stroke": 0.6}
BAR = np.zeros((28, 28), np.uint8)
BAR[6:22, 12:16] = 255
SQUARE = np.zeros((28, 28), np.uint8)
SQUARE[6:22, 6:22] = 255
FAINT = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)


def made(image: NDArray[np.uint8], seed: int = 0, **how: float) -> NDArray[np.uint8]:
    """So many varied copies of ``image``."""
    copies = tf.constant(np.broadcast_to(image, (NUMBER, 28, 28)))
    return np.asarray(augmented(copies, tf.constant([seed, 1]), replace(UNVARIED, **how)))


def moments(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """``(7, n)``: mass in white pixels, mean row and column, their variances, covariance, columns a row it leans."""
    weights = images / 255
    rows, columns = np.arange(28.0)[:, None], np.arange(28.0)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((weights * values).sum(axis=(1, 2)) / weights.sum(axis=(1, 2)))

    row, column = mean(rows), mean(columns)
    down, across = mean(rows**2) - row**2, mean(columns**2) - column**2
    both = mean(rows * columns) - row * column
    return np.stack([weights.sum(axis=(1, 2)), row, column, down, across, both, both / down])


def goes_both_ways(values: NDArray[np.float64], low: float, high: float, by: float) -> None:
    """Within ``by`` of [low, high], and near both ends."""
    reach = 0.1 * (high - low)
    assert low - by <= values.min() <= low + reach, values.min()
    assert high - reach <= values.max() <= high + by, values.max()


def test_nothing_asked_changes_nothing() -> None:
    assert np.array_equal(made(FAINT), np.broadcast_to(FAINT, (NUMBER, 28, 28)))


def test_one_seed_one_set_of_images_and_each_image_by_itself() -> None:
    first = made(FAINT, **ALL)
    assert np.array_equal(first, made(FAINT, **ALL))
    assert not np.array_equal(first, made(FAINT, seed=1, **ALL))
    assert len({image.tobytes() for image in first}) == NUMBER


def test_shift_moves_all_of_it_and_brings_in_ground() -> None:
    mass, row, column, *_ = moments(made(BAR, shift=1.5))
    for place in (row, column):
        goes_both_ways(place, 12, 15, 0.01)
    assert np.abs(mass - 64).max() < 0.1
    assert abs(np.corrcoef(row, column)[0, 1]) < 0.2
    assert made(np.full((28, 28), 255, np.uint8), shift=3)[:, [0, -1]].min() == 0


@pytest.mark.parametrize("axis", [3, 4])
def test_scale_stretches_each_side_about_the_middle(axis: int) -> None:
    plain, scaled = moments(SQUARE[None]), moments(made(SQUARE, scale=0.2))
    goes_both_ways(np.sqrt(scaled[axis] / plain[axis]), 1 / 1.2, 1 / 0.8, 0.03)
    assert np.abs(scaled[1:3] - 13.5).max() < 0.1


def test_rotation_turns_about_the_middle() -> None:
    mass, row, column, down, across, both, _ = moments(made(BAR, rotation=30))
    goes_both_ways(np.degrees(np.arctan2(2 * both, down - across) / 2), -30, 30, 1)
    assert np.abs(mass - 64).max() < 1
    assert np.abs(np.stack([row, column]) - 13.5).max() < 0.1


def test_shear_leans_and_leaves_each_row_where_it_is() -> None:
    mass, row, _, down, _, _, lean = moments(made(BAR, shear=0.4))
    goes_both_ways(lean, -0.4, 0.4, 0.02)
    assert np.ptp(down) < 0.1
    assert np.abs(row - 13.5).max() < 0.01
    assert np.abs(mass - 64).max() < 1


@pytest.mark.parametrize("stroke", [0.6, 1.4])
def test_stroke_moves_each_edge(stroke: float) -> None:
    widths = made(BAR, stroke=stroke)[:, 14].sum(axis=1) / 255
    goes_both_ways(widths, 4 - 2 * stroke, 4 + 2 * stroke, 0.01)
