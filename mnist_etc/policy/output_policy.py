"""What every output policy is: answers in place of the logits, and how much an answer can carry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import SIDE
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.operators import Operators
from mnist_etc.policy.registry import POLICIES, PolicyRow

__all__ = ["FLOATS", "OutputPolicy", "fit_policy", "rehearse_policy"]

FLOATS = 0x3F800001
"""Values of float32 in [0, 1]."""
SMALLEST = 1e-12
Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class OutputPolicy(ABC):
    """What an answer tells. It is float32 ``(batch, classes)`` whatever the policy, its greatest value the class.

    A subclass adds as fields what is fitted or drawn for it, and its row to `mnist_etc.policy.registry.POLICIES`.
    """

    config: PolicyConfig
    classes: int
    """Of the model, which has a logit for each."""

    @classmethod
    def fit(cls, config: PolicyConfig, logits: Array, labels: NDArray[np.int64], side: int) -> Self:  # noqa: ARG003
        """The policy of ``config``, ready to answer; see `fit_policy`."""
        return cls(config=config, classes=logits.shape[1])

    @abstractmethod
    def answer(self, operators: Operators) -> None:
        """Add the ONNX operators that make ``output`` of ``logits``, both float32 ``(batch, classes)``."""

    @abstractmethod
    def leakage_bits(self) -> float:
        """Maximal leakage of one answer, in bits, exact or, where answers are floating-point, an upper bound.

        It is the log2 of the sum over all answers of an answer's greatest probability for any image. By no more than
        that factor does an answer raise anybody's chance to guess anything about the image right (Issa, Wagner and
        Kamath 2020, arXiv:1807.07878). Without randomness it is log2 of the number of distinct answers. That of several
        answers is at most the sum.
        """

    @property
    def row(self) -> PolicyRow:
        """What the table of policies says of it."""
        return POLICIES[self.config.name]

    @property
    def least(self) -> float:
        """What a value of an answer is taken for, at least, where answers become `informative_scores`."""
        return SMALLEST

    def probabilities(self, answers: Array) -> Array:
        """What answers ``(n, classes)`` say of each class."""
        return answers

    def informative_scores(self, answers: Array) -> Array:
        """Answers ``(n, classes)`` where differences are informative to an attacker: logarithms of probabilities."""
        return np.asarray(np.log(np.maximum(answers, np.float32(self.least))))

    def parameters(self) -> dict[str, Any]:
        """What fitting found, for a manifest: nothing secret."""
        return {}

    def about(self) -> dict[str, Any]:
        """For a manifest: what is returned and the bounds on it."""
        number = self.row.number
        return {
            "name": self.config.name,
            **({number: getattr(self.config, number)} if number else {}),
            **self.parameters(),
            "leakage_bits": self.leakage_bits(),
        }


def fit_policy(config: PolicyConfig, logits: Array, labels: NDArray[np.int64], side: int = SIDE) -> OutputPolicy:
    """The policy of ``config``, ready to answer.

    Args:
        config: names a row of `mnist_etc.policy.registry.POLICIES`.
        logits: ``(n, classes)`` of images that the model was not trained on; ``levels`` is calibrated on them.
        labels: ``(n,)``, of the same.
        side: pixels of each side of the images that will be sent, for a policy that reads them.

    Raises:
        ConfigError: there is no such policy, or it cannot be fitted to so many classes or to these images.
    """
    kind: type[OutputPolicy] = POLICIES[config.name].load()
    return kind.fit(config, logits, labels, side)


def rehearse_policy(config: PolicyConfig, labels: NDArray[np.int64], classes: int, side: int = SIDE) -> None:
    """Refuse a policy that no model's answers could be fitted to, before there is a model.

    It is fitted to answers that are all right, each as sure as no other.

    Args:
        config: names a row of `mnist_etc.policy.registry.POLICIES`.
        labels: ``(n,)``, of the images that the policy will be fitted on.
        classes: how many there are.
        side: pixels of each side of an image.

    Raises:
        ConfigError: see `fit_policy`.
    """
    logits = np.zeros((len(labels), classes), np.float32)
    logits[np.arange(len(labels)), labels] = np.linspace(1, 8, len(labels), dtype=np.float32)
    fit_policy(config, logits, labels, side)
