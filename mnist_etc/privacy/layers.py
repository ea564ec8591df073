"""Exact per-example gradients, layer by layer: what `mnist_etc.privacy.fast` is made of.

The gradient that one example gives a layer follows from the layer's input and from the gradient of the example's loss
at the layer's output (Goodfellow 2015, arXiv:1510.01799). Both are brought into matrices whose product over the output
positions is the kernel's gradient (Rochette, Manoel and Tramel 2019, arXiv:1912.06015).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from mnist_etc.errors import PrivacyError
from mnist_etc.privacy.layer_names import FOLLOWED, never, not_yet

__all__ = [
    "RULES",
    "Convolution",
    "Linear",
    "Rule",
    "TransposedConvolution",
    "Weightless",
    "chain",
    "matrix",
    "rule_for",
    "rule_of",
]

EXTRAS = ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint")
"""What adds to the loss or bounds the weights, which no rule knows of."""


class Rule:
    """How the fast engine follows one layer; `rule_for` registers it for a class of layers."""

    def __init__(self, layer: layers.Layer) -> None:
        self.layer = layer

    def holds(self) -> bool:
        """Whether it is exact for this layer's settings: a built-in activation, none of the `EXTRAS`."""
        activation = getattr(self.layer, "activation", None)
        known = activation is None or isinstance(keras.activations.serialize(activation), str)
        return known and not any(getattr(self.layer, extra, None) for extra in EXTRAS)


RULES: dict[type, type[Rule]] = {}
"""The rule of each class of layers; a subclass of one needs its own, since it may answer otherwise."""
SomeRule = TypeVar("SomeRule", bound=Rule)


def rule_for(*kinds: type) -> Callable[[type[SomeRule]], type[SomeRule]]:
    """Register the decorated `Rule` for exactly these classes of layers.

    A program that trains a layer of its own privately derives the rule from `Linear`, or from `Weightless`::

        @rule_for(MyDense)
        class MyDenseRule(Linear): ...

    Raises:
        ValueError: a class has a rule already.
    """

    def register(rule: type[SomeRule]) -> type[SomeRule]:
        for kind in kinds:
            if kind in RULES:
                raise ValueError(f"Expected a layer without a rule; received {kind.__name__}, which has one.")
            RULES[kind] = rule
            FOLLOWED.add(kind.__name__)
        return rule

    return register


@rule_for(
    *(layers.InputLayer, layers.Activation, layers.ReLU, layers.Flatten, layers.Reshape, layers.MaxPooling2D),
    *(layers.AveragePooling2D, layers.UpSampling2D, layers.ZeroPadding2D),
)
class Weightless(Rule):
    """A layer without weights that answers each example by itself; it is called as it is."""


@rule_for(layers.Dense)
class Linear(Rule):
    """A dense layer: how it answers, and its kernel's gradient as a product of two matrices an example.

    The layer has a ``kernel``, a ``bias`` if ``use_bias``, no other weights, and applies ``activation`` last.
    """

    def holds(self) -> bool:
        """As of every `Rule`; channels last, and every weight of it trained."""
        weights, trained = len(self.layer.weights), len(self.layer.trainable_variables)
        last = getattr(self.layer, "data_format", "channels_last") == "channels_last"
        return super().holds() and last and weights == trained == 1 + self.layer.use_bias

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
        return matrix(inputs), matrix(gradient)


@rule_for(layers.Conv2D)
class Convolution(Linear):
    """A two-dimensional convolution with any strides, padding and dilation."""

    def holds(self) -> bool:
        """As of `Linear`; the channels in one group."""
        return super().holds() and getattr(self.layer, "groups", 1) == 1

    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """``(batch, height, width, filters)`` before bias and activation."""
        return self._convolve(inputs, kernel)

    def factors(self, inputs: tf.Tensor, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The patch under the kernel at each output position, and the gradient there."""
        return matrix(self._convolve(inputs, self._patch_kernel(inputs.shape[-1]))), matrix(gradient)

    def _convolve(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        layer = self.layer
        padding = layer.padding.upper()
        return tf.nn.conv2d(inputs, kernel, layer.strides, padding, dilations=layer.dilation_rate)

    def _patch_kernel(self, channels: int) -> tf.Tensor:
        """The kernel whose answer at a position is the patch there; several times as fast as ``extract_patches``."""
        height, width = self.layer.kernel_size
        size = height * width * channels
        return tf.constant(np.eye(size, dtype=np.float32).reshape(height, width, channels, size))


@rule_for(layers.Conv2DTranspose)
class TransposedConvolution(Convolution):
    """A transposed convolution: the same with input and output changed about."""

    def holds(self) -> bool:
        """As of `Linear`; neither output padding nor dilation."""
        return super().holds() and self.layer.output_padding is None and set(self.layer.dilation_rate) == {1}

    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """``(batch, height, width, filters)`` before bias and activation."""
        shape = self.layer.compute_output_shape(inputs.shape)
        padding = self.layer.padding.upper()
        return tf.nn.conv2d_transpose(inputs, kernel, [tf.shape(inputs)[0], *shape[1:]], self.layer.strides, padding)

    def factors(self, inputs: tf.Tensor, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The patch of the gradient that each input position reached, and the input there."""
        return matrix(self._convolve(gradient, self._patch_kernel(gradient.shape[-1]))), matrix(inputs)


def rule_of(layer: layers.Layer) -> Rule:
    """The rule of a layer.

    Raises:
        PrivacyError: the layer mixes the examples of a batch, or there is no exact rule for it yet.
    """
    if isinstance(layer, layers.BatchNormalization):
        raise PrivacyError(never(f"{layer.name}, a {type(layer).__name__}"))
    kind = RULES.get(type(layer))
    if kind is not None and (rule := kind(layer)).holds():
        return rule
    settings = "" if kind is None else " with settings"
    raise PrivacyError(not_yet(f"{layer.name}, a {type(layer).__name__}{settings}", "fast"))


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


def matrix(values: tf.Tensor) -> tf.Tensor:
    """``(batch, ..., n)`` to ``(batch, positions, n)``."""
    return tf.reshape(values, [tf.shape(values)[0], int(np.prod(values.shape[1:-1], dtype=int)), values.shape[-1]])
