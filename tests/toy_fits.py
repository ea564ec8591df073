"""Toy fits of the zoo's kind: small arrays, a model, the configuration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.models.config import UNVARIED
from mnist_etc.models.zoo_config import ZooConfig

__all__ = ["CLASSES", "arrays", "config_of"]

CLASSES = 3


def config_of(**changes: Any) -> ZooConfig:
    """Of a model of the zoo; two epochs of batches of five."""
    values: dict[str, Any] = {
        "name": "cnn", "epochs": 2, "private": False, "l2_norm_clip": 1.0, "batch_size": 5, "optimizer": "adam",
        "learning_rate": 0.05, "warmup": 0.25, "loss": "nll", "label_smoothing": 0.0, "weight_decay": 0.0,
        "schedule": "cosine", "ema": 0.0, "augment": False, "augmentation": UNVARIED, "width": None, "depth": None,
        "dropout": None, "hid_dim": None, "routing": None, "reconstruction_weight": None,
    }  # fmt: skip
    return ZooConfig(**values | changes)


def arrays(number: int = 12, features: int = 4) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Inputs ``(number, features)`` and labels that follow from them."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(number, features)).astype(np.float32)
    return inputs, inputs[:, :CLASSES].argmax(axis=1)
