"""A batch shared among the devices of one machine, as TensorFlow's ``MirroredStrategy`` shares it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from mnist_etc.errors import TrainingError

__all__ = ["Gradient", "devices", "shared"]

State = Sequence[tf.Tensor]
APART = 1_000_003
"""Between the seeds of two parts: more than the steps of a fit, by which a seed counts up."""
Gradient = Callable[[tf.Tensor, State, Sequence[tf.Tensor]], tuple[tf.Tensor, tf.Tensor, State]]
"""Flat weights, the model's state and a batch of each array to the mean loss, its gradient and the state left."""


def devices() -> list[str]:
    """The GPUs of this machine; where it has none, its logical CPUs.

    Raises:
        TrainingError: there is one alone.
    """
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(found) < 2:
        raise TrainingError(
            f"Expected two or more GPUs with model.strategy=mirrored; received {found[0].name} alone. Pass "
            "model.strategy=one."
        )
    return [device.name for device in found]


def shared(gradient: Gradient, devices: Sequence[str]) -> Gradient:
    """``gradient`` of a batch as the mean of those of its parts, each by the images of it, one part a device.

    So it is the gradient of the whole batch, but for what a model takes of a batch as a whole: a batch normalization
    sees the part alone, and what it leaves is the mean of the parts', as in ``MirroredStrategy``; a dropout draws for
    each part apart.
    """

    def of(flat: tf.Tensor, state: State, batch: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, State]:
        images, count = tf.shape(batch[0])[0], len(devices)
        shares, found = [], []
        for place, device in enumerate(devices):
            first, last = images * place // count, images * (place + 1) // count
            shares.append(tf.cast(last - first, tf.float32) / tf.cast(images, tf.float32))
            with tf.device(device):  # one image at least, which counts nothing where the part is empty
                part = [array[first : tf.maximum(last, first + 1)] for array in batch]
                found.append(gradient(flat, _of_part(state, place), part))

        def mean(values: Sequence[tf.Tensor]) -> tf.Tensor:
            return tf.add_n([share * value for share, value in zip(shares, values, strict=True)])

        losses, gradients, states = zip(*found, strict=True)
        left = [
            mean(new) if new[0] is not old and new[0].dtype.is_floating else new[0]
            for old, *new in zip(state, *states, strict=True)
        ]
        return mean(losses), mean(gradients), left

    return of


def _of_part(state: State, place: int) -> State:
    """With a seed of its own for what is drawn; the first part's is the batch's, and its successor is kept."""
    if not place:
        return state
    return [value if value.dtype.is_floating else value + tf.cast(place * APART, value.dtype) for value in state]
