"""This project's loop: `mnist_etc.fit.loop.fit` as ``train.py`` calls it, checkpoint after each epoch included."""

from __future__ import annotations

import tempfile
from pathlib import Path

from idx import mnist
from worker import serve

from mnist_etc.backend import load_tensorflow
from mnist_etc.fit.checkpoint import Checkpoint
from mnist_etc.fit.loop import fit
from mnist_etc.fit.plain import PlainSteps
from mnist_etc.models.autoencoder import build_autoencoder
from mnist_etc.models.config import AutoencoderConfig, OutputActivation
from mnist_etc.training.autoencoder import autoencoder_task

IMAGES = mnist("train")[0]


def measure(variant: str, batch_size: int, images: int) -> float:  # noqa: ARG001
    """Two epochs; the first compiles, the second counts."""
    config = AutoencoderConfig(
        hid_dim=32,
        epochs=2,
        private=False,
        l2_norm_clip=1,
        batch_size=batch_size,
        optimizer="adam",
        learning_rate=1e-3,
        warmup=0.05,
        output_activation=OutputActivation.clip,
    )
    images = images // batch_size * batch_size
    with tempfile.TemporaryDirectory() as folder:
        history = fit(
            PlainSteps(autoencoder_task(config, build_autoencoder(config), IMAGES[:images]), config, seed=0),
            checkpoint=Checkpoint(Path(folder) / "checkpoint.npz", {}),
            evaluate=lambda _: {},
            report=lambda *_: None,
        )
    return history[-1]["images_per_second"]


if __name__ == "__main__":
    load_tensorflow()
    serve(["mnist_etc.fit.loop.fit"], ["tensorflow", "keras"], measure)
