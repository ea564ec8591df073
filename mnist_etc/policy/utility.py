"""What a policy's answers are worth to those who ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_etc.evaluation.reliability import expected_calibration_error
from mnist_etc.policy.output_policy import OutputPolicy

__all__ = ["PolicyUtility"]

SMALLEST = 1e-7
"""Probability that a class has at least in the log loss, of answers that rule it out."""


@dataclass(frozen=True)
class PolicyUtility:
    """What answers about labeled images say, and how well."""

    leakage_bits: float
    accuracy: float
    calibration_error: float
    """Expected; see `expected_calibration_error`."""
    log_loss: float
    """In nats."""

    @classmethod
    def of(cls, policy: OutputPolicy, answers: NDArray[np.float32], labels: NDArray[np.int64]) -> PolicyUtility:
        """Hold ``answers`` ``(n, classes)`` against ``labels`` ``(n,)``."""
        told = policy.probabilities(answers)
        right = np.maximum(told[np.arange(len(labels)), labels], SMALLEST)
        return cls(
            leakage_bits=policy.leakage_bits(),
            accuracy=float(np.mean(told.argmax(axis=1) == labels)),
            calibration_error=expected_calibration_error(told, labels),
            log_loss=float(-np.log(right).mean()),
        )
