"""What a trained model promises about its training images, as its manifest states it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_etc.privacy.accounting import SampledGaussian, spent
from mnist_etc.privacy.config import Accountant, PrivacyConfig

__all__ = ["Guarantee", "Stage"]

ADJACENCY = "one image's contribution present or zeroed; number of images and split public; Poisson sampling"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One private training: what was sampled, clipped and added."""

    name: str
    examples: int
    """Training images, of which each step includes each one with probability ``sampling_rate``."""
    sampling_rate: float
    noise_multiplier: float
    steps: int
    l2_norm_clip: float

    @property
    def batch_size(self) -> int:
        """Expected examples a step."""
        return round(self.sampling_rate * self.examples)

    @property
    def mechanism(self) -> SampledGaussian:
        """What the accountant needs of it."""
        return SampledGaussian(
            sampling_rate=self.sampling_rate, noise_multiplier=self.noise_multiplier, steps=self.steps
        )


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """A statement about the training images, or the reason why there is none.

    With one image's contribution present or zeroed, any model has probabilities that differ by a factor of at most e to
    the ``epsilon``, but for a probability of ``delta``. Sampling rate and steps follow from the number of images, so
    that number and the split count as public.
    """

    words: str
    """The whole statement; it begins "none: " where there is no guarantee."""
    epsilon: float | None = None
    """None: there is no guarantee, and no ``delta``, ``accountant`` and ``adjacency``."""
    delta: float | None = None
    accountant: Accountant | None = None
    adjacency: str | None = None
    stages: tuple[Stage, ...] = ()
    """Private trainings behind the model, whether or not they cover it."""

    @classmethod
    def of(cls, stages: Sequence[Stage], privacy: PrivacyConfig) -> Guarantee:
        """What private trainings that compose, one or more, give together.

        Raises:
            ConfigError: delta is outside what the accountant can resolve.
        """
        epsilon = spent([stage.mechanism for stage in stages], privacy.delta, privacy.accountant)
        words = (
            f"epsilon {epsilon:.4g} at delta {privacy.delta:g} for any one of the {stages[-1].examples:,} training "
            f"images, {_listed([stage.name for stage in stages])}"
        )
        if privacy.seed is not None:
            words += "; only against who does not know privacy.seed, which was given: for tests"
        return cls(
            words=words,
            epsilon=epsilon,
            delta=privacy.delta,
            accountant=privacy.accountant,
            adjacency=ADJACENCY,
            stages=tuple(stages),
        )

    @classmethod
    def none(cls, reason: str, stages: Sequence[Stage] = ()) -> Guarantee:
        """Private trainings, if any, do not cover the model; ``reason`` ends "none: ..."."""
        return cls(words=f"none: {reason}", stages=tuple(stages))

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> Guarantee:
        """What a whole manifest states under "privacy", that of another model included."""
        stated = dict(manifest.get("privacy", {"words": "none: the manifest states nothing"}))
        stated["stages"] = tuple(Stage(**stage) for stage in stated.get("stages", ()))
        if "accountant" in stated:
            stated["accountant"] = Accountant(stated["accountant"])
        return cls(**stated)

    def to_manifest(self) -> dict[str, Any]:
        """The same as plain JSON types, for the key "privacy" of a manifest."""
        stated: dict[str, Any] = {"words": self.words, "epsilon": self.epsilon}
        if self.accountant is not None:
            stated |= {"delta": self.delta, "accountant": self.accountant.value, "adjacency": self.adjacency}
        return stated | {"stages": [dataclasses.asdict(stage) for stage in self.stages]}


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last} together" if others else last
