"""The same from Python: ``from mnist_etc import Predictor, load, train``; docs/tutorial.md shows how."""

from __future__ import annotations

from pathlib import Path

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.composition import compose
from mnist_etc.data import Dataset
from mnist_etc.data import load as load_dataset
from mnist_etc.predictor import Predictor
from mnist_etc.training.pipeline import train as train_models

__all__ = ["Predictor", "load", "train"]


def load(*words: str) -> Dataset:
    """The dataset that ``train.py`` trains on with the same words.

    Args:
        words: ``key=value`` as on the command line: ``data=digits``.

    Returns:
        Splits ``train``, ``validation`` and ``test``, each with ``images``, uint8 ``(n, 28, 28)``, and ``labels``
        ``(n,)``.

    Raises:
        ConfigError: a key, a type or a value is wrong.
        DataError: a file is missing, damaged or not of the expected form.
    """
    return load_dataset(compose("train", TrainCommand, list(words)).data)


def train(*words: str) -> Path:
    """Fit and publish an autoencoder and a classifier, as ``train.py`` does with the same words.

    Args:
        words: ``key=value`` as on the command line: ``data=digits``, ``autoencoder.epochs=5``.

    Returns:
        The ONNX file of the full model, image to logits, for `Predictor`.

    Raises:
        MnistEtcError: what `mnist_etc.training.pipeline.train` raises, and ConfigError.
    """
    command = compose("train", TrainCommand, list(words))
    train_models(command)
    return ArtifactFolder.of(command).full_model(command.autoencoder, command.classifier).onnx
