"""The capsule network of the zoo, after Efficient-CapsNet (Mazzia, Salvetti and Chiaberge 2021, arXiv:2101.12491)."""

from __future__ import annotations

import keras
from keras import layers
from keras.initializers import GlorotUniform, HeNormal

from mnist_etc.models.blocks import activated, convolution
from mnist_etc.models.capsules import Capsules, LengthLogits, LongestCapsule, Squash
from mnist_etc.models.zoo import LOGITS_A_LENGTH
from mnist_etc.models.zoo_config import ZooConfig
from mnist_etc.seeds import layer_seeds

__all__ = ["add_decoder", "build_capsule"]

PRIMARY, PRIMARY_DIMENSION = 16, 8
DIMENSION = 16
DECODER = 512, 1024
FULL_WIDTH = 128
"""Channels before the capsules."""
LEAST_SIDE = 16
"""That convolutions without a margin leave something of."""
TRAINED_LAYERS = 6
"""With weights."""


def build_capsule(config: ZooConfig, seed: int, side: int, classes: int) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``: ten times capsules' lengths.

    The second convolution takes every other pixel, not the fourth one as in the paper: a third of the cost. The
    sixteen primary capsules of 8 numbers come from one depthwise convolution over the whole map.

    Args:
        config: ``width`` of the first convolution, and ``routing``.
        seed: of the fresh weights.
        side: pixels of each side of an image.
        classes: how many there are, each with a capsule of 16 numbers.
    """
    seeds, width = layer_seeds(seed), config.width or FULL_WIDTH // 4
    padding = "valid" if side >= LEAST_SIDE else "same"
    images = found = layers.Input((side, side, 1))
    for filters, size, strides in ((width, 5, 1), (2 * width, 3, 2), (2 * width, 3, 1), (FULL_WIDTH, 3, 1)):
        found = activated(convolution(filters, seeds, size, strides=strides, padding=padding)(found))
    whole = layers.DepthwiseConv2D(found.shape[1], use_bias=False, depthwise_initializer=HeNormal(next(seeds)))
    parts = Squash()(layers.Reshape((PRIMARY, PRIMARY_DIMENSION))(whole(found)))
    sums = Capsules(classes, DIMENSION, config.routing or "self_attention", next(seeds), name="capsules")(parts)
    return keras.Model(images, LengthLogits(LOGITS_A_LENGTH)(sums), name="capsule")


def add_decoder(config: ZooConfig, model: keras.Model, seed: int) -> keras.Model:
    """What is fitted: ``model``, and the image rebuilt from the longest capsule, ``(batch, side, side, 1)``.

    Args:
        config: with a ``reconstruction_weight``; without, ``model`` is fitted alone.
        model: that `build_capsule` returned.
        seed: of the decoder's fresh weights.
    """
    if not config.reconstruction_weight:
        return model
    seeds, shape = layer_seeds(seed, after=TRAINED_LAYERS), model.input_shape[1:]
    found = layers.Flatten()(LongestCapsule()(Squash()(model.get_layer("capsules").output)))
    for units in DECODER:
        found = layers.Dense(units, "relu", kernel_initializer=HeNormal(next(seeds)))(found)
    pixels = layers.Dense(shape[0] * shape[1], "sigmoid", kernel_initializer=GlorotUniform(next(seeds)))(found)
    return keras.Model(model.input, [model.output, layers.Reshape(shape)(pixels)], name="capsule_and_decoder")
