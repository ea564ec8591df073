"""Training images varied at random inside the graph: the same seed varies them the same, on any number of threads."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from mnist_etc.models.config import AugmentationConfig

__all__ = ["augmented"]


def augmented(images: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig) -> tf.Tensor:
    """Images of the same shape and type, each varied by itself.

    Each is moved, scaled, turned, sheared, bent, thickened or thinned, mirrored, and in part blackened.

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
    moves = _moves(drawn, config, (side - 1) / 2)
    if config.elastic:
        by = config.elastic * _smooth_fields(batch, side, config.smoothness, _apart(seed, 1))
        pixels = _sampled(pixels[..., 0], *_places(moves, side), by)[..., tf.newaxis]
    else:
        pixels = tf.raw_ops.ImageProjectiveTransformV3(
            images=pixels,
            transforms=tf.stack([*moves, *[tf.zeros_like(moves[0])] * 2], axis=1),
            output_shape=(side, side),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
        )
    varied = tf.cast(tf.round(pixels[..., 0]), tf.uint8)
    if config.flip:
        mirrored = tf.random.stateless_uniform((batch, 1, 1), _apart(seed, 2)) < config.flip
        varied = tf.where(mirrored, varied[:, :, ::-1], varied)
    if config.erasing:
        varied = tf.where(_rectangles(batch, side, config.erasing, _apart(seed, 3)), tf.zeros_like(varied), varied)
    return varied


def _apart(seed: tf.Tensor, number: int) -> tf.Tensor:
    """A seed of its own for each kind of change, so that one more leaves the others as they are."""
    return tf.random.stateless_uniform((number + 1, 2), seed, minval=None, maxval=None, dtype=tf.int32)[number]


def _moves(drawn: tf.Tensor, config: AugmentationConfig, middle: float) -> list[tf.Tensor]:
    """Six numbers for each image, that take a pixel of the result to one of the image, about its ``middle``."""
    angle = drawn[0] * (config.rotation * math.pi / 180)
    wide, high = 1 + drawn[1] * config.scale, 1 + drawn[2] * config.scale
    lean = drawn[3] * config.shear
    cosine, sine = tf.cos(angle), tf.sin(angle)
    across, across_down = wide * cosine, wide * (lean * cosine - sine)
    down_across, down = high * sine, high * (lean * sine + cosine)
    from_left = middle + drawn[4] * config.shift - middle * (across + across_down)
    from_top = middle + drawn[5] * config.shift - middle * (down_across + down)
    return [across, across_down, from_left, down_across, down, from_top]


def _places(moves: list[tf.Tensor], side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Columns and rows ``(batch, side, side)`` of the image that ``moves`` take each pixel of the result to."""
    across, down = tf.range(side, dtype=tf.float32), tf.range(side, dtype=tf.float32)[:, tf.newaxis]
    a, b, c, d, e, f = (tf.reshape(numbers, (-1, 1, 1)) for numbers in moves)
    return a * across + b * down + c, d * across + e * down + f


def _smooth_fields(batch: tf.Tensor, side: int, smoothness: float, seed: tf.Tensor) -> tf.Tensor:
    """Random fields ``(batch, 2, side, side)`` of mean 0 and deviation 1, after Simard, Steinkraus and Platt 2003.

    White noise smoothed by a Gaussian is a sum of Gaussian bumps of random height. They stand ``smoothness`` apart
    here, which is as good as one at each pixel: the correlation of two places differs by less than 0.0001.
    """
    reach = 4 * smoothness
    middles = np.arange(-reach, side + reach, smoothness)
    bumps = np.exp(-np.square(np.arange(side)[:, None] - middles) / (2 * smoothness**2))
    bumps = tf.constant(bumps / np.linalg.norm(bumps, axis=1, keepdims=True), tf.float32)
    heights = tf.random.stateless_normal((batch, 2, len(middles), len(middles)), seed)
    return tf.einsum("yi,bkij,xj->bkyx", bumps, heights, bumps)


def _sampled(pixels: tf.Tensor, columns: tf.Tensor, rows: tf.Tensor, by: tf.Tensor) -> tf.Tensor:
    """Pixels ``(batch, side, side)`` at these places, displaced ``by``, between four pixels; black outside."""
    side = pixels.shape[1]
    framed = side + 2
    flat = tf.reshape(tf.pad(pixels, [[0, 0], [1, 1], [1, 1]]), (-1, framed * framed))
    column, row = (tf.clip_by_value(place + 1, 0.0, side + 0.999) for place in (columns + by[:, 0], rows + by[:, 1]))
    left, top = tf.floor(column), tf.floor(row)
    right_part, low_part = column - left, row - top
    corner = tf.reshape(tf.cast(top * framed + left, tf.int32), (-1, side * side))
    a, b, c, d = (
        tf.reshape(tf.gather(flat, corner + step, batch_dims=1), tf.shape(pixels))
        for step in (0, 1, framed, framed + 1)
    )
    high, low = a + right_part * (b - a), c + right_part * (d - c)
    return high + low_part * (low - high)


def _rectangles(batch: tf.Tensor, side: int, greatest: float, seed: tf.Tensor) -> tf.Tensor:
    """Bool ``(batch, side, side)``: True within a rectangle whose sides are up to so great a part of the image's.

    After Zhong et al. 2017, arXiv:1708.04896.
    """
    drawn = tf.random.stateless_uniform((2, 2, batch, 1), seed)
    lengths = drawn[0] * (greatest * side)
    first, middles = drawn[1] * (side - lengths), tf.range(side, dtype=tf.float32) + 0.5
    inside = (middles >= first) & (middles < first + lengths)
    return inside[0, :, :, tf.newaxis] & inside[1, :, tf.newaxis, :]


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
