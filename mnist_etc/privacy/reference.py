"""The reference engine: clipping, summing and the noise's deviation by TensorFlow Privacy's own ``GaussianSumQuery``.

Its package fails to import as a whole on this TensorFlow, so only the module of the query is loaded. The query draws
noise from a stateful operation, which repeats itself in each new graph; so the noise is `gaussian_noise` of the query's
deviation instead.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mnist_etc.errors import PrivacyError
from mnist_etc.privacy.engine import Loss, by_unit
from mnist_etc.privacy.noise import gaussian_noise

__all__ = ["TensorFlowPrivacyEngine"]


class TensorFlowPrivacyEngine:
    """See `mnist_etc.privacy.engine.ClippingEngine` and `mnist_etc.privacy.registry.build_engine`.

    Any layer will do that answers each example by itself; a layer with state, such as batch normalization, is refused.
    """

    def __init__(
        self, model: keras.Model, loss: Loss, *, l2_norm_clip: float, noise_multiplier: float, seed: int
    ) -> None:
        if model.non_trainable_variables:
            raise PrivacyError(
                f"Expected layers that answer each example by itself; received {model.name} with the state "
                f"{model.non_trainable_variables[0].path}, which the batch would change. Use another layer or "
                "private=false."
            )
        self._model, self._loss, self._seed = model, loss, seed
        self._query = _gaussian_sum_query(l2_norm_clip, l2_norm_clip * noise_multiplier)
        self._state = self._query.initial_global_state()

    def clipped_sum(self, weights: Sequence[tf.Tensor], mask: tf.Tensor, *batch: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`."""
        parameters = self._query.derive_sample_params(self._state)

        def record(unit: tuple[tf.Tensor, Sequence[tf.Tensor]]) -> tf.Tensor:
            counted, examples = unit
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                losses = self._loss(
                    lambda inputs: self._model.stateless_call(weights, [], inputs, training=True)[0],
                    *examples,
                )
                losses = losses * counted
            gradients = tape.gradient(losses, weights)
            flat = tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], 0)
            finite = tf.math.is_finite(tf.norm(flat))
            return self._query.preprocess_record(parameters, tf.where(finite, flat, tf.zeros_like(flat)))

        total = tf.reduce_sum(tf.vectorized_map(record, by_unit(mask, batch)), 0)
        return self._query.accumulate_preprocessed_record(tf.zeros_like(total), total)

    def add_noise(self, total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`."""
        return total + gaussian_noise(tf.size(total), self._seed, step, self._state.stddev)


def _gaussian_sum_query(l2_norm_clip: float, stddev: float) -> Any:
    sys.skip_tf_privacy_import = True  # type: ignore[attr-defined]
    from tensorflow_privacy.privacy.dp_query.gaussian_query import GaussianSumQuery

    return GaussianSumQuery(l2_norm_clip, stddev)
