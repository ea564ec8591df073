"""The two-branch convolutional network of the zoo: 28 million weights."""

from __future__ import annotations

import keras
from keras import layers, ops
from keras.initializers import HeNormal

from mnist_etc.models.blocks import linear
from mnist_etc.models.zoo_config import ZooConfig
from mnist_etc.seeds import layer_seeds

__all__ = ["GroupedConv2D", "build_two_branch_cnn"]


@keras.saving.register_keras_serializable("mnist_etc")
class GroupedConv2D(layers.Conv2D):  # type: ignore[misc]
    """A `keras.layers.Conv2D` of the same weights that convolves one group of channels after the other.

    Keras compiles one of several groups by XLA on a CPU, anew for each size of a batch, and ONNX cannot take that.
    """

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Of ``(batch, height, width, channels)``."""
        parts = zip(ops.split(inputs, self.groups, -1), ops.split(self.kernel, self.groups, -1), strict=True)
        found = [ops.conv(part, kernel, self.strides, self.padding, "channels_last") for part, kernel in parts]
        return self.activation(ops.concatenate(found, -1) + self.bias)


def build_two_branch_cnn(config: ZooConfig, seed: int, side: int, classes: int) -> keras.Model:
    """Image ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``.

    3x3 of 32; a pool; two branches side by side, each 3x3 of 64 in two groups, summed; a pool; 3x3 of 512, twice; then
    1000, 500 and the logits. A ReLU follows each but the last.

    Args:
        config: ``dropout`` before each of the last three layers.
        seed: of the fresh weights.
        side: pixels of each side of an image.
        classes: how many there are.
    """
    seeds, rate = layer_seeds(seed), config.dropout or 0.0

    def convolved(found: keras.KerasTensor, filters: int, groups: int = 1) -> keras.KerasTensor:
        kind = GroupedConv2D if groups > 1 else layers.Conv2D
        fresh = HeNormal(next(seeds))
        return kind(filters, 3, padding="same", groups=groups, activation="relu", kernel_initializer=fresh)(found)

    def dropped(found: keras.KerasTensor) -> keras.KerasTensor:
        return layers.Dropout(rate, seed=next(seeds))(found) if rate else found

    images = layers.Input((side, side, 1))
    found = layers.MaxPooling2D(2)(convolved(images, 32))
    found = layers.MaxPooling2D(2)(layers.Add()([convolved(found, 64, 2), convolved(found, 64, 2)]))
    found = layers.Flatten()(convolved(convolved(found, 512), 512))
    for units in (1000, 500):
        found = layers.Dense(units, "relu", kernel_initializer=HeNormal(next(seeds)))(dropped(found))
    return keras.Model(images, linear(classes, seeds)(dropped(found)), name="two_branch_cnn")
