"""The schema of what ``privacy.`` stands before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnist_etc.errors import ConfigError
from mnist_etc.privacy.registry import ENGINES
from mnist_etc.schema import between, one_of, path

__all__ = ["Accountant", "LifetimePrivacyConfig", "PrivacyConfig"]


class Accountant(Enum):
    """How epsilon is computed from the noise, the sampling rate and the number of steps."""

    pld = "pld"
    """Privacy loss distributions: the tighter."""
    rdp = "rdp"
    """Renyi differential privacy."""


@dataclass(kw_only=True)
class PrivacyConfig:
    """The guarantee that ``private=true`` trains for, of everything trained on the same images together."""

    target_epsilon: float | None = between(1e-3, 1e4)
    """What may be spent; the noise multiplier follows. null where noise_multiplier is given."""
    noise_multiplier: float | None = between(0.01, 1000)
    """Standard deviation of the noise in units of the clip, in each private training; epsilon follows. Else null."""
    delta: float = between(1e-30, 0.1)
    """Probability that the guarantee may fail; below one over the number of training images."""
    accountant: Accountant
    engine: str = one_of(ENGINES)
    """What clips each image's gradient and adds the noise."""
    autoencoder_share: float = between(0.01, 1)
    """Fraction of target_epsilon that a private autoencoder spends; the classifier gets what is left."""
    whitening_share: float = between(0.001, 0.9)
    """Fraction of target_epsilon that a private classifier spends on the second moments of its features; with
    noise_multiplier given, they get ten times that noise."""
    images_per_owner: int = between(1, 10_000)
    """Images of one person that are trained on privately, at most, where ``data.owners`` says whose they are; a step
    then takes batch_size over this number of people, in expectation."""
    seed: int | None = between(0, 2**63 - 1)
    """Of the sampling and the noise. null: the operating system's, forgotten when the training ends; a number repeats a
    training to the bit and leaves no guarantee, since whoever knows it can subtract the noise: for tests."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if (self.target_epsilon is None) == (self.noise_multiplier is None):
            raise ConfigError(
                "Expected either privacy.target_epsilon or privacy.noise_multiplier; received "
                f"{self.target_epsilon} and {self.noise_multiplier}. Pass one of them, and null for the other."
            )


@dataclass(kw_only=True)
class LifetimePrivacyConfig(PrivacyConfig):
    """What may be spent by one training, and by all that are ever started on the same images."""

    lifetime_epsilon: float | None = between(1e-3, 1e4)
    """What all private trainings on the same images may give away together; null: any, it is told and not bounded."""
    ledger: str = path()
    """File that remembers every private training; the secret key under which it names the data lies beside it."""
