"""Private steps in JAX: ``private_jax.py {private,plain} {autoencoder,classifier}``; fixed batches, jitted.

``optax`` is ``vmap(grad)`` into its ``differentially_private_aggregate``; ``jax_privacy`` is that library's
``clipped_grad``, all examples at once or 32 after 32, and its Gaussian noise.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
import private_data
from flax import linen as nn
from jax_privacy.clipping import clipped_grad
from jax_privacy.noise_addition import gaussian_privatizer
from jax_train import Autoencoder
from optax.contrib import differentially_private_aggregate
from private_data import CHECKED, CLASSES, CLIP, HID_DIM, LEARNING_RATE, NOISE_MULTIPLIER, Values
from worker import Epoch, epochs, serve

KIND, TASK = sys.argv[1:]
ARRAYS = [jnp.asarray(array) for array in private_data.arrays(TASK)]
MODEL = Autoencoder() if TASK == "autoencoder" else nn.Dense(CLASSES)
SHAPE = (1, 28, 28, 1) if TASK == "autoencoder" else (1, HID_DIM)
WEIGHTS = MODEL.init(jax.random.key(0), jnp.zeros(SHAPE))
METHODS = ["optax", "jax_privacy", "jax_privacy by 32"] if KIND == "private" else ["plain"]
CALLS = ["scan", "a call a step"]
State = tuple[Any, Any]


def loss_of(weights: Any, *batch: jax.Array) -> jax.Array:
    """Mean over the batch."""
    if TASK == "autoencoder":
        pixels = batch[0].astype(jnp.float32)[..., None] / 255
        return jnp.mean(jnp.square(MODEL.apply(weights, pixels) - pixels))
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(MODEL.apply(weights, batch[0]), batch[1]))


class Method:
    """A way to the mean gradient, clipped and noised unless it is plain, and Adam on it."""

    def __init__(self, name: str, batch_size: int, clip: float, noise_multiplier: float) -> None:
        adam = optax.adam(LEARNING_RATE)
        count = range(1, 1 + len(ARRAYS))
        if name == "plain":
            self.gradient, self.noise = jax.grad(loss_of), optax.identity()
        elif name == "optax":

            def alone(weights: Any, *example: jax.Array) -> jax.Array:
                return loss_of(weights, *(values[None] for values in example))

            self.gradient = jax.vmap(jax.grad(alone), (None, *(0 for _ in count)))
            self.noise = differentially_private_aggregate(clip, noise_multiplier, jax.random.key(1))
        else:
            self.gradient = clipped_grad(
                loss_of,
                l2_clip_norm=clip,
                batch_argnums=tuple(count),
                normalize_by=batch_size,
                microbatch_size=32 if name.endswith("by 32") else None,
            )
            deviation = clip * noise_multiplier / batch_size
            self.noise = gaussian_privatizer(stddev=deviation, prng_key=jax.random.key(1))
        self.optimizer = optax.chain(self.noise, adam)

    def step(self, state: State, arrays: list[jax.Array], indices: jax.Array) -> tuple[State, None]:
        """Clip, sum, add noise, update."""
        weights, moments = state
        gradients = self.gradient(weights, *(array[indices] for array in arrays))
        updates, moments = self.optimizer.update(gradients, moments, weights)
        return (optax.apply_updates(weights, updates), moments), None

    def mean(self, batch: list[jax.Array]) -> Any:
        """The noised mean gradient."""
        return self.noise.update(self.gradient(WEIGHTS, *batch), self.noise.init(WEIGHTS))[0]


def build(variant: str, batch_size: int) -> Epoch:
    """An epoch as one `jax.lax.scan`, or as a call for each step."""
    name, _, call = variant.partition(", ")
    method = Method(name, batch_size, CLIP, NOISE_MULTIPLIER)
    weights = jax.tree.map(jnp.copy, WEIGHTS)
    state: State = (weights, method.optimizer.init(weights))
    stepped = jax.jit(method.step, donate_argnums=0)

    @partial(jax.jit, donate_argnums=0)
    def scanned(state: State, arrays: list[jax.Array], order: jax.Array) -> State:
        return jax.lax.scan(lambda state, indices: method.step(state, arrays, indices), state, order)[0]

    def epoch(order: npt.NDArray[np.int64]) -> None:
        nonlocal state
        if call == "scan":
            state = scanned(state, ARRAYS, order)
        else:
            for indices in order:
                state, _ = stepped(state, ARRAYS, indices)
        jax.block_until_ready(state)

    return epoch


def flat(tree: Any) -> Values:
    """All parameters in one vector."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def check(name: str) -> None:
    """The clipped sum against gradients of one example at a time."""
    batch = [array[:CHECKED] for array in ARRAYS]
    alone = jax.jit(jax.grad(loss_of))
    private_data.check(
        name,
        np.stack([flat(alone(WEIGHTS, *(array[i : i + 1] for array in batch))) for i in range(CHECKED)]),
        lambda clip: flat(jax.jit(Method(name, CHECKED, clip, 0.0).mean)(batch)) * CHECKED,
    )


if __name__ == "__main__":
    if KIND == "private":
        for method in METHODS:
            check(method)
    serve(
        [f"{method}, {call}" for method in METHODS for call in CALLS],
        ["jax", "flax", "optax", *(["jax_privacy"] if KIND == "private" else [])],
        epochs(build),
    )
