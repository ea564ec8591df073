"""The training commands: which models are trained, in which order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnist_etc.artifacts.config import AutoencoderCommand, ClassifierCommand, RunConfig, TrainCommand
from mnist_etc.artifacts.ledger import Ledger
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.data import Dataset, load
from mnist_etc.files import exclusive
from mnist_etc.models.features import FEATURES
from mnist_etc.tracking.tracker import Tracker, start
from mnist_etc.training.autoencoder import AutoencoderTraining
from mnist_etc.training.classifier import ClassifierTraining
from mnist_etc.training.recipe import run_training

__all__ = ["session", "train", "train_autoencoder", "train_classifier"]


def train(command: TrainCommand) -> float:
    """Fit and publish both models and print where they lie.

    Returns:
        The validation accuracy of the classifier, a fraction of 1: what a sweep maximizes.

    Raises:
        ArtifactError: something of another configuration is there, or something cannot be written.
        ConfigError: no noise multiplier keeps to the privacy budget.
        DataError: the data cannot be read.
        TrainingError: a fit diverged.
    """
    private, folder = command.autoencoder.private or command.classifier.private, ArtifactFolder.of(command)
    model = folder.full_model(command.autoencoder, command.classifier)
    with session(command, "train", folder.tensorboard(model), private=private) as (dataset, tracker):
        autoencoder = {}
        if FEATURES[command.classifier.features].trained:
            training = AutoencoderTraining(command, command.autoencoder, dataset)
            autoencoder = run_training(training, command, dataset, tracker)
        classifier = run_training(
            ClassifierTraining(command, command.autoencoder, command.classifier, dataset), command, dataset, tracker
        )
        tracker.metrics(autoencoder | classifier)
    print(f"results in {folder.path}/:")
    if autoencoder:
        print(f"  autoencoder  test MSE       {autoencoder['test_mse']:.5f}   (a pixel, on [0, 1])")
    print(f"  classifier   test accuracy  {classifier['test_accuracy']:.2%}")
    print(f"  full model   {model.onnx}")
    return classifier["validation_accuracy"]


def train_autoencoder(command: AutoencoderCommand) -> None:
    """Fit and publish the autoencoder alone; raises what `train` does."""
    folder = ArtifactFolder.of(command)
    logs = folder.tensorboard(folder.autoencoder(command))
    with session(command, "train_.autoencoder", logs, private=command.private) as (dataset, tracker):
        run_training(AutoencoderTraining(command, command, dataset), command, dataset, tracker)


def train_classifier(command: ClassifierCommand) -> None:
    """Fit and publish the classifier on a finished autoencoder; raises what `train` does."""
    private = command.autoencoder.private or command.private
    folder = ArtifactFolder.of(command)
    logs = folder.tensorboard(folder.classifier(command.autoencoder, command))
    with session(command, "train_.classifier", logs, private=private) as (dataset, tracker):
        run_training(ClassifierTraining(command, command.autoencoder, command, dataset), command, dataset, tracker)


@contextmanager
def session(run: RunConfig, command: str, logs: Path, *, private: bool) -> Iterator[tuple[Dataset, Tracker]]:
    """The data, and a tracked run that alone writes into its folder; ``logs`` is that of TensorBoard's files."""
    dataset = load(run.data)
    data = Ledger(run.privacy).named(dataset.sha256, private=private)
    with exclusive(ArtifactFolder.of(run).lock):
        with start(run, command=command, dataset=data, logs=logs) as tracker:
            yield dataset, tracker
