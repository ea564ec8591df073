"""The schema of ``conf/reconstruct.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnist_etc.artifacts.config import UseCommand
from mnist_etc.attack.registry import ATTACKS
from mnist_etc.errors import ConfigError
from mnist_etc.models.features import FEATURES
from mnist_etc.models.zoo import ZOO
from mnist_etc.policy.registry import POLICIES
from mnist_etc.policy.specification import parse_policy
from mnist_etc.schema import between, one_of, path

__all__ = ["AttackConfig", "ReconstructCommand", "Targets"]


class Targets(Enum):
    """Whose images are rebuilt; see `mnist_etc.attack.sides` for what the attacker has."""

    test = "test"
    validation = "validation"
    train = "train"
    """Refused: the attacker would have them already."""


@dataclass(kw_only=True)
class AttackConfig:
    """How strong the attackers are."""

    images: int | None = between(100, 10_000_000)
    """Images that they have; null: all that are no targets, see `mnist_etc.attack.sides`."""
    answers: list[int] = between(1, 1000)
    """About photos of one page that they see; ``policy=auto`` takes the most."""
    queries: int = between(1, 1_000_000)
    """Of hill climbing, for a target."""
    restarts: int = between(1, 1000)
    """Components of its prior that hill climbing searches in."""
    iterations: int = between(1, 1000)
    """Its steps in each; one is enough where scores are linear in the code."""
    components: int = between(1, 10_000)
    """Of the prior, for each class."""
    networks: int = between(1, 100)
    """That invert answers, whose mean counts."""
    epochs: int = between(1, 1000)
    """Of an inverse network."""
    batch_size: int = between(1, 65_536)
    learning_rate: float = between(1e-6, 1)
    weight_decay: float = between(0, 1)
    units: int = between(1, 8192)
    """Of an inverse network's blocks."""
    blocks: int = between(0, 100)

    def consistent(self) -> None:
        """Refuse what no range can say; see `mnist_etc.schema.check`."""
        if not self.answers:
            raise ConfigError("Expected attack.answers with at least one number; received []. For example [1,3,10]")


@dataclass(kw_only=True)
class ReconstructCommand(UseCommand):
    """``noprotect_reconstruction.py``: rebuild images from answers, under each output policy.

    The training keys choose the model.
    """

    attack: AttackConfig
    policies: list[str]
    """Names of policies, each with its number behind a colon: ``rounded:1``, ``top_k:3``, ``levels:3``, ``noisy:8``."""
    attacks: list[str] = one_of(ATTACKS)
    """Rows of `mnist_etc.attack.registry.ATTACKS`; the mean by answer also runs on the label, as the floor."""
    targets: int = between(1, 1_000_000)
    """Images to rebuild; the first so many."""
    targets_from: Targets
    beside: list[str] = path()
    """Artifact folders of other models that were attacked before, whose rows join the tables."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if self.targets_from is Targets.train:
            raise ConfigError(
                "Expected targets that the attacker has not; received targets_from=train, the attacker's own images. "
                "Pass targets_from=test or validation."
            )
        for key, names, example in (
            ("policies", self.policies, "logits,levels:3"),
            ("attacks", self.attacks, "inverse_network"),
        ):
            if not names:
                raise ConfigError(f"Expected {key} with at least one name; received []. For example [{example}]")
        policies = [POLICIES[parse_policy(text).name] for text in self.policies]
        attacks = [ATTACKS[name] for name in self.attacks]
        zoo = self.model.name in ZOO
        if zoo and all(attack.knows_encoder for attack in attacks):
            raise ConfigError(
                f"Expected attacks that need no decoder of codes, which model={self.model.name} has not; received "
                f"attacks=[{','.join(self.attacks)}]. Add inverse_network."
            )
        if not any(
            attack.applies(policy, linear_head=True, decoder=not zoo) for attack in attacks for policy in policies
        ):
            raise ConfigError(
                f"Expected attacks that fit one of the policies; received attacks=[{','.join(self.attacks)}], which "
                f"need logits, and policies=[{','.join(self.policies)}]. Add logits to policies."
            )
        if zoo:
            return
        least = (self.autoencoder.hid_dim + 2) * self.attack.restarts * self.attack.iterations
        if self.attack.queries < least:
            raise ConfigError(
                f"Expected attack.queries of at least {least:,}, hid_dim + 2 for each step of each restart; received "
                f"{self.attack.queries:,}. Pass more, or fewer attack.restarts."
            )
        if self.classifier.fine_tune:
            raise ConfigError(
                "Expected classifier.fine_tune=false, since the decoder rebuilds images from the codes of the "
                "autoencoder's own encoder; received true. Attack the model without it."
            )
        if not FEATURES[self.classifier.features].trained:
            raise ConfigError(
                f"Expected features=code, whose decoder rebuilds images; received {self.classifier.features}."
            )
