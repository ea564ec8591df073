"""This project's settings of what the private peers train."""

from __future__ import annotations

from typing import Any

from private_data import CLIP, HID_DIM, LEARNING_RATE

from mnist_etc.models.config import UNVARIED, AutoencoderConfig, ClassifierConfig, OutputActivation


def config_of(task: str, *, batch_size: int, epochs: int, private: bool) -> AutoencoderConfig | ClassifierConfig:
    """Adam, as all peers."""
    shared: dict[str, Any] = {
        "epochs": epochs,
        "private": private,
        "l2_norm_clip": CLIP,
        "batch_size": batch_size,
        "optimizer": "adam",
        "learning_rate": LEARNING_RATE,
        "warmup": 0.05,
    }
    if task == "autoencoder":
        return AutoencoderConfig(hid_dim=HID_DIM, output_activation=OutputActivation.clip, **shared)
    return ClassifierConfig(
        features="code", hidden_units=[], augment=False, augmentation=UNVARIED, fine_tune=False, **shared
    )
