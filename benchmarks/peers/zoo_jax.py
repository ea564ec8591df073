"""`cnn` in JAX, with Flax and Optax: jitted, state donated, images in memory, a call a step.

One `jax.lax.scan` over the steps trained at a tenth of that speed: left out.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import linen as nn
from idx import mnist
from worker import Epoch, epochs, serve

WIDTH, CLASSES = 32, 10
IMAGES, LABELS = (jnp.asarray(array) for array in mnist("train"))
OPTIMIZER = optax.adam(2e-3)
State = tuple[Any, Any, Any]


class CNN(nn.Module):
    """Images ``(batch, 28, 28, 1)`` to logits ``(batch, classes)``."""

    @nn.compact
    def __call__(self, pixels: jax.Array) -> jax.Array:
        """In training."""
        hidden = pixels
        for number in range(4):
            hidden = nn.Conv(WIDTH if number == 0 else 2 * WIDTH, (3, 3), use_bias=False)(hidden)
            if number < 2:
                hidden = nn.max_pool(hidden, (2, 2), (2, 2))
            hidden = nn.relu(nn.BatchNorm(use_running_average=False, momentum=0.9, epsilon=1e-3)(hidden))
        return nn.Dense(CLASSES)(hidden.reshape(len(hidden), -1))


MODEL = CNN()


def step(state: State, images: jax.Array, labels: jax.Array, indices: jax.Array) -> tuple[State, jax.Array]:
    """One step of Adam on the images at ``indices``."""
    parameters, statistics, moments = state
    pixels = images[indices][..., None].astype(jnp.float32) / 255

    def loss_of(parameters: Any) -> tuple[jax.Array, Any]:
        variables = {"params": parameters, "batch_stats": statistics}
        logits, left = MODEL.apply(variables, pixels, mutable=["batch_stats"])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels[indices])
        return jnp.mean(losses), left["batch_stats"]

    (loss, statistics), gradients = jax.value_and_grad(loss_of, has_aux=True)(parameters)
    updates, moments = OPTIMIZER.update(gradients, moments, parameters)
    return (optax.apply_updates(parameters, updates), statistics, moments), loss


stepped = jax.jit(step, donate_argnums=0)


def build(variant: str, batch_size: int) -> Epoch:  # noqa: ARG001
    """An epoch, a call a step."""
    variables = MODEL.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
    state: State = (variables["params"], variables["batch_stats"], OPTIMIZER.init(variables["params"]))

    def epoch(order: npt.NDArray[np.int64]) -> None:
        nonlocal state
        for indices in order:
            state, _ = stepped(state, IMAGES, LABELS, indices)
        jax.block_until_ready(state)

    return epoch


if __name__ == "__main__":
    serve(["a call a step"], ["jax", "flax", "optax"], epochs(build))
