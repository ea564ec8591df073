"""The same network in JAX, with Flax and Optax: jitted, state donated, images in memory.

An upsampling, where patches do not overlap, is written as a dense layer, which XLA's CPU backend runs faster than the
dilated convolution that `flax.linen.ConvTranspose` becomes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import linen as nn
from idx import mnist
from worker import Epoch, epochs, serve

HID_DIM = 32
IMAGES = jnp.asarray(mnist("train")[0])[..., None]
OPTIMIZER = optax.adam(1e-3)
State = tuple[Any, Any]


class Upsample(nn.Module):
    """A transposed convolution 2x2 with stride 2."""

    filters: int

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """``(batch, height, width, channels)`` to ``(batch, 2 height, 2 width, filters)``."""
        batch, height, width, _ = inputs.shape
        patches = nn.Dense(4 * self.filters)(inputs).reshape(batch, height, width, 2, 2, self.filters)
        return patches.transpose(0, 1, 3, 2, 4, 5).reshape(batch, 2 * height, 2 * width, self.filters)


class Autoencoder(nn.Module):
    """``(batch, 28, 28, 1)`` to the same."""

    @nn.compact
    def __call__(self, pixels: jax.Array) -> jax.Array:
        """Encode and decode."""
        fine, middle, coarse = HID_DIM // 8, HID_DIM // 4, HID_DIM // 2
        conv, transposed = partial(nn.Conv, padding="VALID"), partial(nn.ConvTranspose, padding="VALID")
        hidden = nn.max_pool(nn.relu(conv(fine, (5, 5))(pixels)), (2, 2), (2, 2))
        hidden = nn.max_pool(nn.relu(conv(middle, (3, 3))(hidden)), (2, 2), (2, 2))
        hidden = conv(HID_DIM, (3, 3))(nn.relu(conv(coarse, (3, 3))(hidden)))
        hidden = transposed(middle, (3, 3))(nn.relu(transposed(coarse, (3, 3))(hidden)))
        hidden = transposed(fine, (3, 3))(nn.relu(Upsample(middle)(hidden)))
        return transposed(1, (5, 5))(nn.relu(Upsample(fine)(hidden)))


MODEL = Autoencoder()


def step(state: State, images: jax.Array, indices: jax.Array) -> tuple[State, jax.Array]:
    """One step of Adam on the images at ``indices``."""
    parameters, moments = state
    pixels = images[indices].astype(jnp.float32) / 255

    def loss_of(parameters: Any) -> jax.Array:
        return jnp.mean(jnp.square(MODEL.apply(parameters, pixels) - pixels))

    loss, gradients = jax.value_and_grad(loss_of)(parameters)
    updates, moments = OPTIMIZER.update(gradients, moments, parameters)
    return (optax.apply_updates(parameters, updates), moments), loss


@partial(jax.jit, donate_argnums=0)
def scanned(state: State, images: jax.Array, order: jax.Array) -> tuple[State, jax.Array]:
    """All steps of an epoch in one call."""
    return jax.lax.scan(lambda state, indices: step(state, images, indices), state, order)


stepped = jax.jit(step, donate_argnums=0)


def build(variant: str, batch_size: int) -> Epoch:  # noqa: ARG001
    """An epoch as one `jax.lax.scan`, or as a call for each step."""
    parameters = MODEL.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
    state: State = (parameters, OPTIMIZER.init(parameters))

    def epoch(order: npt.NDArray[np.int64]) -> None:
        nonlocal state
        if variant == "scan":
            state, _ = scanned(state, IMAGES, order)
        else:
            for indices in order:
                state, _ = stepped(state, IMAGES, indices)
        jax.block_until_ready(state)

    return epoch


if __name__ == "__main__":
    serve(["scan", "a call a step"], ["jax", "flax", "optax"], epochs(build))
