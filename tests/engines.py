"""Networks, a loss and a loop over single examples, to hold the clipping engines against."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from mnist_etc.privacy.engine import ClippingEngine
from mnist_etc.privacy.registry import ENGINES, build_engine

KINDS = list(ENGINES)
BATCH = 7


def network(*stack: layers.Layer, shape: tuple[int, ...] = (9, 11, 3)) -> keras.Model:
    keras.utils.set_random_seed(3)
    model = keras.Sequential([layers.Input(shape), *stack])
    for variable in model.trainable_variables:  # zero biases would hide a bias that is left out
        variable.assign(np.random.default_rng(5).normal(0, 0.5, variable.shape))
    return model


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "dense": lambda: network(layers.Dense(5, activation="relu"), layers.Dense(4), shape=(6,)),
    "dense without bias": lambda: network(layers.Dense(5, use_bias=False), layers.Dense(3, "tanh"), shape=(6,)),
    "dense on positions": lambda: network(layers.Dense(5, activation="relu"), layers.Dense(2)),
    "conv": lambda: network(layers.Conv2D(4, 3, activation="relu"), layers.Conv2D(2, (1, 2))),
    "conv same": lambda: network(layers.Conv2D(4, (5, 2), padding="same", activation="relu"), layers.Conv2D(2, 3)),
    "conv strides": lambda: network(layers.Conv2D(4, 3, strides=2), layers.ReLU(), layers.Conv2D(2, 2, strides=(1, 2))),
    "conv same strides": lambda: network(layers.Conv2D(4, 3, strides=(2, 2), padding="same", activation="elu")),
    "conv dilated": lambda: network(layers.Conv2D(4, (2, 3), dilation_rate=2, activation="relu"), layers.Conv2D(2, 2)),
    "conv without bias": lambda: network(layers.Conv2D(4, 3, use_bias=False), layers.Flatten(), layers.Dense(3)),
    "few positions": lambda: network(layers.Conv2D(12, (8, 9), activation="relu"), layers.Conv2D(20, 2)),
    "one position": lambda: network(layers.Conv2D(12, (9, 11)), layers.Conv2DTranspose(8, 3)),
    "transposed": lambda: network(layers.Conv2DTranspose(4, 3, activation="relu"), layers.Conv2DTranspose(2, (2, 5))),
    "transposed strides": lambda: network(layers.Conv2DTranspose(4, 3, strides=2), layers.Conv2DTranspose(2, 2, 3)),
    "transposed same": lambda: network(layers.Conv2DTranspose(4, 3, strides=2, padding="same"), layers.Conv2D(1, 2)),
    "transposed, stride beyond kernel": lambda: network(layers.Conv2DTranspose(2, 2, strides=3)),
    "pools": lambda: network(layers.Conv2D(4, 2), layers.MaxPooling2D(2), layers.AveragePooling2D(2), layers.Dense(2)),
    "nested": lambda: network(keras.Sequential([layers.Conv2D(3, 2)]), layers.UpSampling2D(2), layers.Conv2D(2, 3)),
    "bounded": lambda: network(layers.Conv2D(4, 3), layers.ReLU(max_value=1.0), layers.Conv2D(2, 3)),
}


def squares(predict: Callable[[tf.Tensor], tf.Tensor], inputs: tf.Tensor) -> tf.Tensor:
    """A loss that no layer's symmetry hides in."""
    outputs = predict(inputs)
    outputs = tf.reshape(outputs, [tf.shape(outputs)[0], int(np.prod(outputs.shape[1:]))])
    wanted = tf.cos(tf.range(outputs.shape[1], dtype=tf.float32))
    return tf.reduce_mean(tf.square(outputs - wanted), 1)


def batch_for(model: keras.Model, size: int = BATCH) -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).normal(size=(size, *model.input_shape[1:])).astype(np.float32))


def one_by_one(model: keras.Model, inputs: tf.Tensor) -> np.ndarray:
    """The gradient of each example ``(batch, parameters)``, each from a batch of its own."""
    gradients = []
    for index in range(len(inputs)):
        with tf.GradientTape() as tape:
            loss = squares(lambda batch: model(batch, training=True), inputs[index : index + 1])[0]
        parts = tape.gradient(loss, model.trainable_variables)
        gradients.append(np.concatenate([part.numpy().ravel() for part in parts]))
    return np.stack(gradients)


def clipped(gradients: np.ndarray, clip: float) -> np.ndarray:
    return gradients * np.minimum(1, clip / np.linalg.norm(gradients, axis=1, keepdims=True))


def engine_for(kind: str, model: keras.Model, *, clip: float = 1.0, noise: float = 0.0) -> ClippingEngine:
    return build_engine(kind, model, squares, l2_norm_clip=clip, noise_multiplier=noise, seed=11)


def summing(engine: ClippingEngine, model: keras.Model) -> Callable[[tf.Tensor, tf.Tensor], np.ndarray]:
    """Inputs and mask to the clipped sum."""
    values = [variable.value for variable in model.trainable_variables]
    compiled = tf.function(lambda inputs, mask: engine.clipped_sum(values, mask, inputs), autograph=False)
    return lambda inputs, mask: np.asarray(compiled(inputs, mask))
