"""The figure of each gate, by the gate's name."""

from __future__ import annotations

import numpy as np

from mnist_etc.artifacts.gates import GatesConfig, JudgedBy
from mnist_etc.evaluation.confusion import wilson
from mnist_etc.evaluation.gates.evidence import Evidence
from mnist_etc.evaluation.gates.registry import Figure

__all__ = [
    "accuracy",
    "accuracy_loss",
    "attack_error",
    "calibration_error",
    "class_accuracy",
    "corrupted_accuracy",
    "epsilon",
    "latency_ms",
    "leakage_bits",
    "size_mb",
]


def accuracy(evidence: Evidence, config: GatesConfig) -> Figure:
    """Of all test images."""
    counts = evidence.confusion
    return _judged(int(counts.correct.sum()), int(counts.images.sum()), config.judged_by)


def class_accuracy(evidence: Evidence, config: GatesConfig) -> Figure:
    """Of the test images of the class where it is least; classes without one are passed over."""
    counts = evidence.confusion
    figures = [
        (name, _judged(int(hits), int(images), config.judged_by))
        for name, hits, images in zip(counts.names, counts.correct, counts.images, strict=True)
        if images
    ]
    name, worst = min(figures, key=lambda one: one[1].value or 0.0)
    return Figure(worst.value, f"class {name}, {worst.words}")


def size_mb(evidence: Evidence, config: GatesConfig) -> Figure:  # noqa: ARG001
    """Of the file as it is."""
    size = evidence.model.stat().st_size
    return Figure(size / 1e6, f"{size:,} bytes")


def latency_ms(evidence: Evidence, config: GatesConfig) -> Figure:  # noqa: ARG001
    """The median of the repeats' p99."""
    latency = evidence.latency
    return Figure(
        latency.median_p99,
        f"median of {len(latency.p99)} repeats, {latency.p99[0]:.3g} to {latency.p99[-1]:.3g}; p50 {latency.p50:.3g}",
    )


def calibration_error(evidence: Evidence, config: GatesConfig) -> Figure:  # noqa: ARG001
    """Over 15 bins."""
    sure, right = float(evidence.answers.max(axis=1).mean()), float(evidence.right.mean())
    return Figure(evidence.calibration_error, f"{sure:.4f} sure, {right:.4f} right")


def corrupted_accuracy(evidence: Evidence, config: GatesConfig) -> Figure:
    """The mean over the corruptions, which count alike."""
    images = min(config.corrupted_images or len(evidence.test), len(evidence.test))
    accuracies = evidence.corrupted(images)
    worst = min(accuracies, key=accuracies.__getitem__)
    mean = float(np.mean(list(accuracies.values())))
    return Figure(mean, f"of {images:,} images under each; the worst is {worst}, {accuracies[worst]:.4f}")


def accuracy_loss(evidence: Evidence, config: GatesConfig) -> Figure:  # noqa: ARG001
    """At least, but for one chance in a hundred."""
    paired = evidence.paired
    if paired is None:
        return Figure(None, "no version in service answers for the same classes and side")
    return Figure(
        max(0.0, paired.certain_loss),
        f"{paired.loss:+.4f} as measured: {paired.lost:,} images lost and {paired.won:,} won of {paired.images:,}, "
        f"McNemar's exact p = {paired.chance:.2g}",
    )


def epsilon(evidence: Evidence, config: GatesConfig) -> Figure:  # noqa: ARG001
    """As the manifest states it."""
    return Figure(evidence.epsilon, "stated by the manifest" if evidence.epsilon is not None else "none is stated")


def leakage_bits(evidence: Evidence, config: GatesConfig) -> Figure:  # noqa: ARG001
    """As the output policy bounds it."""
    given = evidence.leakage_bits is not None
    return Figure(evidence.leakage_bits, "by the output policy" if given else "no output policy is chosen yet")


def attack_error(evidence: Evidence, config: GatesConfig) -> Figure:  # noqa: ARG001
    """As the reconstruction study found it."""
    given = evidence.attack_error is not None
    return Figure(
        evidence.attack_error,
        "by the reconstruction study" if given else "no reconstruction study of this model and policy; run it first",
    )


def _judged(hits: int, images: int, by: JudgedBy | None) -> Figure:
    share = wilson(hits, images)
    value = share.low if by is JudgedBy.lower_end else share.value
    return Figure(value, f"{share.value:.4f} of {images:,} images, {share.low:.4f} to {share.high:.4f}")
