"""TensorFlow Privacy, one example a microbatch: ``private_tensorflow_privacy.py {optimizer,query} {autoencoder,...}``.

``optimizer`` is its ``DPAdamGaussianOptimizer`` as it is, in the graph and session that it was written for; each
microbatch goes back through the whole batch, so a step costs the square of its size. ``VectorizedDPAdamOptimizer`` is a
fifth faster at batch 160, but its memory is that square too: left out. The Keras optimizers need Keras 2.
``query`` is the same loop, its ``GaussianSumQuery`` included, with every example sent through the network alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import private_data
from private_config import config_of
from private_data import CHECKED, CLIP, HID_DIM, LEARNING_RATE, NOISE_MULTIPLIER, Values
from worker import Epoch, epochs, serve

sys.skip_tf_privacy_import = True  # type: ignore[attr-defined]

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow_privacy.privacy.dp_query.gaussian_query import GaussianSumQuery  # noqa: E402
from tensorflow_privacy.privacy.optimizers.dp_optimizer import DPAdamGaussianOptimizer  # noqa: E402

from mnist_etc.models.autoencoder import build_autoencoder  # noqa: E402
from mnist_etc.models.classifier import build_classifier  # noqa: E402
from mnist_etc.models.config import AutoencoderConfig  # noqa: E402

KIND, TASK = sys.argv[1:]
ARRAYS = private_data.arrays(TASK)
PARALLEL = 10
"""Iterations of the loop over microbatches; the optimizer's own."""
v1 = tf.compat.v1
CONFIG = config_of(TASK, batch_size=1, epochs=1, private=True)
MODEL = build_autoencoder(CONFIG) if isinstance(CONFIG, AutoencoderConfig) else build_classifier(CONFIG, HID_DIM)
VALUES = MODEL.get_weights()
Weights = Sequence[Values]


def losses_of(weights: Sequence[tf.Tensor], batch: Sequence[tf.Tensor]) -> tf.Tensor:
    """Loss of each example, ``(batch,)``."""
    if TASK == "autoencoder":
        pixels = tf.cast(batch[0], tf.float32)[..., tf.newaxis] / 255
        predicted = MODEL.stateless_call(weights, [], pixels, training=True)[0]
        return tf.reduce_mean(tf.square(predicted - pixels), [1, 2, 3])
    logits = MODEL.stateless_call(weights, [], batch[0], training=True)[0]
    return tf.nn.sparse_softmax_cross_entropy_with_logits(batch[1], logits)


class OptimizerSession:
    """The optimizer's graph for batches of one size."""

    def __init__(self, values: Weights, batch_size: int, clip: float, noise_multiplier: float) -> None:
        with tf.Graph().as_default():
            self._fed = [v1.placeholder(array.dtype, (batch_size, *array.shape[1:])) for array in ARRAYS]
            weights = [v1.get_variable(f"weight{number}", initializer=value) for number, value in enumerate(values)]
            optimizer = DPAdamGaussianOptimizer(
                l2_norm_clip=clip,
                noise_multiplier=noise_multiplier,
                num_microbatches=batch_size,
                learning_rate=LEARNING_RATE,
            )
            pairs = optimizer.compute_gradients(losses_of([tf.identity(one) for one in weights], self._fed), weights)
            self._update = optimizer.apply_gradients(pairs)
            self._sum = tf.concat([tf.reshape(gradient, [-1]) for gradient, _ in pairs], 0) * batch_size
            self._session = v1.Session()
            self._session.run(v1.global_variables_initializer())

    def step(self, indices: npt.NDArray[np.int64]) -> None:
        """Clip, sum, add noise, update."""
        self._run(self._update, indices)

    def total(self, indices: npt.NDArray[np.int64]) -> Values:
        """The noised sum, ``(parameters,)``."""
        return self._run(self._sum, indices)

    def _run(self, what: Any, indices: npt.NDArray[np.int64]) -> Any:
        return self._session.run(what, dict(zip(self._fed, [array[indices] for array in ARRAYS], strict=True)))


class QueryLoop:
    """The loop of the optimizer's ``compute_gradients``, with a forward pass of its own for every example."""

    def __init__(self, values: Weights, batch_size: int, clip: float, noise_multiplier: float) -> None:
        self._weights = [keras.Variable(value) for value in values]
        self._arrays = [tf.constant(array) for array in ARRAYS]
        self._query = GaussianSumQuery(clip, clip * noise_multiplier)
        self._state = self._query.initial_global_state()
        self._optimizer = keras.optimizers.Adam(LEARNING_RATE)
        self._optimizer.build(self._weights)
        self._batch_size = batch_size
        self.step = tf.function(self._step, autograph=False)

    def total(self, indices: npt.NDArray[np.int64]) -> Values:
        """The noised sum, ``(parameters,)``."""
        return np.concatenate([part.numpy().ravel() for part in tf.function(self._total, autograph=False)(indices)])

    def _step(self, indices: tf.Tensor) -> None:
        self._optimizer.apply([part / self._batch_size for part in self._total(indices)], self._weights)

    def _total(self, indices: tf.Tensor) -> list[tf.Tensor]:
        parameters = self._query.derive_sample_params(self._state)
        weights = [tf.convert_to_tensor(variable) for variable in self._weights]

        def record(number: tf.Tensor, total: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            with tf.GradientTape() as tape:
                tape.watch(weights)
                losses = losses_of(weights, [tf.gather(array, indices[number : number + 1]) for array in self._arrays])
            return number + 1, self._query.accumulate_record(parameters, total, tape.gradient(losses, weights))

        start = (tf.constant(0), self._query.initial_sample_state(weights))
        total = tf.while_loop(lambda number, _: number < tf.size(indices), record, start, parallel_iterations=PARALLEL)[
            1
        ]
        return self._query.get_noised_result(total, self._state)[0]


PEER = OptimizerSession if KIND == "optimizer" else QueryLoop


def build(variant: str, batch_size: int) -> Epoch:  # noqa: ARG001
    """Steps on fixed batches."""
    peer = PEER(VALUES, batch_size, CLIP, NOISE_MULTIPLIER)

    def epoch(order: npt.NDArray[np.int64]) -> None:
        for indices in order:
            peer.step(indices)

    return epoch


def gradient(number: int) -> Values:
    """Of one example alone, ``(parameters,)``."""
    weights = [tf.constant(value) for value in VALUES]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        losses = losses_of(weights, [tf.constant(array[number : number + 1]) for array in ARRAYS])
    return np.concatenate([part.numpy().ravel() for part in tape.gradient(losses, weights)])


if __name__ == "__main__":
    v1.disable_control_flow_v2()
    private_data.check(
        KIND,
        np.stack([gradient(number) for number in range(CHECKED)]),
        lambda clip: PEER(VALUES, CHECKED, clip, 0.0).total(np.arange(CHECKED)),
    )
    serve(["microbatches of 1"], ["tensorflow", "tensorflow-privacy"], epochs(build))
