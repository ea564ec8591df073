"""The classifier on the hidden code."""

from __future__ import annotations

import keras
from keras import layers

from mnist_etc.config import ClassifierConfig
from mnist_etc.data.dataset import CLASSES

__all__ = ["build_classifier", "build_full_model"]


def build_classifier(config: ClassifierConfig, hid_dim: int) -> keras.Model:
    """Code ``(batch, hid_dim)`` to logits ``(batch, 10)``: linear, or through ReLU layers of ``hidden_units``."""
    return keras.Sequential(
        [
            layers.Input((hid_dim,)),
            *(layers.Dense(units, activation="relu", kernel_initializer="he_normal") for units in config.hidden_units),
            layers.Dense(CLASSES),
        ],
        name="classifier",
    )


def build_full_model(encoder: keras.Model, classifier: keras.Model) -> keras.Model:
    """Image ``(batch, 28, 28, 1)`` to logits ``(batch, 10)``; shares the weights of both parts."""
    return keras.Sequential([layers.Input((28, 28, 1)), encoder, classifier], name="full_model")
