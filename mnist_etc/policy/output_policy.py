"""An output policy with everything it needs to answer, and how much an answer of it can carry."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import CLASSES, SIDE
from mnist_etc.policy.calibration import calibrate
from mnist_etc.policy.config import NUMBERS, PolicyConfig, PolicyName
from mnist_etc.predictor import softmax

__all__ = ["DRAWS", "OutputPolicy", "fit_policy"]

DRAWS = 2**32
"""Values that the keyed hash of an image takes, each as often."""
FLOATS = 0x3F800001
"""Values of float32 in [0, 1]."""


@dataclass(frozen=True, eq=False)
class OutputPolicy:
    """``config`` with what was fitted or drawn for it."""

    config: PolicyConfig
    edges: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    """Of ``levels``, ascending ``(levels - 1,)``: an image is at level i where its top probability reaches i edges."""
    confidences: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    """Of ``levels``, ``(levels,)``: what is returned at each."""
    key: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64), repr=False)
    """Of ``noisy``, ``(785,)``, secret: a weight for each pixel and one to add. Who knows it can undo the noise."""

    def leakage_bits(self) -> float:
        """The most that one answer can tell about anything, in bits: log2 of the number of distinct answers.

        Of ``noisy`` it is the capacity of its channel, which is less. The number is exact or, where answers are
        floating-point, an upper bound.
        """
        config = self.config
        match config.name:
            case PolicyName.logits:
                return CLASSES * 32
            case PolicyName.probabilities:
                return CLASSES * math.log2(FLOATS)
            case PolicyName.rounded:
                return math.log2(_roundings(10**config.decimals))
            case PolicyName.top_k:
                return math.log2(math.comb(CLASSES, config.k)) + config.k * math.log2(FLOATS)
            case PolicyName.top1:
                return math.log2(CLASSES * FLOATS)
            case PolicyName.levels:
                return math.log2(CLASSES * config.levels)
            case PolicyName.label:
                return math.log2(CLASSES)
            case _:
                other = self.other_draws() / DRAWS
                kept = 1 - (CLASSES - 1) * other
                return math.log2(CLASSES) + kept * math.log2(kept) + (CLASSES - 1) * other * math.log2(other)

    def other_draws(self) -> int:
        """Of ``noisy``: how many of the `DRAWS` return one certain class that was not predicted.

        Rounded up, so that the ratio of any two answers' probabilities is at most e^epsilon exactly (k-ary randomised
        response: the exponential mechanism with the utility 1 for the predicted class and 0 for the others; McSherry
        and Talwar 2007, Kairouz, Bonawitz and Ramage 2016, arXiv:1602.07387).
        """
        return math.ceil(DRAWS / (math.exp(self.config.epsilon) + CLASSES - 1))

    def about(self) -> dict[str, Any]:
        """For a manifest: what is returned and the bounds on it, without the key."""
        config, name = self.config, self.config.name.value
        key = NUMBERS.get(config.name)
        return {
            "name": name,
            **({key: getattr(config, key)} if key else {}),
            **({"confidences": [round(float(value), 6) for value in self.confidences]} if name == "levels" else {}),
            "leakage_bits": self.leakage_bits(),
        }


def fit_policy(config: PolicyConfig, logits: NDArray[np.float32], labels: NDArray[np.int64]) -> OutputPolicy:
    """The policy of ``config``, ready to answer.

    Args:
        config: of any name but ``auto``.
        logits: ``(n, 10)`` of images that the model was not trained on; ``levels`` is calibrated on them.
        labels: ``(n,)``, of the same.
    """
    if config.name is PolicyName.levels:
        top = softmax(logits).max(axis=1)
        edges, confidences = calibrate(top, logits.argmax(axis=1) == labels, config.levels)
        return OutputPolicy(config, edges=edges, confidences=confidences)
    if config.name is PolicyName.noisy:
        return OutputPolicy(config, key=np.frombuffer(os.urandom(8 * (SIDE**2 + 1)), np.uint64))
    return OutputPolicy(config)


def _roundings(whole: int) -> int:
    """At most so many vectors of ten counts: each is off by half a unit at most, so their sum by five."""
    half = CLASSES // 2
    return sum(math.comb(total + CLASSES - 1, CLASSES - 1) for total in range(whole - half, whole + half + 1))
