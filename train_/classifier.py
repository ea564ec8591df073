"""Fit the classifier on the frozen hidden code: ``python -m train_.classifier [key=value ...]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_etc.artifacts import ArtifactFolder, configuration
from mnist_etc.command import run as run_command
from mnist_etc.config import AutoencoderConfig, ClassifierCommand, ClassifierConfig, RunConfig
from mnist_etc.data import Dataset, Split, load
from mnist_etc.files import exclusive, sha256
from mnist_etc.tracking import Tracker, start
from train_.autoencoder import EVALUATION_BATCH, EXAMPLES, scaled
from train_.report import skipped, write_figures

if TYPE_CHECKING:
    import keras

__all__ = ["main", "train_classifier"]

Codes = npt.NDArray[np.float32]


def train_classifier(
    run: RunConfig,
    autoencoder: AutoencoderConfig,
    config: ClassifierConfig,
    dataset: Dataset,
    tracker: Tracker,
) -> dict[str, float]:
    """Fit, evaluate and publish the classifier and the full model; return the figures at once where that is done.

    Every image is encoded once. The codes are standardised for the fit, and the first layer takes that over at its
    end, so the published classifier reads the code as the encoder gives it.

    Returns:
        ``validation_accuracy`` and ``test_accuracy``, fractions of 1.

    Raises:
        ArtifactError: there is no finished autoencoder of this configuration, or something cannot be written.
        ExportError: an ONNX file does not answer as its model.
    """
    folder = ArtifactFolder.of(run)
    source = folder.autoencoder(autoencoder)
    weights = source.verified(source.h5, configuration(run, autoencoder), dataset.sha256)
    sources = {source.h5.name: sha256(source.h5)}
    artifact, full = folder.classifier(autoencoder, config), folder.full_model(autoencoder, config)
    settings = configuration(run, autoencoder, config)
    if not run.force and not artifact.checkpoint.exists():
        done = [target.finished(settings, dataset.sha256, sources) for target in (full, artifact)]
        if done[0] and done[1]:
            return skipped(artifact, done[1])

    from mnist_etc.backend import load_tensorflow

    load_tensorflow(run.seed)
    import tensorflow as tf

    from mnist_etc.export.h5 import read_h5, write_h5
    from mnist_etc.export.onnx import write_onnx
    from mnist_etc.models.autoencoder import build_autoencoder
    from mnist_etc.models.classifier import build_classifier, build_full_model
    from train_.checkpoint import Checkpoint
    from train_.loop import Task, fit

    whole = build_autoencoder(autoencoder)
    read_h5(whole, weights)
    encoder = whole.get_layer("encoder")
    codes = _encode(encoder, dataset.train)
    mean, scale = codes.mean(axis=0), np.maximum(codes.std(axis=0), np.float32(1e-6))
    standardised = (codes - mean) / scale
    validation = (_encode(encoder, dataset.validation) - mean) / scale
    model = build_classifier(config, autoencoder.hid_dim)

    def loss(predict: Callable[[tf.Tensor], tf.Tensor], batch: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, predict(batch)))

    checkpoint = Checkpoint(artifact.checkpoint, {"configuration": settings, "dataset_sha256": dataset.sha256})
    with tracker.child("classifier"):
        tracker.parameters(settings)
        history = fit(
            Task(
                label="classifier",
                model=model,
                arrays=[standardised, dataset.train.labels],
                loss=loss,
            ),
            config,
            seed=run.seed,
            checkpoint=checkpoint,
            evaluate=lambda _: {"validation_accuracy": _accuracy(model, validation, dataset.validation.labels)},
            report=lambda epoch, metrics: tracker.metrics(metrics, epoch),
        )
        _take_over_scaling(model, mean, scale)
        figures = {
            "validation_accuracy": history[-1]["validation_accuracy"],
            "test_accuracy": _accuracy(model, _encode(encoder, dataset.test), dataset.test.labels),
        }
        images = scaled(dataset.train.images[:EXAMPLES])
        for name, target, network, examples in (
            ("full_model", full, build_full_model(encoder, model), images),
            ("classifier", artifact, model, codes[:EXAMPLES]),
        ):
            target.publish(
                {
                    target.h5: lambda path, network=network: write_h5(network, path),
                    target.onnx: lambda path, network=network, examples=examples: write_onnx(network, path, examples),
                },
                settings=settings,
                dataset_sha256=dataset.sha256,
                metrics=figures,
                epsilon=None,
                sources=sources,
            )
            tracker.model(name, target.onnx, examples[:1], network(examples[:1]).numpy())
        write_figures(artifact, figures, history)
        checkpoint.remove()
        tracker.metrics(figures)
    return figures


def _encode(encoder: keras.Model, split: Split) -> Codes:
    """Codes ``(n, hid_dim)`` of a split."""
    images = split.images
    firsts = range(0, len(images), EVALUATION_BATCH)
    return np.concatenate([encoder(scaled(images[first : first + EVALUATION_BATCH])).numpy() for first in firsts])


def _accuracy(model: keras.Model, codes: Codes, labels: npt.NDArray[np.int64]) -> float:
    return float(np.mean(np.argmax(model(codes), axis=1) == labels))


def _take_over_scaling(model: keras.Model, mean: Codes, scale: Codes) -> None:
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
