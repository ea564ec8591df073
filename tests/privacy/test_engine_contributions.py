"""What one person, or one example, may move the sum by: all images together, and gradients that are not finite."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from engines import BATCH, KINDS, NETWORKS, batch_for, engine_for, network, one_by_one, summing
from keras import layers

from mnist_etc.privacy.registry import build_engine

PRESENT = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0]], np.float32)
"""Images of five people, four at most each; one of them has none in this part."""


def of_people(model: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Inputs ``(people, images, ...)`` with something where there is no image, and each person's summed gradient."""
    inputs = batch_for(model, PRESENT.size)
    gradients = one_by_one(model, inputs).reshape(*PRESENT.shape, -1)
    people = np.reshape(inputs, (*PRESENT.shape, *model.input_shape[1:]))
    return people, sum(gradients[:, image] * PRESENT[:, image, np.newaxis] for image in range(PRESENT.shape[1]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_persons_gradients_are_clipped_as_one(name: str, kind: str) -> None:
    """Against a loop over single images, added up by person; some people are clipped, some are not."""
    model = NETWORKS[name]()
    inputs, gradients = of_people(model)
    norms = np.linalg.norm(gradients, axis=1)
    clip = float(np.median(norms[norms > 0]))
    wanted = (gradients * np.minimum(1, clip / np.maximum(norms, 1e-30))[:, np.newaxis]).sum(axis=0)
    received = summing(engine_for(kind, model, clip=clip), model)(inputs, PRESENT)
    assert np.abs(received - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_moves_the_sum_by_the_clip_at_most_however_alike_the_images(kind: str) -> None:
    """Forty times the same image: clipped one by one they would move it by forty clips."""
    model = NETWORKS["conv"]()
    inputs = np.repeat(batch_for(model, 2).numpy()[:, np.newaxis], 40, axis=1)
    clipped_sum = summing(engine_for(kind, model, clip=0.5), model)
    everyone, one_less = np.ones((2, 40), np.float32), np.repeat([[0.0], [1.0]], 40, axis=1).astype(np.float32)
    moved = np.linalg.norm(clipped_sum(inputs, everyone) - clipped_sum(inputs, one_less))
    assert 0.4999 <= moved <= 0.5 * (1 + 1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["dense", "conv", "few positions"])
def test_people_of_one_image_each_are_images(name: str, kind: str) -> None:
    model = NETWORKS[name]()
    inputs = batch_for(model)
    clipped_sum = summing(engine_for(kind, model, clip=0.3), model)
    alone = clipped_sum(inputs, tf.ones(BATCH))
    np.testing.assert_allclose(clipped_sum(inputs[:, tf.newaxis], tf.ones((BATCH, 1))), alone, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_person_with_an_image_without_a_finite_gradient_counts_as_zero(value: float, kind: str) -> None:
    model = NETWORKS["conv"]()
    inputs, gradients = of_people(model)
    inputs = inputs.copy()
    inputs[0, 2] = inputs[3] = inputs[4, 3] = value  # one that is there, and where there is none
    received = summing(engine_for(kind, model, clip=1e6), model)(inputs, PRESENT)
    wanted = gradients[1:].sum(axis=0)
    assert np.abs(received - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e30])
@pytest.mark.parametrize("name", ["dense", "conv", "few positions", "pools"])
def test_an_example_without_a_finite_gradient_counts_as_zero(name: str, value: float, kind: str) -> None:
    """Of its inputs one or all; times 1e30 they are finite, and their gradient's norm is not."""
    model = NETWORKS[name]()
    inputs = batch_for(model).numpy()
    clipped_sum = summing(engine_for(kind, model), model)
    others = clipped_sum(inputs, tf.ones(BATCH) - tf.one_hot(2, BATCH))
    for place in [2] if value == 1e30 else [2, (2, *(0 for _ in model.input_shape[1:]))]:
        spoiled = inputs.copy()
        spoiled[place] *= value
        np.testing.assert_allclose(clipped_sum(spoiled, tf.ones(BATCH)), others, atol=1e-6)
    assert not clipped_sum(np.full_like(inputs, np.nan), tf.ones(BATCH)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_whose_positions_cancel_is_clipped_all_the_same(kind: str) -> None:
    """Of 4 large terms a small sum is left, and by Gram matrices its norm is what rounding leaves: 0 or less, even."""
    model = network(layers.Conv2D(200, 1, use_bias=False), shape=(2, 2, 300))
    generator = np.random.default_rng(2)
    inputs = np.repeat(generator.normal(size=(32, 2, 1, 300)), 2, axis=2).astype(np.float32)
    slopes = generator.normal(size=(32, 2, 1, 200)) * [[1e4], [-1.0001e4]]

    def lines(predict: Callable[[tf.Tensor], tf.Tensor], inputs: tf.Tensor, slopes: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(predict(inputs) * slopes, [1, 2, 3])

    engine = build_engine(kind, model, lines, l2_norm_clip=1.0, noise_multiplier=0.0, seed=0)
    weights = [variable.value for variable in model.trainable_variables]
    clipped_sum = tf.function(lambda mask, *batch: engine.clipped_sum(weights, mask, *batch), autograph=False)
    for index in range(32):
        moved = np.linalg.norm(clipped_sum(tf.one_hot(index, 32), inputs, slopes.astype(np.float32)))
        assert 0 < moved <= 1.01


@pytest.mark.parametrize("kind", KINDS)
def test_a_finite_loss_with_an_infinite_slope_counts_as_zero(kind: str) -> None:
    """The root of 0: the loss is a number, its gradient is none."""
    model = network(layers.Dense(3, use_bias=False), shape=(6,))
    inputs = batch_for(model).numpy()
    inputs[4] = 0

    def roots(predict: Callable[[tf.Tensor], tf.Tensor], inputs: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.sqrt(tf.abs(predict(inputs))), 1)

    engine = build_engine(kind, model, roots, l2_norm_clip=1.0, noise_multiplier=0.0, seed=0)
    everyone = tf.ones(BATCH)
    received = summing(engine, model)(inputs, everyone)
    assert np.isfinite(received).all()
    np.testing.assert_array_equal(received, summing(engine, model)(inputs, everyone - tf.one_hot(4, BATCH)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("images", [1, 2])
def test_a_gradient_whose_factors_squares_underflow_is_clipped_all_the_same(images: int, kind: str) -> None:
    """Inputs of 1e-19 have a square norm of 0 in float32, which the gradient at the outputs, 1e19, makes up for."""
    model = keras.Sequential([layers.Input((40,)), layers.Dense(40, use_bias=False)])

    def loss(predict: Callable[[tf.Tensor], tf.Tensor], inputs: tf.Tensor) -> tf.Tensor:
        return predict(inputs)[:, 0] * 1e19

    engine = build_engine(kind, model, loss, l2_norm_clip=0.1, noise_multiplier=1.0, seed=0)
    inputs = tf.fill([3, images, 40], 1e-19)
    total = engine.clipped_sum([weights.value for weights in model.trainable_variables], tf.ones([3, images]), inputs)
    assert 0.2 < np.linalg.norm(total) <= 3 * 0.1 * (1 + 1e-5)
