"""The schema of ``conf/gates/``: the bounds that a model has to keep to before it is released.

The gates themselves are rows of `mnist_etc.evaluation.gates.registry.GATES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnist_etc.schema import between

__all__ = ["GatesConfig", "JudgedBy"]


class JudgedBy(Enum):
    """Which figure of an accuracy is held to its bound."""

    point = "point"
    """The share of the test images itself."""
    lower_end = "lower_end"
    """The lower end of its 95 % interval (Wilson 1927): few test images show little."""


@dataclass(kw_only=True)
class GatesConfig:
    """The bounds of a release; a gate whose bound is null is off."""

    accuracy: float | None = between(0, 1)
    """Least share of the test images whose class is right."""
    class_accuracy: float | None = between(0, 1)
    """The same of each class's own images."""
    judged_by: JudgedBy | None
    """null: the point."""
    size_mb: float | None = between(1e-6, 1e6)
    """Most megabytes of the ONNX file, a million bytes each."""
    latency_ms: float | None = between(1e-6, 1e6)
    """Most milliseconds that 99 in 100 answers to a single image take, once warm, on this machine."""
    calibration_error: float | None = between(0, 1)
    """Greatest expected calibration error on the test images."""
    corrupted_accuracy: float | None = between(0, 1)
    """Least accuracy, the mean over 15 corruptions of the test images."""
    corrupted_images: int | None = between(1, 10_000_000)
    """Test images that each corruption is tried on, at even distances among them; null: all."""
    accuracy_loss: float | None = between(0, 1)
    """Most accuracy that may be lost, beyond chance, against the version in service, on the same test images."""
    epsilon: float | None = between(0, 1e6)
    """Greatest epsilon for the training images."""
    leakage_bits: float | None = between(0, 1e9)
    """Most bits that one answer can leak, under the output policy."""
    attack_error: float | None = between(0, 100)
    """Least error of the strongest attacker, over that of one who knows the label alone."""
    as_trained: bool
    """Hold a model of the zoo to the bounds of its training, too, where none is given; of ``export`` alone."""
