"""The convolutional autoencoder: 28x28x1 to ``hid_dim`` numbers and back."""

from __future__ import annotations

import math

import keras
from keras import layers

from mnist_etc.config import AutoencoderConfig, OutputActivation

__all__ = ["ClipToUnit", "build_autoencoder"]


class ClipToUnit(layers.Layer):  # type: ignore[misc]
    """Clip to [0, 1]; in training the gradient passes straight through (Bengio et al. 2013, arXiv:1308.3432).

    A pixel predicted below 0 where 0 is true costs nothing, so the layers before it need not hit 0 exactly.
    """

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """``(batch, ...)`` to the same shape, each value in [0, 1]."""
        clipped = keras.ops.clip(inputs, 0.0, 1.0)
        return inputs + keras.ops.stop_gradient(clipped - inputs) if training else clipped


def build_autoencoder(config: AutoencoderConfig) -> keras.Model:
    """The autoencoder with fresh orthogonal weights; ``.get_layer("encoder")`` is its first half.

    Input ``(batch, 28, 28, 1)`` float32 in [0, 1]; output the same shape; code ``(batch, hid_dim)``. The decoder
    mirrors the encoder: a 2x2 stride-2 transposed convolution stands for each pool, and each ReLU stands where the
    encoder's stands, between pool and convolution, so none follows a convolution that leads to an upsampling.
    """
    fine, middle, coarse = (math.ceil(config.hid_dim / part) for part in (8, 4, 2))
    encoder = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            _conv(fine, 5, "relu"),
            layers.MaxPooling2D(2),
            _conv(middle, 3, "relu"),
            layers.MaxPooling2D(2),
            _conv(coarse, 3, "relu"),
            _conv(config.hid_dim, 3),
            layers.Flatten(),
        ],
        name="encoder",
    )
    decoder = keras.Sequential(
        [
            layers.Input((config.hid_dim,)),
            layers.Reshape((1, 1, config.hid_dim)),
            _transposed(coarse, 3, "relu"),
            _transposed(middle, 3),
            _transposed(middle, 2, "relu", strides=2),
            _transposed(fine, 3),
            _transposed(fine, 2, "relu", strides=2),
            _transposed(1, 5),
            _output(config.output_activation),
        ],
        name="decoder",
    )
    return keras.Sequential([layers.Input((28, 28, 1)), encoder, decoder], name="autoencoder")


def _conv(filters: int, size: int, activation: str | None = None) -> layers.Layer:
    return layers.Conv2D(filters, size, activation=activation, kernel_initializer="orthogonal")


def _transposed(filters: int, size: int, activation: str | None = None, strides: int = 1) -> layers.Layer:
    return layers.Conv2DTranspose(
        filters, size, strides=strides, activation=activation, kernel_initializer="orthogonal"
    )


def _output(activation: OutputActivation) -> layers.Layer:
    return ClipToUnit() if activation is OutputActivation.clip else layers.Activation(activation.value)
