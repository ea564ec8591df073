"""GATES, the table of release gates: a figure of the evidence, and the bound that it is held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mnist_etc.artifacts.gates import GatesConfig
from mnist_etc.evaluation.gates.evidence import Evidence
from mnist_etc.registry import Registry, resolve

__all__ = ["GATES", "Figure", "Gate"]


@dataclass(frozen=True)
class Figure:
    """What was measured for a gate."""

    value: float | None
    """None: there is no evidence."""
    words: str
    """What it rests on, or why there is none."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A row of `GATES`, named after the key of `GatesConfig` that holds its bound."""

    help: str
    """What the figure is."""
    measure: str | Callable[[Evidence, GatesConfig], Figure]
    """``module:function``, or the function."""
    at_most: bool
    """The bound is the greatest figure that passes, not the least."""
    bound: float | None = None
    """The bound itself, of a gate without a key: one of your own."""
    optional: bool = False
    """Without evidence it passes; any other gate fails."""

    def figure(self, evidence: Evidence, config: GatesConfig) -> Figure:
        """Measure it."""
        measured: Figure = resolve(self.measure)(evidence, config)
        return measured


GATES: Registry[Gate] = Registry("release gate")
FIGURES = "mnist_etc.evaluation.gates.figures"

for _name, _help, _at_most in (
    ("accuracy", "test accuracy", False),
    ("class_accuracy", "test accuracy of the worst class", False),
    ("size_mb", "megabytes of the ONNX file", True),
    ("latency_ms", "milliseconds of a single image, p99", True),
    ("calibration_error", "expected calibration error", True),
    ("corrupted_accuracy", "mean accuracy under 15 corruptions", False),
    ("accuracy_loss", "accuracy lost, beyond chance, against the version in service", True),
    ("epsilon", "epsilon of the training images", True),
    ("leakage_bits", "bits that an answer can leak", True),
    ("attack_error", "the strongest attacker's error, of that by the label alone", False),
):
    GATES.add(
        _name,
        Gate(help=_help, measure=f"{FIGURES}:{_name}", at_most=_at_most, optional=_name == "accuracy_loss"),
    )
