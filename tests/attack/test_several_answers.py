"""Several answers about photos of one page: what the attacker makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_etc.attack.answer_features import answer_features, most_frequent
from mnist_etc.attack.by_confidence import by_confidence
from mnist_etc.attack.examples import Examples
from mnist_etc.attack.metrics import against
from mnist_etc.attack.mixture_regression import regress
from mnist_etc.attack.photos import photos
from mnist_etc.data import digits
from mnist_etc.policy.output_policy import fit_policy
from mnist_etc.policy.specification import parse_policy

IMAGES = digits.read("test").images[:60]
GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(0, 3, (60, 5, 10)).astype(np.float32)


def test_photos_are_other_pictures_of_the_same_page() -> None:
    assert photos(IMAGES, 0, 3) is IMAGES
    first, again, second, other = (photos(IMAGES, *drawn) for drawn in ((1, 3), (1, 3), (2, 3), (1, 4)))
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()
    assert (first != other).any()
    near = np.square(first.astype(float) - IMAGES).mean()
    assert 0 < near < np.square(np.roll(IMAGES, 1, axis=0).astype(float) - IMAGES).mean() / 2


def test_a_policy_that_reads_the_image_reads_the_photo() -> None:
    """Its answers about photos of a page are drawn apart, so noise averages out."""
    said = np.repeat(9 * np.eye(10, dtype=np.float32)[[3] * 60][:, None], 5, axis=1)
    policy = fit_policy(parse_policy("noisy:1"), said[:, 0], np.full(60, 3))
    told = Examples(IMAGES, np.full(60, 3), said).answers(policy, 5)
    assert told.shape == (60, 5, 10)
    assert (told[:, 0] != told[:, 1]).any()


def test_the_most_frequent_answer() -> None:
    said = np.eye(10, dtype=np.float32)[[[1, 2, 2], [4, 5, 6]]]
    assert most_frequent(said).argmax(axis=1).tolist() == [2, 4]


@pytest.mark.parametrize(("text", "width"), [("label", 20), ("logits", 30)])
def test_features_do_not_depend_on_the_order_of_further_photos(text: str, width: int) -> None:
    policy = fit_policy(parse_policy(text), LOGITS[:, 0], np.zeros(60, int))
    told = Examples(IMAGES, np.zeros(60, int), LOGITS).answers(policy, 5)
    own, targets = answer_features(policy, told, told[:, [0, 4, 2, 3, 1]])
    np.testing.assert_allclose(own, targets, atol=1e-5)
    assert own.shape == (60, width)
    one = answer_features(policy, told[:, :1], told[:, :1])[0]
    np.testing.assert_array_equal(one, policy.informative_scores(told[:, 0]))


def test_regression_finds_a_line_in_each_component() -> None:
    """Two clusters of images, in each of which the image is linear in the feature, with opposite slopes."""
    side, told = GENERATOR.integers(0, 2, 4000), GENERATOR.normal(0, 1, (4000, 1))
    features = np.concatenate([told + 20 * side[:, None], GENERATOR.normal(0, 1, (4000, 1))], axis=1)
    line = 0.5 + 0.05 * np.where(side, -1, 1)[:, None] * told
    images = np.concatenate([line, 0.9 * side[:, None]], axis=1).astype(np.float32)
    named = np.zeros(4000, int)
    half = slice(2000), slice(2000, None)
    found = {
        count: regress(
            features[half[0]],
            named[half[0]],
            images[half[0]],
            features[half[1]],
            named[half[1]],
            components=count,
            seed=0,
        )
        for count in (1, 2)
    }
    errors = {count: np.square(rebuilt - images[half[1]]).mean() for count, rebuilt in found.items()}
    assert errors[2] < 1e-4 < errors[1] / 5


def test_a_class_that_the_attacker_never_saw_has_the_mean_image() -> None:
    images = GENERATOR.random((50, 4)).astype(np.float32)
    told = GENERATOR.normal(0, 1, (50, 3))
    found = regress(told, np.zeros(50, int), images, told[:2], np.array([7, 7]), components=1, seed=0)
    np.testing.assert_allclose(found, np.repeat(images.mean(axis=0)[None], 2, axis=0), atol=1e-6)


def test_tails_stand_beside_the_mean() -> None:
    floor, sure = np.ones(1000), np.linspace(0, 1, 1000, dtype=np.float32)
    errors = np.where(np.arange(1000) < 20, 0.1, 1.0)
    told = against(errors, floor, sure)
    assert told.mean.mean == pytest.approx(0.982)
    assert told.first_percentile == pytest.approx(0.1)
    assert told.least_sure == pytest.approx(0.91)
    rows = by_confidence(
        np.where(np.arange(1000) < 100, 0.5, 0.9), errors, floor, model="m", policy="p", answers=1, attack="a"
    )
    assert [(row.lowest, row.targets, round(row.of_floor, 3)) for row in rows] == [(0.5, 100, 0.82), (0.9, 900, 1.0)]
    fifths = by_confidence(sure, errors, floor, model="m", policy="p", answers=1, attack="a")
    assert [row.targets for row in fifths] == [200] * 5
