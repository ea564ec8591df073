"""Convolutions of small maps in training as products of matrices, each a tenth of what starting a convolution costs.

A convolution of oneDNN takes 0.2 to 0.6 ms before its first product, and one a step is made three times: forward, for
its inputs and for its kernel. Where a map is as small as in the middle of the autoencoder that is nearly all its time.
The model stays as it is: only while a step's graph is drawn up do Keras' layers answer by this.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras.layers import Conv2D, Conv2DTranspose

__all__ = ["small_convolutions"]

LARGEST = 4096
"""Elements of the matrix between pixels and taps; of larger maps a convolution is faster."""


@contextmanager
def small_convolutions() -> Iterator[None]:
    """Within it, calls of `keras.layers.Conv2D` and `keras.layers.Conv2DTranspose` compute the same by products.

    Those do of small maps, and of any where a transposed convolution's kernel is as wide as its strides, so that no two
    outputs overlap; other calls are as they were.
    """
    convolve, transposed = Conv2D.call, Conv2DTranspose.call

    def forward(layer: Any, inputs: tf.Tensor) -> tf.Tensor:
        size = inputs.shape[1:3]
        if not _usual(layer, inputs) or layer.groups > 1:
            return convolve(layer, inputs)
        out = [(n - k) // by + 1 for n, by, k in zip(size, layer.strides, layer.kernel_size, strict=True)]
        if not _small(layer, size, out):
            return convolve(layer, inputs)
        seen = tf.reshape(inputs, (-1, math.prod(size), inputs.shape[3]))
        if math.prod(out) > 1:
            seen = tf.matmul(_taps(layer, size, out), seen)
        kernel = _matrix(layer)
        return _finish(layer, tf.matmul(tf.reshape(seen, (-1, kernel.shape[0])), kernel), out)

    def backward(layer: Any, inputs: tf.Tensor) -> tf.Tensor:
        size = inputs.shape[1:3]
        gaps = any(by > k for by, k in zip(layer.strides, layer.kernel_size, strict=True))
        if gaps or layer.output_padding is not None or not _usual(layer, inputs):
            return transposed(layer, inputs)
        out = [(n - 1) * by + k for n, by, k in zip(size, layer.strides, layer.kernel_size, strict=True)]
        apart = len({*layer.kernel_size, *layer.strides}) == 1
        if not (apart or _small(layer, out, size)):
            return transposed(layer, inputs)
        sent = tf.matmul(tf.reshape(inputs, (-1, inputs.shape[3])), _matrix(layer), transpose_b=True)
        if apart and layer.strides[0] > 1:
            sent = tf.nn.depth_to_space(tf.reshape(sent, (-1, *size, sent.shape[1])), layer.strides[0])
        elif not apart and math.prod(size) > 1:
            taps = _taps(layer, out, size)
            sent = tf.matmul(taps.T, tf.reshape(sent, (-1, len(taps), layer.filters)))
        return _finish(layer, sent, out)

    Conv2D.call, Conv2DTranspose.call = forward, backward
    try:
        yield
    finally:
        Conv2D.call, Conv2DTranspose.call = convolve, transposed


def _usual(layer: Any, inputs: tf.Tensor) -> bool:
    plain = layer.padding == "valid" and layer.data_format == "channels_last" and set(layer.dilation_rate) == {1}
    return plain and inputs.dtype == tf.float32 and None not in inputs.shape[1:]


def _small(layer: Any, wide: Sequence[int], narrow: Sequence[int]) -> bool:
    return math.prod((*wide, *narrow, *layer.kernel_size)) <= LARGEST


def _taps(layer: Any, wide: Sequence[int], narrow: Sequence[int]) -> npt.NDArray[np.float32]:
    """A row a tap of the kernel at each place in the narrow map, with 1 at the pixel of the wide map that it meets."""
    (height, width), pixels = layer.kernel_size, np.arange(math.prod(wide)).reshape(*wide)
    met = [
        pixels[y : y + height, x : x + width].ravel()
        for y in range(0, narrow[0] * layer.strides[0], layer.strides[0])
        for x in range(0, narrow[1] * layer.strides[1], layer.strides[1])
    ]
    return np.equal.outer(np.concatenate(met), np.arange(pixels.size)).astype(np.float32)


def _matrix(layer: Any) -> tf.Tensor:
    """The kernel as ``(taps * channels of the wide map, channels of the narrow one)``."""
    kernel = tf.convert_to_tensor(layer.kernel)
    return tf.reshape(kernel, (-1, kernel.shape[3]))


def _finish(layer: Any, outputs: tf.Tensor, size: Sequence[int]) -> tf.Tensor:
    """Shape, bias and activation, as the layer has them."""
    outputs = tf.reshape(outputs, (-1, *size, layer.filters))
    if layer.use_bias:
        outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(layer.bias))
    return outputs if layer.activation is None else layer.activation(outputs)
