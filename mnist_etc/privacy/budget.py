"""What a budget asks for: the noise of a stage, and a delta that is small enough."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_etc.errors import ConfigError
from mnist_etc.privacy.accounting import find_noise_multiplier
from mnist_etc.privacy.config import PrivacyConfig
from mnist_etc.privacy.guarantee import Stage
from mnist_etc.privacy.unit import Unit

__all__ = ["check_delta", "noise_within", "whitening_stage"]

WHITENING_NOISE = 10.0
"""Noise multiplier of the whitening over that of the trainings, where the latter is given."""


def check_delta(privacy: PrivacyConfig, examples: int, unit: Unit) -> None:
    """Refuse a delta that would allow to publish one of so many units.

    Raises:
        ConfigError: it is one over their number, or more.
    """
    if privacy.delta >= 1 / examples:
        whole = {Unit.image: "one of them whole", Unit.person: "all that one of them gave"}[unit]
        raise ConfigError(
            f"Expected privacy.delta below 1/{examples:,}, one over the training {unit.plural}; received "
            f"{privacy.delta:g}: it would allow to publish {whole}. Pass privacy.delta={0.1 / examples:.0e} or less."
        )


def whitening_stage(privacy: PrivacyConfig, examples: int, unit: Unit) -> Stage:
    """The noised second moments that a private classifier whitens its features by: one Gaussian release of all."""
    noise = noise_within(privacy, privacy.whitening_share, 1.0, 1, scale=WHITENING_NOISE)
    return Stage(
        name="whitening",
        examples=examples,
        sampling_rate=1.0,
        noise_multiplier=noise,
        steps=1,
        l2_norm_clip=1.0,
        unit=unit,
    )


def noise_within(
    privacy: PrivacyConfig,
    share: float,
    sampling_rate: float,
    steps: int,
    before: Sequence[Stage] = (),
    *,
    scale: float = 1.0,
) -> float:
    """Least noise multiplier with which that share of the budget is kept to, or the given one times ``scale``."""
    if privacy.target_epsilon is None:
        return scale * (privacy.noise_multiplier or 0.0)
    return find_noise_multiplier(
        target_epsilon=privacy.target_epsilon * share,
        delta=privacy.delta,
        sampling_rate=sampling_rate,
        steps=steps,
        accountant=privacy.accountant,
        before=[stage.mechanism for stage in before],
    )
