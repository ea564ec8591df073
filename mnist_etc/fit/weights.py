"""What both loops move: the weights of a model in one vector, and the state that a call of it leaves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from mnist_etc.fit.convolution import small_convolutions
from mnist_etc.fit.normalization import fused_normalization

__all__ = ["FlatWeights"]


class FlatWeights:
    """All trainable weights of a model in one vector, so that Adam takes a dozen operations, not a dozen a layer.

    On batches of 32 that is about a fifth of the step.

    Beside them stands what a call in training leaves: the moving statistics of a BatchNormalization, the seed of a
    Dropout. With a running average, that of the weights goes with that of the statistics, and both are what the model
    gets.

    Args:
        model: whose weights.
        ema: decay, a step, of the running average; 0: none.
    """

    def __init__(self, model: keras.Model, ema: float = 0.0) -> None:
        self.model = model
        self.shapes = [variable.shape for variable in model.trainable_variables]
        self.flat = keras.Variable(np.concatenate([variable.numpy().ravel() for variable in model.trainable_variables]))
        self.state = [_copy(variable) for variable in model.non_trainable_variables]
        self._keep = 1 - ema
        self._averaged = [one for one in (self.flat, *self.state) if ema and tf.as_dtype(one.dtype).is_floating]
        self._averages = [_copy(variable) for variable in self._averaged]

    @property
    def variables(self) -> list[keras.Variable]:
        """All of it, for a checkpoint."""
        return [self.flat, *self.state, *self._averages]

    def kernels(self) -> tf.Tensor:
        """``(weights,)``: 1 for each weight of a kernel, 0 for biases and what else has one axis, as scales have."""
        return tf.constant(np.concatenate([np.full(np.prod(s), len(s) > 1, np.float32) for s in self.shapes]))

    def values(self) -> list[tf.Tensor]:
        """Those of the state."""
        return [tf.convert_to_tensor(variable.value) for variable in self.state]

    def call(
        self, flat: tf.Tensor, state: Sequence[tf.Tensor], inputs: tf.Tensor
    ) -> tuple[tf.Tensor, Sequence[tf.Tensor]]:
        """What the model of weights ``flat`` gives for a batch in training, and the state it leaves."""
        with fused_normalization(), small_convolutions():
            outputs, left = self.model.stateless_call(self.pieces(flat), state, inputs, training=True)
        return outputs, left

    def keep(self, before: Sequence[tf.Tensor], after: Sequence[tf.Tensor]) -> None:
        """Take over the state that a call left; what it left as it was costs nothing."""
        for variable, old, new in zip(self.state, before, after, strict=True):
            if new is not old:
                variable.assign(new)

    def average(self, steps: tf.Tensor) -> None:
        """Let the running averages follow, once so many steps, this one included, are made.

        After t steps the weights of step i count by decay^(t-i), and by nothing else: those of before the first step
        are not in it. It is Adam's correction of the bias (Kingma and Ba 2015, arXiv:1412.6980, section 3) written as a
        share, ``(1 - decay) / (1 - decay^t)``, of the newest weights.
        """
        if not self._averages:
            return
        kept = -tf.math.expm1(tf.cast(steps, tf.float32) * math.log1p(-self._keep))
        share = tf.minimum(self._keep / kept, 1.0)
        for average, variable in zip(self._averages, self._averaged, strict=True):
            average.assign_add(share * (variable.value - average.value))

    def pieces(self, flat: tf.Tensor | None = None) -> list[tf.Tensor]:
        """The weights, or ``flat`` in their place, in their shapes and the model's order."""
        flat = self.flat.value if flat is None else flat
        pieces = tf.split(flat, [int(np.prod(shape)) for shape in self.shapes])
        return [tf.reshape(piece, shape) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def to_model(self) -> None:
        """Copy weights and state into the model, the averages where there are any."""
        averages = {id(one): average for one, average in zip(self._averaged, self._averages, strict=True)}
        flat, *state = [averages.get(id(one), one) for one in (self.flat, *self.state)]
        for variable, piece in zip(self.model.trainable_variables, self.pieces(flat.value), strict=True):
            variable.assign(piece)
        for variable, value in zip(self.model.non_trainable_variables, state, strict=True):
            variable.assign(value)


def _copy(variable: keras.Variable) -> keras.Variable:
    return keras.Variable(variable.numpy(), dtype=variable.dtype, trainable=False)
