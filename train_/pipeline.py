"""The autoencoder, then the classifier on its hidden code: what ``train.py`` runs."""

from __future__ import annotations

from mnist_etc.artifacts import ArtifactFolder
from mnist_etc.command import run as run_command
from mnist_etc.config import Features, TrainCommand
from mnist_etc.data import load
from mnist_etc.files import exclusive
from mnist_etc.tracking import start
from train_.autoencoder import train_autoencoder
from train_.classifier import train_classifier

__all__ = ["main", "train"]


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


def main() -> None:
    """Console command."""
    run_command("train", TrainCommand, train)


if __name__ == "__main__":
    main()
