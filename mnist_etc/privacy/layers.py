"""Exact per-example gradients, layer by layer: what `mnist_etc.privacy.fast` is made of.

The gradient that one example gives a layer follows from the layer's input and from the gradient of the example's loss
at the layer's output (Goodfellow 2015, arXiv:1510.01799). Both are brought into matrices whose product over the output
positions is the kernel's gradient (Rochette, Manoel and Tramel 2019, arXiv:1912.06015).
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from mnist_etc.errors import PrivacyError

__all__ = ["Rule", "chain", "rule_of"]

WEIGHTLESS = (
    layers.InputLayer,
    layers.Activation,
    layers.ReLU,
    layers.Flatten,
    layers.Reshape,
    layers.MaxPooling2D,
    layers.AveragePooling2D,
    layers.UpSampling2D,
    layers.ZeroPadding2D,
)
"""Layers without weights that answer each example by itself."""


class Rule:
    """A dense layer: how it answers, and its kernel's gradient as a product of two matrices an example."""

    def __init__(self, layer: layers.Layer) -> None:
        self.layer = layer

    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The answer ``(batch, ..., out)`` before bias and activation."""
        return tf.tensordot(inputs, kernel, 1)

    def factors(self, inputs: tf.Tensor, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Matrices ``(batch, positions, rows)`` and ``(batch, positions, columns)``.

        The sum over positions of their outer products is the kernel's gradient, its axes but the last one flattened.

        Args:
            inputs: of the layer, ``(batch, ..., in)``.
            gradient: of each example's loss at what `linear` returned.
        """
        return _matrix(inputs), _matrix(gradient)


class ConvolutionRule(Rule):
    """A two-dimensional convolution with any strides, padding and dilation."""

    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """``(batch, height, width, filters)`` before bias and activation."""
        return self._convolve(inputs, kernel)

    def factors(self, inputs: tf.Tensor, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The patch under the kernel at each output position, and the gradient there."""
        return _matrix(self._convolve(inputs, self._patch_kernel(inputs.shape[-1]))), _matrix(gradient)

    def _convolve(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        layer = self.layer
        padding = layer.padding.upper()
        return tf.nn.conv2d(inputs, kernel, layer.strides, padding, dilations=layer.dilation_rate)

    def _patch_kernel(self, channels: int) -> tf.Tensor:
        """The kernel whose answer at a position is the patch there; several times as fast as ``extract_patches``."""
        height, width = self.layer.kernel_size
        size = height * width * channels
        return tf.constant(np.eye(size, dtype=np.float32).reshape(height, width, channels, size))


class TransposedConvolutionRule(ConvolutionRule):
    """A transposed convolution: the same with input and output changed about."""

    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """``(batch, height, width, filters)`` before bias and activation."""
        shape = self.layer.compute_output_shape(inputs.shape)
        padding = self.layer.padding.upper()
        return tf.nn.conv2d_transpose(inputs, kernel, [tf.shape(inputs)[0], *shape[1:]], self.layer.strides, padding)

    def factors(self, inputs: tf.Tensor, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The patch of the gradient that each input position reached, and the input there."""
        return _matrix(self._convolve(gradient, self._patch_kernel(gradient.shape[-1]))), _matrix(inputs)


def rule_of(layer: layers.Layer) -> Rule | None:
    """The rule of a layer; None where it has no weights and answers each example by itself.

    Raises:
        PrivacyError: it mixes the examples of a batch, or there is no exact rule for it.
    """
    if isinstance(layer, layers.BatchNormalization):
        raise PrivacyError(
            f"Expected layers that answer each example by itself; received {layer.name}, a BatchNormalization, which "
            "mixes the batch: no image's gradient can be bounded. Use another normalisation or private=false."
        )
    if type(layer) is layers.Dense and layer.lora_rank is None and _usual(layer):
        return Rule(layer)
    if type(layer) is layers.Conv2D and layer.groups == 1 and layer.lora_rank is None and _usual(layer):
        return ConvolutionRule(layer)
    if type(layer) is layers.Conv2DTranspose and _usual(layer):
        if layer.output_padding is None and set(layer.dilation_rate) == {1}:
            return TransposedConvolutionRule(layer)
    elif type(layer) in WEIGHTLESS:
        return None
    raise PrivacyError(
        f"Expected layers with an exact per-example gradient; received {layer.name}, a {type(layer).__name__} that the "
        "fast engine has no rule for. Pass privacy.engine=tensorflow_privacy or change the layer."
    )


def chain(model: keras.Model) -> list[layers.Layer]:
    """The layers of a `keras.Sequential`, those of nested ones in its place.

    Raises:
        PrivacyError: it is no chain.
    """
    if not isinstance(model, keras.Sequential):
        raise PrivacyError(
            f"Expected a keras.Sequential; received {model.name}, a {type(model).__name__}, which the fast engine "
            "cannot follow. Pass privacy.engine=tensorflow_privacy."
        )
    found: list[layers.Layer] = []
    for layer in model.layers:
        found += chain(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def _usual(layer: layers.Layer) -> bool:
    """Channels last, a built-in activation, nothing that adds to the loss or bounds the weights."""
    kinds = ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint")
    extras = [getattr(layer, kind) for kind in kinds]
    known = isinstance(keras.activations.serialize(layer.activation), str)
    return getattr(layer, "data_format", "channels_last") == "channels_last" and known and not any(extras)


def _matrix(values: tf.Tensor) -> tf.Tensor:
    """``(batch, ..., n)`` to ``(batch, positions, n)``."""
    return tf.reshape(values, [tf.shape(values)[0], int(np.prod(values.shape[1:-1], dtype=int)), values.shape[-1]])
