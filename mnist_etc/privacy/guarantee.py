"""What a trained model promises about its training images, as its manifest states it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, assert_never

from mnist_etc.errors import ConfigError
from mnist_etc.privacy.accounting import LEAST_DELTA, SampledGaussian, spent
from mnist_etc.privacy.config import Accountant, PrivacyConfig
from mnist_etc.privacy.gaussian_dp import gaussian_mu
from mnist_etc.privacy.group import group_epsilon
from mnist_etc.privacy.rounding import at_least
from mnist_etc.privacy.unit import Relation, Unit

__all__ = ["Guarantee", "Stage"]

IMAGES_OF_A_PERSON = (2, 10)
"""For which an image-level guarantee says what it means; MNIST's writers gave some 220 each."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One private training: what was sampled, clipped and added."""

    name: str
    examples: int
    """How many units of privacy there are; each step includes each one with probability ``sampling_rate``."""
    sampling_rate: float
    noise_multiplier: float
    steps: int
    l2_norm_clip: float
    """Greatest norm of what one unit adds to a step."""
    unit: Unit = Unit.image
    """What ``examples`` counts."""

    @classmethod
    def from_manifest(cls, stated: Mapping[str, Any]) -> Stage:
        """What `to_manifest` returned."""
        return cls(**dict(stated, unit=Unit(stated.get("unit", Unit.image))))

    def to_manifest(self) -> dict[str, Any]:
        """The same as plain JSON types."""
        return dataclasses.asdict(self) | {"unit": self.unit.value}

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
    """A statement about the training data, or the reason why there is none: a seed that was given is one.

    With one unit's contribution present or zeroed, any model has probabilities that differ by a factor of at most e to
    the ``epsilon``, but for a probability of ``delta``. Sampling rate and steps follow from the number of units, so
    that number and the split count as public.
    """

    words: str
    """The whole statement; it begins "none: " where there is no guarantee."""
    epsilon: float | None = None
    """None: there is no guarantee, and none of the fields down to ``unit``."""
    delta: float | None = None
    accountant: Accountant | None = None
    mu: float | None = None
    """Of Gaussian differential privacy: bounds all (epsilon, delta) at once, see `gaussian_mu`."""
    relation: Relation | None = None
    unit: Unit | None = None
    stages: tuple[Stage, ...] = ()
    """Private trainings behind the model, whether or not they cover it."""

    @classmethod
    def of(cls, stages: Sequence[Stage], privacy: PrivacyConfig) -> Guarantee:
        """What private trainings that compose, one or more, give together.

        Raises:
            ConfigError: delta is outside what the accountant can resolve, or the stages protect different units.
        """
        units = {stage.unit for stage in stages}
        if len(units) > 1:
            raise ConfigError(
                f"Expected trainings that protect the same unit; received {_listed(sorted(units))}. Train all of them "
                "with owners, or none."
            )
        mechanisms, unit = [stage.mechanism for stage in stages], stages[-1].unit
        epsilon, mu = spent(mechanisms, privacy.delta, privacy.accountant), gaussian_mu(mechanisms, privacy.delta)
        stated = (
            f"epsilon {at_least(epsilon)} at delta {privacy.delta:g} (mu {at_least(mu, 3)}), {unit}-level: for "
            f"{_any_one(unit, stages[-1].examples)}, {_listed([stage.name for stage in stages])}"
            f"{_for_people(mechanisms, unit, privacy.delta)}"
        )
        if privacy.seed is not None:
            reason = "privacy.seed was given, and who learns it can take the noise off"
            return cls.none(f"{reason} (with privacy.seed=null: {stated})", stages)
        return cls(
            words=stated,
            epsilon=epsilon,
            delta=privacy.delta,
            accountant=privacy.accountant,
            mu=mu,
            relation=Relation.zero_out,
            unit=unit,
            stages=tuple(stages),
        )

    def for_group(self, size: int) -> float | None:
        """Epsilon at the same delta for ``size`` units together: an image-level one for a person with so many images.

        It is computed from privacy loss distributions, whichever accountant states ``epsilon``; None where there is no
        guarantee.

        Raises:
            ConfigError: the size is not 1 or more, or delta is less than 1e-10.
        """
        if self.epsilon is None or self.delta is None:
            return None
        return group_epsilon([stage.mechanism for stage in self.stages], self.delta, size)

    @classmethod
    def none(cls, reason: str, stages: Sequence[Stage] = ()) -> Guarantee:
        """Private trainings, if any, do not cover the model; ``reason`` ends "none: ..."."""
        return cls(words=f"none: {reason}", stages=tuple(stages))

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> Guarantee:
        """What a whole manifest states under "privacy", that of another model included."""
        stated = dict(manifest.get("privacy", {"words": "none: the manifest states nothing"}))
        stated["stages"] = tuple(Stage.from_manifest(stage) for stage in stated.get("stages", ()))
        kinds: dict[str, type[Enum]] = {"accountant": Accountant, "relation": Relation, "unit": Unit}
        stated |= {key: kind(stated[key]) for key, kind in kinds.items() if key in stated}
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in stated.items() if key in known})

    def to_manifest(self) -> dict[str, Any]:
        """The same as plain JSON types, for the key "privacy" of a manifest."""
        stated: dict[str, Any] = {"words": self.words, "epsilon": self.epsilon}
        if self.accountant is not None and self.relation is not None and self.unit is not None:
            stated |= {
                "delta": self.delta,
                "accountant": self.accountant.value,
                "mu": self.mu,
                "relation": self.relation.value,
                "adjacency": self.relation.in_words(self.unit),
                "unit": self.unit.value,
            }
        return stated | {"stages": [stage.to_manifest() for stage in self.stages]}


def _for_people(mechanisms: Sequence[SampledGaussian], unit: Unit, delta: float) -> str:
    """What an image-level statement is worth to somebody with several images; empty where that cannot be computed."""
    match unit:
        case Unit.image:
            if delta < LEAST_DELTA:
                return "; less for a person with several of them"
            epsilons = {size: group_epsilon(mechanisms, delta, size) for size in IMAGES_OF_A_PERSON}
            figures = [f"with {size} of them {at_least(epsilon, 3)}" for size, epsilon in epsilons.items()]
            return f"; for a person {', '.join(figures)}"
        case Unit.person:
            return ""
        case _:
            assert_never(unit)


def _any_one(unit: Unit, examples: int) -> str:
    match unit:
        case Unit.image:
            return f"any one of the {examples:,} training images"
        case Unit.person:
            return f"all training images of any one of {examples:,} people"
        case _:
            assert_never(unit)


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last} together" if others else last
