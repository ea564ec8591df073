"""A published full model, back in Keras."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers

from mnist_etc.data.dataset import DIGITS, SIDE
from mnist_etc.models.classifier import build_full_model, build_whitening
from mnist_etc.models.config import AutoencoderConfig, ClassifierConfig
from mnist_etc.models.features import FEATURES
from mnist_etc.models.h5 import read_h5
from mnist_etc.models.random_features import after_random_features, build_random_features
from mnist_etc.models.registry import AUTOENCODERS, CLASSIFIERS
from mnist_etc.models.views import answering
from mnist_etc.models.zoo import ZOO
from mnist_etc.models.zoo_config import ZooConfig

__all__ = ["read_full_model", "read_zoo_model"]


def read_zoo_model(config: ZooConfig, path: Path, *, classes: int = len(DIGITS), side: int = SIDE) -> keras.Model:
    """The same of a model of the zoo.

    Raises:
        ArtifactError: the file holds weights of another model.
    """
    model = answering(config, ZOO[config.name].network(config, 0, side, classes))
    read_h5(model, path)
    return model


def read_full_model(
    autoencoder: AutoencoderConfig,
    config: ClassifierConfig,
    path: Path,
    *,
    classes: int = len(DIGITS),
    side: int = SIDE,
) -> keras.Model:
    """Image ``(batch, side, side, 1)`` to logits ``(batch, classes)``, with the weights in ``path``.

    Args:
        autoencoder: whose encoder is a part of it, where it is.
        config: of the classifier.
        path: of the h5 file.
        classes: how many the model was trained on.
        side: pixels of each side of an image.

    Raises:
        ArtifactError: the file holds weights of another model.
    """
    row = FEATURES[config.features]
    whole = None if not row.trained else AUTOENCODERS[autoencoder.model].network(autoencoder, 0, side)
    features = row.network(side) if whole is None else whole.get_layer("encoder")
    inputs = features.output_shape[-1]
    width = config.random_features or inputs
    classifier = CLASSIFIERS[config.model].head(config, width, 0, classes)
    if config.private:
        whitening = build_whitening(np.eye(width, dtype=np.float32))
        classifier = keras.Sequential([layers.Input((width,)), whitening, classifier], name="classifier")
    if config.random_features:
        classifier = after_random_features(build_random_features(inputs, config.random_features), classifier)
    model = build_full_model(features, classifier)
    read_h5(model, path)
    return model
