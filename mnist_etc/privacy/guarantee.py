"""What a trained model promises about its training images, from the plan before to the words in the manifest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_etc.errors import ConfigError
from mnist_etc.models.config import FitConfig
from mnist_etc.privacy.accounting import SampledGaussian, find_noise_multiplier, spent
from mnist_etc.privacy.config import PrivacyConfig
from mnist_etc.privacy.sampling import PoissonSampler

__all__ = ["Stage", "guarantee", "no_guarantee", "plan", "plan_whitening", "stages_of"]


WHITENING_NOISE = 10.0
"""Noise multiplier of the whitening over that of the trainings, where the latter is given."""


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
    def mechanism(self) -> SampledGaussian:
        """What the accountant needs of it."""
        return SampledGaussian(
            sampling_rate=self.sampling_rate, noise_multiplier=self.noise_multiplier, steps=self.steps
        )


def guarantee(stages: Sequence[Stage], privacy: PrivacyConfig) -> dict[str, Any]:
    """What the manifest says of private trainings that compose.

    With one image's contribution present or zeroed, any model has probabilities that differ by a factor of at most e to
    the ``epsilon``, but for a probability of ``delta``. Sampling rate and steps follow from the number of images, so
    that number and the split count as public.
    """
    epsilon = spent([stage.mechanism for stage in stages], privacy.delta, privacy.accountant)
    words = (
        f"epsilon {epsilon:.4g} at delta {privacy.delta:g} for any one of the {stages[-1].examples:,} training images, "
        f"{_listed([stage.name for stage in stages])}"
    )
    if privacy.seed is not None:
        words += "; only against who does not know privacy.seed, which was given: for tests"
    return {
        "words": words,
        "epsilon": epsilon,
        "delta": privacy.delta,
        "accountant": privacy.accountant.value,
        "adjacency": "one image's contribution present or zeroed; number of images and split public; Poisson sampling",
        "stages": [dataclasses.asdict(stage) for stage in stages],
    }


def no_guarantee(stages: Sequence[Stage], reason: str) -> dict[str, Any]:
    """What the manifest says where private trainings, if any, do not cover the model; ``reason`` ends "none: ..."."""
    return {"words": f"none: {reason}", "epsilon": None, "stages": [dataclasses.asdict(stage) for stage in stages]}


def stages_of(manifest: Mapping[str, Any]) -> tuple[Stage, ...]:
    """The private trainings behind an artifact, from its manifest; none where it promises nothing."""
    return tuple(Stage(**stage) for stage in manifest.get("privacy", {}).get("stages", ()))


def plan(
    name: str,
    config: FitConfig,
    privacy: PrivacyConfig,
    examples: int,
    *,
    share: float = 1.0,
    before: Sequence[Stage] = (),
) -> Stage:
    """A private training that keeps to the budget.

    Args:
        name: of the stage.
        config: its epochs, expected batch size and clip.
        privacy: the budget, or the noise.
        examples: training images.
        share: fraction of the target epsilon that may be spent by now.
        before: what was spent on the same images.

    Raises:
        ConfigError: delta is too large for so many images, the expected batch is larger than they are, or no noise
            multiplier keeps to the target.
    """
    if privacy.delta >= 1 / examples:
        raise ConfigError(
            f"Expected privacy.delta below 1/{examples:,}, one over the training images; received {privacy.delta:g}: "
            f"it would allow to publish one of them whole. Pass privacy.delta={0.1 / examples:.0e} or less."
        )
    sampler = PoissonSampler(examples=examples, batch_size=config.batch_size, seed=0)
    rate, steps = sampler.sampling_rate, sampler.steps_per_epoch * config.epochs
    noise = privacy.noise_multiplier
    if privacy.target_epsilon is not None:
        noise = find_noise_multiplier(
            target_epsilon=privacy.target_epsilon * share,
            delta=privacy.delta,
            sampling_rate=rate,
            steps=steps,
            accountant=privacy.accountant,
            before=[stage.mechanism for stage in before],
        )
    assert noise is not None
    return Stage(
        name=name,
        examples=examples,
        sampling_rate=rate,
        noise_multiplier=noise,
        steps=steps,
        l2_norm_clip=config.l2_norm_clip,
    )


def plan_whitening(privacy: PrivacyConfig, examples: int) -> Stage:
    """The noised second moments that a private classifier whitens its features by: one Gaussian release of all."""
    noise = WHITENING_NOISE * (privacy.noise_multiplier or 0)
    if privacy.target_epsilon is not None:
        noise = find_noise_multiplier(
            target_epsilon=privacy.target_epsilon * privacy.whitening_share,
            delta=privacy.delta,
            sampling_rate=1.0,
            steps=1,
            accountant=privacy.accountant,
        )
    return Stage(
        name="whitening", examples=examples, sampling_rate=1.0, noise_multiplier=noise, steps=1, l2_norm_clip=1.0
    )


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last} together" if others else last
