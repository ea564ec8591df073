"""Losses against the same in NumPy, example by example."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from mnist_etc.models.losses import CLASSIFICATION_LOSSES, image_loss

Values = NDArray[np.float64]
GENERATOR = np.random.default_rng(0)
LABELS = np.array([0, 3, 1, 2, 3])
LOGITS = GENERATOR.normal(0, 2, (5, 4))
LENGTHS = GENERATOR.random((5, 4))
IMAGES = GENERATOR.integers(0, 256, (5, 6, 6), np.uint8)


def nll(logits: Values, target: Values) -> Values:
    return -(target * (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))).sum(axis=1)


def brier(logits: Values, target: Values) -> Values:
    odds = np.exp(logits)
    return ((odds / odds.sum(axis=1, keepdims=True) - target) ** 2).sum(axis=1)


def margin(lengths: Values, target: Values) -> Values:
    short, long = np.maximum(0, 0.9 - lengths) ** 2, np.maximum(0, lengths - 0.1) ** 2
    return np.where(target == 1, short, 0.5 * long).sum(axis=1)


@pytest.mark.parametrize(
    ("name", "smoothing", "by_hand"),
    [("nll", 0.0, nll), ("nll", 0.2, nll), ("mse", 0.0, brier), ("mse", 0.2, brier), ("margin", 0.0, margin)],
)
def test_loss_of_each_example(name: str, smoothing: float, by_hand: Callable[[Values, Values], Values]) -> None:
    row, outputs = CLASSIFICATION_LOSSES[name], LENGTHS if name == "margin" else LOGITS
    target = np.full((5, 4), smoothing / 4)
    target[np.arange(5), LABELS] += 1 - smoothing
    losses = row.of(tf.constant(outputs, tf.float32), tf.constant(LABELS), smoothing)
    assert np.allclose(losses, by_hand(outputs, target), atol=1e-5)
    assert row.smooths or not smoothing


@pytest.mark.parametrize("scale", [None, 8.0])
def test_of_images_with_what_a_decoder_makes_of_them(scale: float | None) -> None:
    """A margin loss sees lengths, of whatever number of them the logits are; the images' error is added by weight."""
    name, outputs = ("nll", LOGITS) if scale is None else ("margin", LENGTHS * scale)
    loss = image_loss(name, label_smoothing=0.0, logits_a_length=scale, reconstruction_weight=0.3)
    pixels = IMAGES[..., None] / 255

    def predict(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        assert np.allclose(images, pixels)
        return tf.constant(outputs, tf.float32), 0.5 * images

    target = np.eye(4)[LABELS]
    own = nll(outputs, target) if scale is None else margin(LENGTHS, target)
    expected = own + 0.3 * ((0.5 * pixels) ** 2).mean(axis=(1, 2, 3))
    assert np.allclose(loss(predict, tf.constant(IMAGES), tf.constant(LABELS)), expected, atol=1e-5)
