"""What both loops move the weights with."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mnist_etc.models.config import FitConfig
from mnist_etc.models.optimizers import OPTIMIZERS

__all__ = ["FlatWeights", "build_optimizer"]


def build_optimizer(config: FitConfig, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer of a fit of ``steps`` steps: its rate climbs linearly from 0 and falls along a cosine to 0."""
    warmup = min(int(config.warmup * steps), steps - 1)
    rate = (
        keras.optimizers.schedules.CosineDecay(
            0.0, steps - warmup, warmup_target=config.learning_rate, warmup_steps=warmup
        )
        if warmup
        else keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    )
    return OPTIMIZERS[config.optimizer].build(rate)


class FlatWeights:
    """All trainable weights of a model in one vector, so that Adam takes a dozen operations, not a dozen a layer.

    On batches of 32 that is about a fifth of the step.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.shapes = [variable.shape for variable in model.trainable_variables]
        self.constant = list(model.non_trainable_variables)
        self.flat = keras.Variable(np.concatenate([variable.numpy().ravel() for variable in model.trainable_variables]))

    def predict(self, inputs: tf.Tensor) -> tf.Tensor:
        """The model with these weights on a batch, in training."""
        return self.model.stateless_call(self.pieces(), self.constant, inputs, training=True)[0]

    def pieces(self) -> list[tf.Tensor]:
        """The weights in their shapes, in the model's order."""
        pieces = tf.split(self.flat.value, [int(np.prod(shape)) for shape in self.shapes])
        return [tf.reshape(piece, shape) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def to_model(self) -> None:
        """Copy the vector into the model."""
        for variable, piece in zip(self.model.trainable_variables, self.pieces(), strict=True):
            variable.assign(piece)
