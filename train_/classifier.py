"""Fit the classifier on frozen features: ``python -m train_.classifier [key=value ...]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_etc.artifacts import ArtifactFolder
from mnist_etc.command import run as run_command
from mnist_etc.config import AutoencoderConfig, ClassifierCommand, ClassifierConfig, RunConfig
from mnist_etc.data import Dataset, load
from mnist_etc.files import exclusive
from mnist_etc.privacy.guarantee import Stage, guarantee, no_guarantee, plan
from mnist_etc.settings import configuration
from mnist_etc.tracking import Tracker, start
from train_.autoencoder import EXAMPLES, scaled
from train_.features import Source, compute, find
from train_.report import skipped, write_figures

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from train_.loop import Task

__all__ = ["main", "train_classifier"]

Values = npt.NDArray[np.float32]


def train_classifier(
    run: RunConfig,
    autoencoder: AutoencoderConfig,
    config: ClassifierConfig,
    dataset: Dataset,
    tracker: Tracker,
) -> dict[str, float]:
    """Fit, evaluate and publish the classifier and the full model; return the figures at once where that is done.

    The features of every image are computed once.

    Returns:
        ``validation_accuracy`` and ``test_accuracy``, fractions of 1.

    Raises:
        ArtifactError: there is no finished autoencoder of this configuration, or something cannot be written.
        ConfigError: no noise multiplier keeps to the privacy budget.
        ExportError: an ONNX file does not answer as its model.
    """
    folder = ArtifactFolder.of(run)
    source = find(run, autoencoder, config, dataset)
    artifact, full = folder.classifier(autoencoder, config), folder.full_model(autoencoder, config)
    settings = configuration(run, autoencoder, config)
    if not run.force and not artifact.checkpoint.exists():
        done = [target.finished(settings, dataset.sha256, source.sources) for target in (full, artifact)]
        if done[0] and done[1]:
            return skipped(artifact, done[1])
    stages, privacy = _plan(run, config, source, len(dataset.train))
    if config.private:
        print(f"classifier  will give {privacy['words']}", flush=True)

    from mnist_etc.backend import load_tensorflow

    load_tensorflow(run.seed)
    from mnist_etc.export.h5 import write_h5
    from mnist_etc.export.onnx import write_onnx
    from mnist_etc.models.classifier import build_classifier, build_full_model
    from train_.checkpoint import Checkpoint
    from train_.loop import Task

    network = source.network()
    features, validation, test = (
        compute(network, split) for split in (dataset.train, dataset.validation, dataset.test)
    )
    examples = validation[:EXAMPLES].copy()
    mean, scale = _scaling(config, features)
    for values in (features, validation):
        values -= mean
        values /= scale
    model = build_classifier(config, features.shape[1])
    checkpoint = Checkpoint(artifact.checkpoint, {"configuration": settings, "dataset_sha256": dataset.sha256})
    with tracker.child("classifier"):
        tracker.parameters(settings)
        history = _fit(
            Task(label="classifier", model=model, arrays=[features, dataset.train.labels], loss=cross_entropy),
            config,
            run,
            stages,
            checkpoint=checkpoint,
            evaluate=lambda _: {"validation_accuracy": _accuracy(model, validation, dataset.validation.labels)},
            report=lambda epoch, metrics: tracker.metrics(metrics, epoch),
        )
        _take_over_scaling(model, mean, scale)
        figures = {
            "validation_accuracy": history[-1]["validation_accuracy"],
            "test_accuracy": _accuracy(model, test, dataset.test.labels),
        }
        images = scaled(dataset.validation.images[:EXAMPLES])
        for name, target, trained, inputs in (
            ("full_model", full, build_full_model(network, model), images),
            ("classifier", artifact, model, examples),
        ):
            target.publish(
                {
                    target.h5: lambda path, trained=trained: write_h5(trained, path),
                    target.onnx: lambda path, trained=trained, inputs=inputs: write_onnx(trained, path, inputs),
                },
                settings=settings,
                dataset_sha256=dataset.sha256,
                metrics=figures,
                privacy=privacy,
                sources=source.sources,
            )
            tracker.model(name, target.onnx, inputs[:1], trained(inputs[:1]).numpy())
        write_figures(artifact, figures, history, privacy)
        checkpoint.remove()
        tracker.metrics(figures)
    return figures


def _plan(
    run: RunConfig, config: ClassifierConfig, source: Source, examples: int
) -> tuple[list[Stage], dict[str, Any]]:
    """The private stages that a private classifier ends, and what the full model promises with it."""
    encoder_saw_data_unprotected = source.weights is not None and not source.stages
    if not config.private:
        if source.stages:
            return [], no_guarantee(source.stages, "the classifier was trained without DP-SGD on the same images")
        return [], no_guarantee([], "trained without DP-SGD")
    stages = [*source.stages, plan("classifier", config, run.privacy, examples, before=source.stages)]
    if encoder_saw_data_unprotected:
        alone = guarantee(stages, run.privacy)["words"]
        reason = f"the autoencoder was trained without DP-SGD on the same images (the classifier alone: {alone})"
        return stages, no_guarantee(stages, reason)
    return stages, guarantee(stages, run.privacy)


def _fit(
    task: Task, config: ClassifierConfig, run: RunConfig, stages: list[Stage], **callbacks: Any
) -> list[dict[str, float]]:
    from train_.loop import fit
    from train_.private_loop import fit_private

    if config.private:
        return fit_private(task, config, run.privacy, stages, **callbacks)
    return fit(task, config, seed=run.seed, **callbacks)


def cross_entropy(predict: Callable[[tf.Tensor], tf.Tensor], features: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of the logits that ``predict`` gives for features ``(batch, n)`` and labels ``(batch,)``."""
    import tensorflow as tf

    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, predict(features))


def _accuracy(model: keras.Model, features: Values, labels: npt.NDArray[np.int64]) -> float:
    return float(np.mean(np.argmax(model(features), axis=1) == labels))


def _scaling(config: ClassifierConfig, features: Values) -> tuple[Values, Values]:
    """Mean and scale to standardise by; they are measured on training images, so a private fit goes without."""
    if config.private:
        return np.zeros(features.shape[1], np.float32), np.ones(features.shape[1], np.float32)
    return features.mean(axis=0), np.maximum(features.std(axis=0), np.float32(1e-6))


def _take_over_scaling(model: keras.Model, mean: Values, scale: Values) -> None:
    """Let the first layer read ``x`` where it read ``(x - mean) / scale``."""
    kernel, bias = model.layers[0].get_weights()
    kernel = kernel / scale[:, np.newaxis]
    model.layers[0].set_weights([kernel, bias - mean @ kernel])


def _job(command: ClassifierCommand) -> None:
    dataset = load(command.data)
    with exclusive(ArtifactFolder.of(command).lock):
        with start(command, command="train_.classifier", dataset_sha256=dataset.sha256) as tracker:
            train_classifier(command, command.autoencoder, command, dataset, tracker)


def main() -> None:
    """Console command."""
    run_command("classifier", ClassifierCommand, _job)


if __name__ == "__main__":
    main()
