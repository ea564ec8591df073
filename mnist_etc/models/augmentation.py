"""Training images varied at random inside the graph: the same seed varies them the same, on any number of threads."""

from __future__ import annotations

import math

import tensorflow as tf

from mnist_etc.models.config import AugmentationConfig

__all__ = ["augmented"]


def augmented(images: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig) -> tf.Tensor:
    """Images of the same shape and type, each moved, scaled, turned, sheared and thickened or thinned by itself.

    Args:
        images: uint8 ``(batch, side, side)``, light on a black ground.
        seed: int32 ``(2,)``; the same seed gives the same images.
        config: how far.
    """
    batch, side = tf.shape(images)[0], images.shape[1]
    drawn = tf.random.stateless_uniform((7, batch), seed, -1.0, 1.0)
    pixels = tf.cast(images[..., tf.newaxis], tf.float32)
    if config.stroke:
        pixels = _stroked(pixels, drawn[6] * config.stroke)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=_transforms(drawn, config, (side - 1) / 2),
        output_shape=(side, side),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return tf.cast(tf.round(moved[..., 0]), tf.uint8)


def _transforms(drawn: tf.Tensor, config: AugmentationConfig, middle: float) -> tf.Tensor:
    """Rows of the eight numbers that take a pixel of the result to one of the image, about its ``middle``."""
    angle = drawn[0] * (config.rotation * math.pi / 180)
    wide, high = 1 + drawn[1] * config.scale, 1 + drawn[2] * config.scale
    lean = drawn[3] * config.shear
    cosine, sine = tf.cos(angle), tf.sin(angle)
    across, across_down = wide * cosine, wide * (lean * cosine - sine)
    down_across, down = high * sine, high * (lean * sine + cosine)
    from_left = middle + drawn[4] * config.shift - middle * (across + across_down)
    from_top = middle + drawn[5] * config.shift - middle * (down_across + down)
    nothing = tf.zeros_like(angle)
    return tf.stack([across, across_down, from_left, down_across, down, from_top, nothing, nothing], axis=1)


def _stroked(pixels: tf.Tensor, by: tf.Tensor) -> tf.Tensor:
    """Edges moved outwards by so many pixels, or inwards: one whole pixel at a time by the 3x3 maximum or minimum."""
    left = by[:, tf.newaxis, tf.newaxis, tf.newaxis]
    for _ in range(3):
        grown = tf.nn.max_pool2d(pixels, 3, 1, "SAME")
        shrunk = -tf.nn.max_pool2d(-pixels, 3, 1, "SAME")
        share = tf.clip_by_value(left, -1.0, 1.0)
        pixels += tf.maximum(share, 0.0) * (grown - pixels) + tf.maximum(-share, 0.0) * (shrunk - pixels)
        left -= share
    return pixels
