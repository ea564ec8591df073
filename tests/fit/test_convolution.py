"""Convolutions of small maps in training: what Keras' own layers give, by products of matrices."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from mnist_etc.fit.convolution import small_convolutions

PRODUCTS = [
    ((3, 3, 16), layers.Conv2D(32, 3)),
    ((5, 5, 8), layers.Conv2D(16, 3, activation="relu")),
    ((6, 5, 3), layers.Conv2D(4, (2, 3), strides=(2, 1), use_bias=False)),
    ((1, 1, 32), layers.Conv2DTranspose(16, 3, activation="relu")),
    ((3, 3, 16), layers.Conv2DTranspose(8, 3)),
    ((2, 3, 5), layers.Conv2DTranspose(4, (2, 3), strides=(2, 1), use_bias=False)),
    ((12, 12, 4), layers.Conv2DTranspose(4, 2, strides=2, activation="relu")),
    ((1, 1, 4), layers.Conv2DTranspose(3, 1)),
    ((9, 9, 4), layers.Conv2DTranspose(3, 1, activation="relu")),
]
OWN = [
    ((28, 28, 1), layers.Conv2D(4, 5)),
    ((5, 5, 8), layers.Conv2D(16, 3, padding="same")),
    ((5, 5, 8), layers.Conv2D(16, 3, groups=2)),
    ((5, 5, 8), layers.Conv2D(16, 2, dilation_rate=2)),
    ((24, 24, 4), layers.Conv2DTranspose(1, 5)),
    ((3, 3, 8), layers.Conv2DTranspose(4, 2, strides=3)),
    ((3, 3, 8), layers.Conv2DTranspose(4, 3, padding="same")),
    ((3, 3, 8), layers.Conv2DTranspose(4, 2, strides=2, output_padding=1)),
]


def _answers(layer: keras.Layer, images: tf.Tensor) -> list[tf.Tensor]:
    """Outputs, and the gradients of a sum of their squares by images and weights."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images)
        loss = tf.reduce_sum(outputs * outputs)
    return [outputs, *tape.gradient(loss, [images, *[one.value for one in layer.trainable_variables]])]


@pytest.mark.parametrize(("shape", "layer"), PRODUCTS + OWN)
def test_values_and_gradients_are_those_of_keras(shape: tuple[int, ...], layer: keras.Layer) -> None:
    generator = np.random.default_rng(0)
    images = tf.constant(generator.standard_normal((6, *shape), np.float32))
    layer.build((None, *shape))
    for variable in layer.trainable_variables:
        variable.assign(generator.standard_normal(variable.shape))
    own = _answers(layer, images)
    with small_convolutions():
        ours = _answers(layer, images)
    for one, other in zip(ours, own, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * float(tf.reduce_max(tf.abs(other))))


@pytest.mark.parametrize(
    ("shape", "layer", "product"), [*((*row, True) for row in PRODUCTS), *((*row, False) for row in OWN)]
)
def test_small_maps_alone_become_products(shape: tuple[int, ...], layer: keras.Layer, product: bool) -> None:
    with small_convolutions():
        graph = tf.function(layer).get_concrete_function(tf.TensorSpec((None, *shape), tf.float32)).graph
    assert ("MatMul" in {operation.type for operation in graph.get_operations()}) == product


def test_afterwards_the_layers_are_keras_own_again() -> None:
    own = layers.Conv2D.call, layers.Conv2DTranspose.call
    with small_convolutions():
        assert layers.Conv2D.call is not own[0]
    assert (layers.Conv2D.call, layers.Conv2DTranspose.call) == own
