"""What a network says of many images: in parts, by a graph where that is worth drawing one up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mnist_etc.data.dataset import scale_pixels

__all__ = ["answer", "in_parts"]

BATCH = 256
"""Images at a time."""
FEW = 4 * BATCH
"""Images for which Keras' own steps are as fast as a graph is drawn up."""


def in_parts(
    network: keras.Model, images: npt.NDArray[Any]
) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """What ``network`` was shown of each part of ``images``, and said of it.

    Args:
        network: image ``(batch, side, side, 1)`` to any one output.
        images: uint8 ``(n, side, side)``, or float32 as the network takes them.
    """
    ask = network
    if len(images) > FEW:
        ask = tf.function(network, input_signature=[tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)])
    for first in range(0, len(images), BATCH):
        part = images[first : first + BATCH]
        shown = scale_pixels(part) if part.dtype == np.uint8 else part
        yield shown, ask(tf.constant(shown)).numpy()


def answer(network: keras.Model, images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """What ``network`` says of all ``images``, ``(n, ...)``; see `in_parts`."""
    said = np.empty((len(images), *network.output_shape[1:]), np.float32)
    for number, (_, part) in enumerate(in_parts(network, images)):
        said[number * BATCH : number * BATCH + len(part)] = part
    return said
