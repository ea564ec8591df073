"""Baselines and metrics, against loops and known values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA

from mnist_etc.attack import inverse_network
from mnist_etc.attack.baselines import principal_components
from mnist_etc.attack.class_prior import ClassPrior
from mnist_etc.attack.code_posterior import CodePosterior
from mnist_etc.attack.hill_climbing import climb
from mnist_etc.attack.inverse_network import invert
from mnist_etc.attack.mean_by_answer import mean_by_answer, mean_suffices
from mnist_etc.attack.metrics import image_metrics, interval, ratio
from mnist_etc.composition import compose
from mnist_etc.data import digits
from mnist_etc.export.config import ExportCommand

TRAIN = digits.read("train").images.astype(np.float32) / 255
TEST = digits.read("test").images.astype(np.float32) / 255


def test_mean_by_answer_is_a_mean_by_answer() -> None:
    generator = np.random.default_rng(0)
    answers = generator.integers(0, 3, (len(TRAIN), 2)).astype(np.float32)
    targets = generator.integers(0, 4, (50, 2)).astype(np.float32)
    for target, image in zip(targets, mean_by_answer(answers, TRAIN, targets), strict=True):
        same = TRAIN[(answers == target).all(axis=1)]
        np.testing.assert_allclose(image, (same if len(same) else TRAIN).mean(axis=0), atol=1e-5)


def test_principal_components_are_those_of_the_singular_values() -> None:
    own = TRAIN[:300]
    flat, mean = own.reshape(len(own), -1), own.reshape(len(own), -1).mean(axis=0)
    basis = np.linalg.svd(flat - mean, full_matrices=False)[2][:10]
    expected = np.clip((TEST.reshape(len(TEST), -1) - mean) @ basis.T @ basis + mean, 0, 1)
    found = principal_components(own, TEST, 10).reshape(len(TEST), -1)
    assert np.square(found - expected).mean() < 1e-4


def test_metrics_of_known_cases() -> None:
    same = image_metrics(TEST, TEST, lambda images: (images.sum(axis=(1, 2)) > 100).astype(np.int64))
    assert (same.mse.mean, same.same_class.mean) == (0, 1)
    assert (same.cosine.mean, same.ssim.mean) == (pytest.approx(1), pytest.approx(1))
    black = image_metrics(TEST, np.zeros_like(TEST), lambda images: np.zeros(len(images), np.int64))
    assert black.mse.mean == pytest.approx(np.square(TEST).mean(), rel=1e-5)
    assert black.cosine.mean == 0
    assert black.ssim.mean < 0.7


def test_intervals_agree_with_resampling() -> None:
    generator = np.random.default_rng(0)
    errors = generator.gamma(2, 1, 400)
    floor = errors * 1.2 + generator.gamma(1, 0.5, 400)
    draws = generator.integers(0, 400, (4000, 400))
    for found, resampled in (
        (interval(errors), errors[draws].mean(axis=1)),
        (ratio(errors, floor), errors[draws].mean(axis=1) / floor[draws].mean(axis=1)),
    ):
        low, high = np.quantile(resampled, [0.025, 0.975])
        assert found.mean - found.half == pytest.approx(low, rel=0.02)
        assert found.mean + found.half == pytest.approx(high, rel=0.02)


def test_a_mean_image_leaves_out_what_weighs_nothing() -> None:
    codes = np.arange(12.0).reshape(2, 3, 2)
    weights = np.array([[0.5, 0.5, 0.0], [0.004, 0.992, 0.004]])
    asked: list[int] = []

    def decode(codes: np.ndarray) -> np.ndarray:
        asked.append(len(codes))
        return np.repeat(codes[:, :1, None], 4, axis=1).astype(np.float32)

    images = CodePosterior(codes, weights).mean_image(decode)
    np.testing.assert_allclose(images[:, 0, 0], [1, 8])
    assert asked == [3]


def test_the_inverse_network_learns() -> None:
    """From ten principal components, even of few images, each with an answer of its own."""
    words = ["attack.epochs=40", "attack.batch_size=64", "attack.units=64", "attack.blocks=2", "attack.networks=1"]
    own = TRAIN[:300]
    components = PCA(10, random_state=0).fit(own.reshape(len(own), -1))
    answers, asked = (components.transform(side.reshape(len(side), -1)).astype(np.float32) for side in (own, TEST))
    assert not mean_suffices(answers)
    found = invert(compose("export", ExportCommand, words).attack, answers, own, asked, 2**32 - 1)
    assert np.square(found - TEST).mean() < 0.6 * np.square(own.mean(axis=0) - TEST).mean()


def test_the_inverse_is_the_mean_of_different_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    def trained(config: object, features: object, images: object, seed: int) -> Callable[[object], tf.Tensor]:
        seeds.append(seed)
        return lambda asked: tf.ones((len(asked), 28, 28)) * len(seeds)

    monkeypatch.setattr(inverse_network, "_trained", trained)
    for seed in (0, 1):
        attack = compose("export", ExportCommand, ["attack.networks=3"]).attack
        found = invert(attack, TRAIN[:5, 0], TRAIN[:5], TEST[:2, 0], seed)
        np.testing.assert_allclose(found, np.full((2, 28, 28), 2.0 + 3 * seed))
    assert len(set(seeds)) == 6


def test_answers_repeat_or_not() -> None:
    classes = np.eye(10, dtype=np.float32)
    assert mean_suffices(np.repeat(classes, 100, axis=0))
    assert not mean_suffices(np.repeat(classes, 99, axis=0))


def test_random_answers_tell_nothing() -> None:
    """No attack on them does better than the mean image."""
    attack = compose("export", ExportCommand, ["attack.epochs=3", "attack.units=64", "attack.blocks=3"]).attack
    generator = np.random.default_rng(0)
    answers, asked = (generator.normal(0, 1, (len(images), 10)).astype(np.float32) for images in (TRAIN, TEST))
    knowing_nothing = np.square(TRAIN.mean(axis=0) - TEST).mean()
    inverted = invert(attack, answers, TRAIN, asked, seed=0)
    assert np.square(inverted - TEST).mean() > 0.99 * knowing_nothing
    mixtures = ClassPrior(TRAIN.reshape(len(TRAIN), -1)[:, ::40], answers, answers.argmax(axis=1), components=3, seed=0)
    found = climb(
        lambda codes: generator.normal(0, 1, (len(codes), 10)).astype(np.float32),
        mixtures,
        asked,
        asked.argmax(axis=1),
        queries=100,
        restarts=2,
        iterations=1,
        seed=0,
    )
    climbed = (found.weights[..., None] * found.codes).sum(axis=1)
    codes = [one.reshape(len(one), -1)[:, ::40] for one in (TRAIN, TEST)]
    assert np.square(climbed - codes[1]).mean() > 0.99 * np.square(codes[0].mean(axis=0) - codes[1]).mean()
    said = [np.eye(10, dtype=np.float32)[one.argmax(axis=1)] for one in (answers, asked)]
    assert np.square(mean_by_answer(said[0], TRAIN, said[1]) - TEST).mean() > 0.99 * knowing_nothing
