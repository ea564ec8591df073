"""An output that is clipped to [0, 1], trained as if it were not."""

from __future__ import annotations

import keras
from keras import layers

__all__ = ["before_clip", "clip_straight_through", "ends_in_clip"]


def ends_in_clip(autoencoder: keras.Model) -> bool:
    """Whether the last layer of the last part of ``autoencoder`` clips to [0, 1]."""
    last = autoencoder.layers[-1].layers[-1]
    return isinstance(last, layers.ReLU) and last.max_value == 1.0


def before_clip(autoencoder: keras.Model) -> keras.Model:
    """An autoencoder whose last layer clips, without that layer: another network with the same weights.

    It is what is trained, under `clip_straight_through`, since the clip's own gradient is 0 outside [0, 1].
    """
    encoder, decoder = autoencoder.layers
    decoder = keras.Sequential([layers.Input(decoder.input_shape[1:]), *decoder.layers[:-1]], name="decoder")
    return keras.Sequential([layers.Input(autoencoder.input_shape[1:]), encoder, decoder], name="before_clip")


def clip_straight_through(values: keras.KerasTensor) -> keras.KerasTensor:
    """Values in [0, 1]; the gradient passes straight through (Bengio et al. 2013, arXiv:1308.3432).

    A pixel predicted below 0 where 0 is true costs nothing, so the layers before it need not hit 0 exactly.
    """
    return values + keras.ops.stop_gradient(keras.ops.clip(values, 0.0, 1.0) - values)
