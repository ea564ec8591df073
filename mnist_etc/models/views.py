"""Test-time augmentation: the answer to an image is the mean of those to it and to its mirror image."""

from __future__ import annotations

import keras
from keras import layers, ops

from mnist_etc.models.zoo_config import AnswerViews, ZooConfig

__all__ = ["MeanOfViews", "WithMirrored", "answering"]


@keras.saving.register_keras_serializable("mnist_etc")
class WithMirrored(layers.Layer):  # type: ignore[misc]
    """Images ``(batch, height, width, 1)`` to ``(2 batch, height, width, 1)``: they, then they left to right."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """See `WithMirrored`."""
        return ops.concatenate([inputs, inputs[:, :, ::-1]], axis=0)  # ONNX slices; ops.flip would transpose


@keras.saving.register_keras_serializable("mnist_etc")
class MeanOfViews(layers.Layer):  # type: ignore[misc]
    """Logits ``(2 batch, classes)`` of what `WithMirrored` returns to ``(batch, classes)``."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """See `MeanOfViews`."""
        return ops.mean(ops.reshape(inputs, (2, -1, inputs.shape[1])), axis=0)


def answering(config: ZooConfig, model: keras.Model) -> keras.Model:
    """What is measured and published of ``model``: the same weights, from the views that ``config`` names.

    Args:
        config: ``test_time_augmentation``.
        model: image ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``.
    """
    if config.test_time_augmentation is AnswerViews.none:
        return model
    images = layers.Input(model.input_shape[1:])
    return keras.Model(images, MeanOfViews()(model(WithMirrored()(images))), name=model.name)
