"""Fit the autoencoder: ``python -m train_.autoencoder [key=value ...]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_etc.artifacts.config import RunConfig
from mnist_etc.artifacts.fingerprint import configuration
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.data import Dataset, scaled
from mnist_etc.models.config import AutoencoderConfig, OutputActivation
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.tracking.tracker import Tracker
from mnist_etc.training.plan import checkpoint_key
from mnist_etc.training.report import skipped, write_figures

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from mnist_etc.fit.loop import Task

__all__ = ["autoencoder_task", "train_autoencoder"]

EXAMPLES = 64
EVALUATION_BATCH = 1000


def train_autoencoder(
    run: RunConfig, config: AutoencoderConfig, dataset: Dataset, tracker: Tracker
) -> dict[str, float]:
    """Fit, evaluate and publish the autoencoder; return its figures at once where that is done already.

    Returns:
        ``validation_mse`` and ``test_mse``, the mean squared error a pixel on [0, 1].

    Raises:
        ArtifactError: something cannot be written.
        ExportError: the ONNX file does not answer as the model.
    """
    folder = ArtifactFolder.of(run)
    artifact, settings = folder.autoencoder(config), configuration(run, config)
    if not run.force and (figures := artifact.finished(settings, dataset.sha256)):
        return skipped(artifact, figures)
    plan = PrivacyPlan.for_autoencoder(config, run.privacy, len(dataset.train))
    plan.announce()

    from mnist_etc.backend import load_tensorflow

    load_tensorflow()
    from mnist_etc.evaluation.pictures import first_of_each_class, write_pairs
    from mnist_etc.export.onnx import write_onnx
    from mnist_etc.fit.checkpoint import Checkpoint
    from mnist_etc.fit.loop import fit
    from mnist_etc.fit.private_loop import fit_private
    from mnist_etc.models.autoencoder import build_autoencoder
    from mnist_etc.models.h5 import write_h5

    model = build_autoencoder(config, run.seed)
    shown = first_of_each_class(dataset.validation.labels)
    labels, originals = dataset.validation.labels[shown], scaled(dataset.validation.images[shown])

    def evaluate(epoch: int) -> dict[str, float]:
        write_pairs(folder.examples(config, epoch), labels, originals, model(originals).numpy())
        return {"validation_mse": _mse(model, dataset.validation.images)}

    def report(epoch: int, metrics: dict[str, float]) -> None:
        tracker.metrics(metrics, epoch)
        tracker.pictures(folder.examples(config, epoch))

    checkpoint = Checkpoint(artifact.checkpoint, checkpoint_key(settings, dataset.sha256, plan.stages))
    with tracker.child("autoencoder"):
        tracker.parameters(settings)
        tracker.tag("privacy", plan.guarantee.words)
        task = autoencoder_task(config, model, dataset.train.images)
        callbacks = {"checkpoint": checkpoint, "evaluate": evaluate, "report": report}
        if plan.private:
            history = fit_private(task, config, plan, **callbacks)
        else:
            history = fit(task, config, seed=run.seed, **callbacks)
        figures = {"validation_mse": history[-1]["validation_mse"], "test_mse": _mse(model, dataset.test.images)}
        examples = scaled(dataset.validation.images[:EXAMPLES])
        artifact.publish(
            {
                artifact.h5: lambda path: write_h5(model, path),
                artifact.onnx: lambda path: write_onnx(model, path, examples),
            },
            settings=settings,
            dataset_sha256=dataset.sha256,
            metrics=figures,
            privacy=plan.guarantee.to_manifest(),
        )
        write_figures(artifact, figures, history, plan.guarantee)
        checkpoint.remove()
        tracker.metrics(figures)
        answer = model(examples[:1]).numpy()
        tracker.model("autoencoder", artifact.onnx, examples[:1], answer, {"privacy": plan.guarantee.words})
    return figures


def autoencoder_task(config: AutoencoderConfig, model: keras.Model, images: npt.NDArray[np.uint8]) -> Task:
    """The fit of ``model`` to uint8 images ``(n, 28, 28)``, by the mean squared error a pixel of each.

    The gradient passes straight through a clip at the end of ``model``.
    """
    import tensorflow as tf

    from mnist_etc.fit.loop import Task
    from mnist_etc.models.autoencoder import before_clip, clip_straight_through

    clips = config.output_activation is OutputActivation.clip

    def squared_error(predict: Callable[[tf.Tensor], tf.Tensor], batch: tf.Tensor) -> tf.Tensor:
        pixels = tf.cast(batch[..., tf.newaxis], tf.float32) / 255.0
        predicted = clip_straight_through(predict(pixels)) if clips else predict(pixels)
        return tf.reduce_mean(tf.square(predicted - pixels), [1, 2, 3])

    fitted = before_clip(model) if clips else model
    return Task(label="autoencoder", model=fitted, arrays=[images], loss=squared_error)


def _mse(model: keras.Model, images: npt.NDArray[np.uint8]) -> float:
    total = 0.0
    for first in range(0, len(images), EVALUATION_BATCH):
        pixels = scaled(images[first : first + EVALUATION_BATCH])
        total += float(np.square(model(pixels).numpy() - pixels, dtype=np.float64).sum())
    return total / images.size
