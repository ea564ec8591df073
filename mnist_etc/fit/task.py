"""What is fitted to what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

__all__ = ["Task"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A model, the data it is fitted to, and by which loss.

    Attributes:
        label: a word for the progress lines.
        model: every trainable weight of it is trained.
        arrays: training data, each ``(n, ...)``.
        loss: called with ``predict``, which is the model on a batch, and a batch of each array; the loss of each
            example, ``(batch,)``.
        owners: ``(n,)``: whose each example is, people numbered from 0 up without a gap, of a private training for
            people; None: each example is a unit of privacy.
        augment: called with a batch of the first array and an int32 seed ``(2,)`` of the step; what is fitted instead.
    """

    label: str
    model: keras.Model
    arrays: Sequence[npt.NDArray[Any]]
    loss: Callable[..., tf.Tensor]
    owners: npt.NDArray[np.int64] | None = None
    augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None
