"""The autoencoder, then the classifier on its hidden code: what ``train.py`` runs."""

from __future__ import annotations

from mnist_etc.artifacts.config import AutoencoderCommand, ClassifierCommand, TrainCommand
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.data import load
from mnist_etc.files import exclusive
from mnist_etc.models.config import Features
from mnist_etc.tracking.tracker import start
from mnist_etc.training.autoencoder import train_autoencoder
from mnist_etc.training.classifier import train_classifier

__all__ = ["train", "train_autoencoder_alone", "train_classifier_alone"]


def train(command: TrainCommand) -> float:
    """Fit and publish both models and print where they lie.

    Returns:
        The validation accuracy of the classifier, what a sweep maximises.
    """
    dataset = load(command.data)
    folder = ArtifactFolder.of(command)
    with exclusive(folder.lock):
        with start(command, command="train", dataset_sha256=dataset.sha256) as tracker:
            autoencoder = {}
            if command.classifier.features is Features.code:
                autoencoder = train_autoencoder(command, command.autoencoder, dataset, tracker)
            classifier = train_classifier(command, command.autoencoder, command.classifier, dataset, tracker)
            tracker.metrics(autoencoder | classifier)
    print(f"results in {folder.path}/:")
    if autoencoder:
        print(f"  autoencoder  test MSE       {autoencoder['test_mse']:.5f}   (a pixel, on [0, 1])")
    print(f"  classifier   test accuracy  {classifier['test_accuracy']:.2%}")
    print(f"  full model   {folder.full_model(command.autoencoder, command.classifier).onnx}")
    return classifier["validation_accuracy"]


def train_autoencoder_alone(command: AutoencoderCommand) -> None:
    """Fit and publish the autoencoder."""
    dataset = load(command.data)
    with exclusive(ArtifactFolder.of(command).lock):
        with start(command, command="train_.autoencoder", dataset_sha256=dataset.sha256) as tracker:
            train_autoencoder(command, command, dataset, tracker)


def train_classifier_alone(command: ClassifierCommand) -> None:
    """Fit and publish the classifier on a finished autoencoder."""
    dataset = load(command.data)
    with exclusive(ArtifactFolder.of(command).lock):
        with start(command, command="train_.classifier", dataset_sha256=dataset.sha256) as tracker:
            train_classifier(command, command.autoencoder, command, dataset, tracker)
