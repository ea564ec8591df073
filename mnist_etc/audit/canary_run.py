"""The one run of the audit: a linear head trained privately on images and canaries, and what its auditor can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_etc.audit.config import AuditCommand, PlantedBug
from mnist_etc.audit.one_run import Guesses, epsilon_bound, sampled_gaussian_bound
from mnist_etc.data import Split
from mnist_etc.errors import ConfigError
from mnist_etc.privacy.guarantee import Stage
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.seeds import secret_numbers

__all__ = ["CanaryFinding", "run_with_canaries"]


@dataclass(frozen=True, kw_only=True)
class CanaryFinding:
    """What the guesses at the canaries say of the stated epsilon."""

    stage: Stage
    """The audited training."""
    stated: float
    """Epsilon by the accountant."""
    guesses: Guesses
    bound: float
    """Epsilon of the noisiest Gaussian, sampled as often and at the same rate, that the guesses refute."""
    bound_at_delta: float
    """Lower bound on epsilon at that delta, whatever the mechanism: looser."""

    @property
    def is_refuted(self) -> bool:
        """Whether the training gives away more than is stated."""
        return self.bound >= self.stated


def run_with_canaries(command: AuditCommand, images: Split, bug: PlantedBug | None = None) -> CanaryFinding:
    """Train once, guess which canaries took part, and bound epsilon from below.

    Args:
        command: the settings.
        images: what else is trained on.
        bug: what the training does wrong.

    Raises:
        ConfigError: there are fewer canaries than guesses, delta is too large for so many examples, the expected batch
            is larger than they are, or no noise multiplier keeps to the target.
        PrivacyError: the engine is not installed.
    """
    if command.guesses > command.canaries:
        raise ConfigError(
            f"Expected guesses of at most the {command.canaries} canaries; received {command.guesses}. "
            "Pass fewer guesses or more canaries."
        )
    privacy, shown = command.privacy, len(images)
    plan = PrivacyPlan.of_training("head", command, privacy, shown + command.canaries)
    stage, stated = plan.stage, plan.spending
    assert stage
    from mnist_etc.backend import load_tensorflow

    load_tensorflow()
    from mnist_etc.audit.canaries import Auditor, Canaries
    from mnist_etc.audit.linear_head import build_head_training, pixels

    canaries = Canaries(command.canaries, command.l2_norm_clip)
    seed_of_coins, sampling_seed, noise_seed = secret_numbers(privacy.seed, {"name": "audit"}, 3)
    training = build_head_training(
        canaries.beside(pixels(images)),
        np.concatenate([images.labels, canaries.labels]),
        plan,
        learning_rate=command.learning_rate,
        sampling_seed=sampling_seed,
        noise_seed=noise_seed,
        bug=bug,
    )
    coins = np.random.default_rng(seed_of_coins).random(len(canaries)) < 0.5
    auditor = Auditor(
        canaries,
        l2_norm_clip=stage.l2_norm_clip,
        sampling_rate=stage.sampling_rate,
        noise_multiplier=stage.noise_multiplier,
    )
    training.fit(np.concatenate([np.ones(shown, np.bool_), coins]), stage.steps, observe=auditor.observe)
    guesses = auditor.guess(coins, command.guesses)
    return CanaryFinding(
        stage=stage,
        stated=stated,
        guesses=guesses,
        bound=sampled_gaussian_bound(guesses, stage.mechanism, privacy.delta, privacy.accountant, command.confidence),
        bound_at_delta=epsilon_bound(guesses, privacy.delta, command.confidence),
    )
