"""The "before" loop: `model.fit` of ``benchmarks/before.py``, its network, its input pipeline."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from before import build_autoencoder, reconstruction_batches, scaled
from idx import mnist
from worker import Epoch, epochs, serve

IMAGES = scaled(mnist("train")[0])


def build(variant: str, batch_size: int) -> Epoch:  # noqa: ARG001
    """An epoch of ``fit``, which shuffles for itself."""
    autoencoder, _ = build_autoencoder()
    batches: dict[int, tf.data.Dataset] = {}

    def epoch(order: npt.NDArray[np.int64]) -> None:
        if order.size not in batches:
            batches[order.size] = reconstruction_batches(IMAGES[: order.size], batch_size)
        autoencoder.fit(batches[order.size], verbose=0)

    return epoch


if __name__ == "__main__":
    serve(["model.fit"], ["tensorflow", "keras"], epochs(build))
