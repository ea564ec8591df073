"""This project's step of `cnn`: `mnist_etc.fit.loop.fit` as ``train_.supervised`` calls it, checkpoint included."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from idx import mnist
from worker import serve

from mnist_etc.backend import load_tensorflow
from mnist_etc.fit.checkpoint import Checkpoint
from mnist_etc.fit.loop import fit
from mnist_etc.fit.plain import PlainSteps
from mnist_etc.fit.task import Task
from mnist_etc.models.config import FitConfig
from mnist_etc.models.losses import image_loss
from mnist_etc.models.zoo import ZOO

IMAGES, LABELS = mnist("train")
LABELS = LABELS.astype(np.int64)
EPOCHS = 2


def measure(variant: str, batch_size: int, images: int) -> float:  # noqa: ARG001
    """Two epochs; the first compiles, the second counts."""
    images = images // batch_size * batch_size
    config = FitConfig(
        epochs=EPOCHS,
        private=False,
        l2_norm_clip=1,
        batch_size=batch_size,
        optimizer="adam",
        learning_rate=0.002,
        warmup=0.05,
    )
    model = ZOO["cnn"].network(SimpleNamespace(width=None, dropout=None, private=False), 0, 28, 10)
    loss = image_loss("nll", label_smoothing=0.0, logits_a_length=None, reconstruction_weight=0.0)
    task = Task(label="cnn", model=model, arrays=[IMAGES[:images], LABELS[:images]], loss=loss)
    with tempfile.TemporaryDirectory() as folder:
        history = fit(
            PlainSteps(task, config, seed=0),
            checkpoint=Checkpoint(Path(folder) / "checkpoint.npz", {}),
            evaluate=lambda _: {},
            report=lambda *_: None,
        )
    return history[-1]["images_per_second"]


if __name__ == "__main__":
    load_tensorflow()
    serve(["mnist_etc.fit.loop.fit"], ["tensorflow", "keras"], measure)
