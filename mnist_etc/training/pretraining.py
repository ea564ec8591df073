"""The autoencoder's start: fitted to images drawn by chance, before it sees a training image.

They are of nobody, so this costs no privacy. DP-RandP does the same with other random processes (Tang, Panda, Sehwag
and Mittal 2023, arXiv:2306.06076).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mnist_etc.data.surrogates import draw_surrogates
from mnist_etc.fit.plain import PlainSteps
from mnist_etc.fit.progress import Progress
from mnist_etc.fit.task import Task
from mnist_etc.models.config import AutoencoderConfig

__all__ = ["pretrain"]

DRAWN = 15_000
"""Images of each kind."""
BATCH_SIZE = 64
LEARNING_RATE = 0.006


def pretrain(task_on: Callable[[npt.NDArray[np.uint8]], Task], config: AutoencoderConfig, seed: int, side: int) -> None:
    """Fit the model of a task to drawn images for ``config.pretraining_epochs``; the same seed gives the same bits.

    Args:
        task_on: uint8 images ``(n, side, side)`` to the fit of the model to them.
        config: of the training that follows, whose optimizer, batch size and rate are its own.
        seed: of the images and their order; no secret.
        side: pixels of each side of an image.

    Raises:
        TrainingError: the fit diverged.
    """
    epochs = config.pretraining_epochs
    plain = dataclasses.replace(
        config, epochs=epochs, private=False, optimizer="adam", batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE
    )
    images = draw_surrogates(DRAWN, seed, side)
    steps = PlainSteps(task_on(images), plain, seed)
    label = "autoencoder, on drawn images,"
    with Progress(label, epochs=epochs, images=steps.images, finished=0) as progress:
        for epoch in range(1, epochs + 1):
            progress.start_epoch()
            measured = steps.run(epoch, progress.advance)
            progress.finish_epoch(measured | {"images_per_second": progress.images_per_second()})
    steps.weights.to_model()
