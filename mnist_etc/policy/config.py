"""The schema of ``conf/policy/``."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_etc.errors import ConfigError
from mnist_etc.policy.registry import POLICIES
from mnist_etc.schema import between, text

__all__ = ["AUTO", "PolicyConfig"]

AUTO = "auto"
"""No policy, but the search for the most informative one that meets both bounds: `mnist_etc.attack.policy_search`."""


@dataclass(kw_only=True)
class PolicyConfig:
    """The output policy, a part of the served graph; each key but ``name`` is read by one policy alone."""

    name: str = text()
    """A row of `mnist_etc.policy.registry.POLICIES`, or `AUTO`."""
    decimals: int = between(1, 6)
    k: int = between(1, 999)
    """Below the number of classes."""
    levels: int = between(1, 100)
    crowd: float = between(0, 1)
    """Fraction of the images that the least sure level holds at least: the unsure are few, and unlike their class."""
    epsilon: float = between(0.01, 20)
    """Of one answer about one image; two answers, about two images or of two publications, add up."""
    max_accuracy_loss: float = between(0, 1)
    """Fraction of the validation images."""
    min_attack_error: float = between(0, 1)
    """Mean squared error of the strongest attacker, over that of one who knows the label alone."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `mnist_etc.schema.check`."""
        if self.name == AUTO:
            return
        try:
            POLICIES.check(self.name, "policy.name")
        except ConfigError as error:
            raise ConfigError(f"{error} Pass policy={AUTO} to have one searched.") from None
