"""What the gates judge by: measured when a gate asks for it, and once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import Split, spread
from mnist_etc.evaluation.confusion import ConfusionMatrix
from mnist_etc.evaluation.corruptions import CORRUPTIONS, corrupted
from mnist_etc.evaluation.gates.latency import Latency
from mnist_etc.evaluation.gates.paired import Paired
from mnist_etc.evaluation.reliability import expected_calibration_error

__all__ = ["Evidence"]

Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From images uint8 ``(n, side, side)`` to ``(n, classes)``, the greatest the class that is predicted."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """A model that may be released, the test images, and what is known of it besides."""

    probabilities: Answer
    """As they are released, behind the output policy: `mnist_etc.predictor.Predictor.probabilities`, say."""
    test: Split
    model: Path
    """The ONNX file."""
    released: Answer | None = None
    """The version in service; None: none is, or it answers for other classes or another side."""
    epsilon: float | None = None
    """Of the manifest; None: the training was not private, or nothing can be stated."""
    leakage_bits: float | None = None
    """Of the output policy; None where none is chosen yet."""
    attack_error: float | None = None
    """Of the strongest attacker on that policy, over that of one who knows the label alone; None: no study of it."""

    @cached_property
    def answers(self) -> NDArray[np.float32]:
        """About the test images, ``(n, classes)``."""
        return self.probabilities(self.test.images)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Whether each of the test images was predicted right, ``(n,)``."""
        return np.asarray(self.answers.argmax(axis=1) == self.test.labels)

    @cached_property
    def confusion(self) -> ConfusionMatrix:
        """Of the test images."""
        matrix = ConfusionMatrix(self.test.names)
        matrix.add(self.test.labels, self.answers.argmax(axis=1))
        return matrix

    @cached_property
    def calibration_error(self) -> float:
        """Expected; see `expected_calibration_error`. Not a number where an answer is none."""
        if not np.isfinite(self.answers).all():
            return float("nan")
        return expected_calibration_error(self.answers, self.test.labels)

    @cached_property
    def latency(self) -> Latency:
        """Of single images."""
        return Latency.measure(self.probabilities, self.test.images)

    @cached_property
    def paired(self) -> Paired | None:
        """Against the version in service, where there is one."""
        if self.released is None:
            return None
        return Paired.of(self.released(self.test.images).argmax(axis=1) == self.test.labels, self.right)

    def corrupted(self, count: int) -> Mapping[str, float]:
        """Accuracy under each corruption, on ``count`` test images at even distances; all where there are fewer."""
        places = spread(len(self.test), count)
        images, labels = self.test.images[places], self.test.labels[places]
        return {
            name: float(
                np.mean(
                    np.concatenate([self.probabilities(part).argmax(axis=1) for part in corrupted(name, images)])
                    == labels
                )
            )
            for name in CORRUPTIONS
        }
