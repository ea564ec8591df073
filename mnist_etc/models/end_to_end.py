"""The autoencoder's encoder and a linear head in one fit, with the decoder beside them."""

from __future__ import annotations

import dataclasses

import keras
from keras import layers

from mnist_etc.models.blocks import linear
from mnist_etc.models.clip import clip_straight_through
from mnist_etc.models.config import AutoencoderConfig, FitConfig, OutputActivation
from mnist_etc.models.registry import AUTOENCODERS
from mnist_etc.models.zoo_config import ZooConfig
from mnist_etc.seeds import layer_seeds

__all__ = ["add_decoder", "build_end_to_end"]

AUTOENCODER = "convolutional"
AUTOENCODER_LAYERS = 10
"""With weights."""
HID_DIM = 32


def build_end_to_end(config: ZooConfig, seed: int, side: int, classes: int) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``, linear in the code.

    Args:
        config: ``hid_dim``, numbers in the code.
        seed: of the fresh weights.
        side: pixels of each side of an image.
        classes: how many there are.
    """
    encoder = _autoencoder(config, seed, side).get_layer("encoder")
    head = linear(classes, layer_seeds(seed, after=AUTOENCODER_LAYERS))
    return keras.Sequential([layers.Input((side, side, 1)), encoder, head], name="autoencoder")


def add_decoder(config: ZooConfig, model: keras.Model, seed: int) -> keras.Model:
    """What is fitted: ``model``, and the image rebuilt from the code, ``(batch, side, side, 1)``.

    Args:
        config: with a ``reconstruction_weight``; without, ``model`` is fitted alone.
        model: that `build_end_to_end` returned.
        seed: of the decoder's fresh weights.
    """
    if not config.reconstruction_weight:
        return model
    encoder, head = model.layers
    decoder = _autoencoder(config, seed, model.input_shape[1]).get_layer("decoder")
    images = layers.Input(model.input_shape[1:])
    code = encoder(images)
    return keras.Model(images, [head(code), clip_straight_through(decoder(code))], name="autoencoder_and_decoder")


def _autoencoder(config: ZooConfig, seed: int, side: int) -> keras.Model:
    fit = {field.name: getattr(config, field.name) for field in dataclasses.fields(FitConfig)}
    settings = AutoencoderConfig(**fit, hid_dim=config.hid_dim or HID_DIM, output_activation=OutputActivation.linear)
    return AUTOENCODERS[AUTOENCODER].network(settings, seed, side)
