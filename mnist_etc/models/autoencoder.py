"""The convolutional autoencoder: an image to ``hid_dim`` numbers and back."""

from __future__ import annotations

import math

import keras
from keras import layers
from keras.initializers import Initializer, Orthogonal

from mnist_etc.data.dataset import SIDE
from mnist_etc.models.config import AutoencoderConfig, OutputActivation
from mnist_etc.seeds import layer_seeds

__all__ = ["build_autoencoder"]


def build_autoencoder(config: AutoencoderConfig, seed: int = 0, side: int = SIDE) -> keras.Model:
    """The autoencoder with fresh orthogonal weights; ``.get_layer("encoder")`` is its first half.

    Every layer is one of Keras' own, so that ``keras.saving.load_model`` reads its file without this package.

    Input ``(batch, side, side, 1)`` float32 in [0, 1]; output the same shape; code ``(batch, hid_dim)``. The last
    convolution of the encoder covers all that the ones before leave, 3x3 of 28x28 images. The decoder mirrors the
    encoder: a 2x2 stride-2 transposed convolution stands for each pool, and each ReLU stands where the encoder's
    stands, between pool and convolution, so none follows a convolution that leads to an upsampling.

    Args:
        config: width of the code, and what the last layer applies.
        seed: of the fresh weights.
        side: pixels of each side of an image, a multiple of 4, 8 or more.
    """
    second, third, last = _kernels(side)
    fresh = (Orthogonal(seed=one) for one in layer_seeds(seed))
    fine, middle, coarse = (math.ceil(config.hid_dim / part) for part in (8, 4, 2))
    encoder = keras.Sequential(
        [
            layers.Input((side, side, 1)),
            _conv(next(fresh), fine, 5, "relu"),
            layers.MaxPooling2D(2),
            _conv(next(fresh), middle, second, "relu"),
            layers.MaxPooling2D(2),
            _conv(next(fresh), coarse, third, "relu"),
            _conv(next(fresh), config.hid_dim, last),
            layers.Flatten(),
        ],
        name="encoder",
    )
    decoder = keras.Sequential(
        [
            layers.Input((config.hid_dim,)),
            layers.Reshape((1, 1, config.hid_dim)),
            _transposed(next(fresh), coarse, last, "relu"),
            _transposed(next(fresh), middle, third),
            _transposed(next(fresh), middle, 2, "relu", strides=2),
            _transposed(next(fresh), fine, second),
            _transposed(next(fresh), fine, 2, "relu", strides=2),
            _transposed(next(fresh), 1, 5),
            _output(config.output_activation),
        ],
        name="decoder",
    )
    return keras.Sequential([layers.Input((side, side, 1)), encoder, decoder], name="autoencoder")


def _kernels(side: int) -> tuple[int, int, int]:
    """Of the second to fourth convolution: 3, or what there is of a small image; the last one covers the rest."""
    pooled = (side - 4) // 2
    second = min(3, pooled - 1)
    pooled = (pooled - second + 1) // 2
    third = min(3, pooled)
    return second, third, pooled - third + 1


def _conv(fresh: Initializer, filters: int, size: int, activation: str | None = None) -> layers.Layer:
    return layers.Conv2D(filters, size, activation=activation, kernel_initializer=fresh)


def _transposed(
    fresh: Initializer, filters: int, size: int, activation: str | None = None, strides: int = 1
) -> layers.Layer:
    return layers.Conv2DTranspose(filters, size, strides=strides, activation=activation, kernel_initializer=fresh)


def _output(activation: OutputActivation) -> layers.Layer:
    return layers.ReLU(max_value=1.0) if activation is OutputActivation.clip else layers.Activation(activation.value)
