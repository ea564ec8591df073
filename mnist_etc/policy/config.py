"""The schema of ``conf/policy/``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnist_etc.schema import between

__all__ = ["NUMBERS", "PolicyConfig", "PolicyName"]


class PolicyName(Enum):
    """What an answer tells. It is float32 ``(batch, 10)`` whatever the policy, its greatest value the class."""

    logits = "logits"
    probabilities = "probabilities"
    rounded = "rounded"
    """Probabilities, to ``decimals``."""
    top_k = "top_k"
    """The ``k`` greatest probabilities; the others share what is left."""
    top1 = "top1"
    """The greatest probability; the others share what is left."""
    levels = "levels"
    """The class with one of ``levels`` confidences: how often that class is right where the model is so sure."""
    label = "label"
    """1 for the class, 0 for the others."""
    noisy = "noisy"
    """A class drawn by the exponential mechanism, ``epsilon``-locally differentially private."""
    auto = "auto"
    """The most informative one that meets ``max_accuracy_loss`` and ``min_attack_error``; see `attack.search`."""


NUMBERS = {
    PolicyName.rounded: "decimals",
    PolicyName.top_k: "k",
    PolicyName.levels: "levels",
    PolicyName.noisy: "epsilon",
}
"""The key that a policy reads, for those that read one."""


@dataclass(kw_only=True)
class PolicyConfig:
    """The output policy, a part of the served graph; each key but ``name`` is read by one policy alone."""

    name: PolicyName
    decimals: int = between(1, 6)
    k: int = between(1, 9)
    levels: int = between(1, 100)
    epsilon: float = between(0.01, 20)
    """Of one answer about one image; two answers, about two images or of two publications, add up: see
    ``docs/reconstruction.md``."""
    max_accuracy_loss: float = between(0, 1)
    """Fraction of the validation images."""
    min_attack_error: float = between(0, 1)
    """Mean squared error of the strongest attacker, over that of one who knows the label alone."""
