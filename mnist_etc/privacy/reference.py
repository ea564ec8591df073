"""The reference engine: clipping, summing and noise by TensorFlow Privacy's own ``GaussianSumQuery``.

Its package fails to import as a whole on this TensorFlow, so only the module of the query is loaded. It takes its noise
from TensorFlow's global generator, whose seeds have 31 bits: to check the fast engine by, not to release from.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mnist_etc.errors import PrivacyError
from mnist_etc.privacy.engine import Loss

__all__ = ["TensorFlowPrivacyEngine"]


class TensorFlowPrivacyEngine:
    """See `mnist_etc.privacy.engine.ClippingEngine` and `mnist_etc.privacy.engine.build_engine`.

    Any layer will do that answers each example by itself; a layer with state, such as batch normalisation, is refused.
    """

    def __init__(
        self,
        model: keras.Model,
        loss: Loss,
        *,
        l2_norm_clip: float,
        noise_multiplier: float,
        seed: int,
        first_step: int,
    ) -> None:
        if model.non_trainable_variables:
            raise PrivacyError(
                f"Expected layers that answer each example by itself; received {model.name} with the state "
                f"{model.non_trainable_variables[0].path}, which the batch would change. Use another layer or "
                "private=false."
            )
        self._model, self._loss = model, loss
        self._noise_seed = hash((seed, first_step)) % 2**31
        self._query = _gaussian_sum_query(l2_norm_clip, l2_norm_clip * noise_multiplier)
        self._state = self._query.initial_global_state()

    def clipped_sum(self, weights: Sequence[tf.Tensor], mask: tf.Tensor, *batch: tf.Tensor) -> tf.Tensor:
        """See `ClippingEngine`."""
        parameters = self._query.derive_sample_params(self._state)

        def record(example: Sequence[tf.Tensor]) -> tf.Tensor:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                losses = self._loss(
                    lambda inputs: self._model.stateless_call(weights, [], inputs, training=True)[0],
                    *(values[tf.newaxis] for values in example),
                )
            gradients = tape.gradient(losses, weights)
            flat = tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], 0)
            return self._query.preprocess_record(parameters, flat)

        records = tf.vectorized_map(record, batch)
        total = tf.reduce_sum(records * mask[:, tf.newaxis], 0)
        return self._query.accumulate_preprocessed_record(tf.zeros_like(total), total)

    def noised(self, total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:  # noqa: ARG002
        """See `ClippingEngine`."""
        tf.random.set_seed(self._noise_seed)
        return self._query.get_noised_result(total, self._state)[0]


def _gaussian_sum_query(l2_norm_clip: float, stddev: float) -> Any:
    sys.skip_tf_privacy_import = True  # type: ignore[attr-defined]
    try:
        from tensorflow_privacy.privacy.dp_query.gaussian_query import GaussianSumQuery
    except ImportError as error:
        raise PrivacyError(
            f"Expected tensorflow-privacy to be installed; received: {error}. It needs Python 3.11; pass "
            "privacy.engine=fast."
        ) from error
    return GaussianSumQuery(l2_norm_clip, stddev)
