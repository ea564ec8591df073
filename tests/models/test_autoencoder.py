"""The autoencoder against its description and against NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mnist_etc.models.config import AutoencoderConfig, OutputActivation


def config(hid_dim: int = 32, activation: OutputActivation = OutputActivation.clip) -> AutoencoderConfig:
    return AutoencoderConfig(
        hid_dim=hid_dim,
        epochs=1,
        private=False,
        l2_norm_clip=1.0,
        batch_size=32,
        optimizer="adam",
        learning_rate=1e-3,
        warmup=0.0,
        output_activation=activation,
    )


@pytest.mark.parametrize("hid_dim", [1, 2, 31, 32, 1024])
def test_kernels_and_shapes(hid_dim: int) -> None:
    from mnist_etc.models.autoencoder import build_autoencoder

    model = build_autoencoder(config(hid_dim))
    fine, middle, coarse = (math.ceil(hid_dim / part) for part in (8, 4, 2))
    encoder = [(5, 5, 1, fine), (3, 3, fine, middle), (3, 3, middle, coarse), (3, 3, coarse, hid_dim)]
    decoder = [
        (3, 3, coarse, hid_dim),
        (3, 3, middle, coarse),
        (2, 2, middle, middle),
        (3, 3, fine, middle),
        (2, 2, fine, fine),
        (5, 5, 1, fine),
    ]
    kernels = [variable.shape for variable in model.trainable_variables if len(variable.shape) == 4]
    assert kernels == encoder + decoder
    images = np.zeros((2, 28, 28, 1), np.float32)
    assert model(images).shape == (2, 28, 28, 1)
    assert model.get_layer("encoder")(images).shape == (2, hid_dim)


def test_clip_lets_the_gradient_through() -> None:
    import tensorflow as tf

    from mnist_etc.models.clip import clip_straight_through

    values = tf.constant([-2.0, 0.25, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        clipped = clip_straight_through(values)
        error = tf.reduce_sum(tf.square(clipped - tf.constant([1.0, 0.0, 1.0])))
    np.testing.assert_array_equal(clipped, [0.0, 0.25, 1.0])
    np.testing.assert_allclose(tape.gradient(error, values), [-2.0, 0.5, 0.0], atol=1e-6)


@pytest.mark.parametrize(("activation", "low", "high"), [("linear", -9, 9), ("sigmoid", 0, 1), ("clip", 0, 1)])
def test_output_activation(activation: str, low: float, high: float) -> None:
    from mnist_etc.models.autoencoder import build_autoencoder

    images = np.random.default_rng(0).random((8, 28, 28, 1), dtype=np.float32)
    rebuilt = np.asarray(build_autoencoder(config(activation=OutputActivation(activation)))(images))
    assert low <= rebuilt.min() < rebuilt.max() <= high
    assert (rebuilt.min() < 0) == (activation == "linear")


@pytest.mark.parametrize("side", [8, 12, 16, 20, 32, 64, 128])
def test_any_side_that_is_a_multiple_of_four(side: int) -> None:
    from mnist_etc.models.autoencoder import build_autoencoder

    model = build_autoencoder(config(32), 0, side)
    assert model.output_shape == (None, side, side, 1)
    assert model.get_layer("encoder").output_shape == (None, 32)
    image = np.repeat(np.random.default_rng(0).random((1, side, side, 1), np.float32), 2, axis=0)
    image[1, -4:, -4:] = 9
    first, second = model.get_layer("encoder")(image).numpy()
    assert not np.allclose(first, second), "the last corner is seen"
