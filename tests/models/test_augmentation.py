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
    in_a_graph = tf.function(lambda seed: augmented(copies, seed, replace(UNVARIED, **how)), autograph=False)
    return np.asarray(in_a_graph(tf.constant([seed, 1])))


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


@pytest.mark.parametrize("smoothness", [2.0, 5.0])
def test_elastic_displaces_smoothly_by_so_many_pixels(smoothness: float) -> None:
    """Seen in images whose light is their column or row; the correlation of neighbors is that of smoothed noise."""
    ramp = np.broadcast_to(np.arange(28, dtype=np.uint8) * 9, (28, 28))
    for image in (ramp, ramp.T):
        by = (made(image, elastic=1.2, smoothness=smoothness) / 9.0 - image / 9.0)[:, 6:22, 6:22]
        assert abs(by.mean()) < 0.1
        assert by.std() == pytest.approx(1.2, rel=0.1)
        for axis in (1, 2):
            for step in (1, 4):
                first, second = np.delete(by, range(16 - step, 16), axis), np.delete(by, range(step), axis)
                expected = np.exp(-(step**2) / (4 * smoothness**2))
                assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(expected, abs=0.06)


def test_elastic_goes_with_the_other_moves() -> None:
    """Displaced next to nothing, an image is where the other moves bring it."""
    moves = ALL | {"stroke": 0.0}
    moved, bent = made(BAR, **moves).astype(float), made(BAR, **moves, elastic=1e-4).astype(float)
    assert np.abs(moved - bent).max() <= 1


def test_erasing_blackens_one_rectangle_of_up_to_that_size() -> None:
    erased = made(np.full((28, 28), 255, np.uint8), erasing=0.5) == 0
    rows, columns = erased.any(axis=2), erased.any(axis=1)
    assert np.array_equal(erased, rows[:, :, None] & columns[:, None, :])
    for side in (rows, columns):
        assert all(np.count_nonzero(np.diff(np.pad(line.astype(int), 1))) in (0, 2) for line in side)
        assert side.sum(axis=1).max() == 14
        assert side.sum(axis=1).mean() == pytest.approx(7, abs=0.7)
        assert side.any(axis=0).all()


def test_flip_mirrors_that_part_of_the_images() -> None:
    flipped = made(FAINT, flip=0.25)
    mirrored = (flipped == FAINT[:, ::-1]).all(axis=(1, 2))
    assert ((flipped == FAINT).all(axis=(1, 2)) | mirrored).all()
    assert mirrored.mean() == pytest.approx(0.25, abs=0.07)
    assert (made(FAINT, flip=1) == FAINT[:, ::-1]).all()


@pytest.mark.parametrize("kind", [{"elastic": 1.0}, {"erasing": 0.4}, {"flip": 0.5}])
def test_each_kind_draws_by_the_seed_and_leaves_the_draws_of_the_others(kind: dict[str, float]) -> None:
    first = made(FAINT, **kind)
    assert np.array_equal(first, made(FAINT, **kind))
    assert not np.array_equal(first, made(FAINT, seed=1, **kind))
    if "elastic" not in kind:
        plain, both = made(FAINT, shift=2.0), made(FAINT, shift=2.0, **kind)
        same = (both == plain) | (both == plain[:, :, ::-1]) | (both == 0)
        assert same.all()
