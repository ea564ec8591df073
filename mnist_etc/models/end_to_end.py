"""The autoencoder's encoder and a linear head in one fit, with the decoder beside them."""

from __future__ import annotations

import keras
from keras import layers
from keras.initializers import Orthogonal

from mnist_etc.models.autoencoder import build_decoder, build_encoder
from mnist_etc.models.blocks import linear
from mnist_etc.models.clip import clip_straight_through
from mnist_etc.models.config import ModelConfig, OutputActivation
from mnist_etc.seeds import layer_seeds

__all__ = ["add_decoder", "build_end_to_end"]

HID_DIM = 32
TRAINED_LAYERS = 5
"""With weights."""


def build_end_to_end(config: ModelConfig, seed: int, side: int, classes: int) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``, linear in the code.

    Args:
        config: ``hid_dim``, numbers in the code.
        seed: of the fresh weights.
        side: pixels of each side of an image.
        classes: how many there are.
    """
    seeds = layer_seeds(seed)
    encoder = build_encoder(config.hid_dim or HID_DIM, (Orthogonal(seed=one) for one in seeds), side)
    return keras.Sequential([layers.Input((side, side, 1)), encoder, linear(classes, seeds)], name="autoencoder")


def add_decoder(config: ModelConfig, model: keras.Model, seed: int) -> keras.Model:
    """What is fitted: ``model``, and the image rebuilt from the code, ``(batch, side, side, 1)``.

    Args:
        config: with a ``reconstruction_weight``; without, ``model`` is fitted alone.
        model: that `build_end_to_end` returned.
        seed: of the decoder's fresh weights.
    """
    if not config.reconstruction_weight:
        return model
    encoder, head = model.layers
    fresh = (Orthogonal(seed=one) for one in layer_seeds(seed, after=TRAINED_LAYERS))
    side, hid_dim = model.input_shape[1], encoder.output_shape[-1]
    decoder = build_decoder(hid_dim, fresh, side, OutputActivation.linear)
    images = layers.Input(model.input_shape[1:])
    code = encoder(images)
    return keras.Model(images, [head(code), clip_straight_through(decoder(code))], name="autoencoder_and_decoder")
