"""The one run of the audit: a linear head on images and canaries, trained by the engine and the sampler in question."""

from __future__ import annotations

import secrets
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_etc.audit.config import AuditCommand
from mnist_etc.audit.one_run import Guesses, epsilon_bound, sampled_gaussian_bound
from mnist_etc.data import Split
from mnist_etc.errors import ConfigError
from mnist_etc.models.config import UNVARIED, ClassifierConfig
from mnist_etc.privacy.accounting import spent
from mnist_etc.privacy.config import Engine
from mnist_etc.privacy.guarantee import Stage, plan
from mnist_etc.privacy.sampling import PoissonSampler

if TYPE_CHECKING:
    from mnist_etc.audit.head import HeadTraining

__all__ = ["PLANTED_BUGS", "Finding", "audit", "head_config", "head_training", "pixels", "secret_seeds"]

Values = npt.NDArray[np.float32]

PLANTED_BUGS = ("noise_halved", "batch_clipped", "full_batches")
"""See `mnist_etc.audit.planted`."""
NEVER_CLIPPED = 1e9


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What an audit came to."""

    stage: Stage
    stated: float
    """Epsilon by the accountant."""
    guesses: Guesses
    bound: float
    """Epsilon of the noisiest Gaussian, sampled as often and at the same rate, that the guesses refute."""
    bound_at_delta: float
    """Lower bound on epsilon at that delta, whatever the mechanism: looser."""

    @property
    def refuted(self) -> bool:
        """Whether the training gives away more than is stated."""
        return self.bound >= self.stated


def audit(command: AuditCommand, images: Split, planted: str | None = None) -> Finding:
    """Train once, guess which canaries took part, and bound epsilon from below.

    Args:
        command: the settings.
        images: what else is trained on.
        planted: one of `PLANTED_BUGS`.

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
    stage = plan("head", head_config(command), privacy, shown + command.canaries)
    stated = spent([stage.mechanism], privacy.delta, privacy.accountant)
    from mnist_etc.backend import load_tensorflow

    load_tensorflow()
    from mnist_etc.audit.canaries import Auditor, Canaries

    canaries = Canaries(command.canaries, command.l2_norm_clip)
    seed_of_coins, *seeds = secret_seeds(privacy.seed, "audit")
    training = head_training(
        canaries.beside(pixels(images)),
        np.concatenate([images.labels, canaries.labels]),
        kind=privacy.engine,
        stage=stage,
        config=head_config(command),
        seeds=seeds,
        planted=planted,
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
    return Finding(
        stage=stage,
        stated=stated,
        guesses=guesses,
        bound=sampled_gaussian_bound(guesses, stage.mechanism, privacy.delta, privacy.accountant, command.confidence),
        bound_at_delta=epsilon_bound(guesses, privacy.delta, command.confidence),
    )


def head_training(
    features: Values,
    labels: npt.NDArray[np.int64],
    *,
    kind: Engine,
    stage: Stage,
    config: ClassifierConfig,
    seeds: list[int],
    planted: str | None = None,
) -> HeadTraining:
    """A linear head's training as the stage says, or with a bug.

    Args:
        features: ``(examples, inputs)``.
        labels: ``(examples,)``.
        kind: of the engine.
        stage: clip and noise.
        config: expected batch size and learning rate.
        seeds: of the sampling and of the noise.
        planted: one of `PLANTED_BUGS`.
    """
    from mnist_etc.audit import planted as bugs
    from mnist_etc.audit.head import HeadTraining
    from mnist_etc.models.classifier import build_classifier
    from mnist_etc.models.losses import cross_entropy
    from mnist_etc.privacy.engine import build_engine

    model = build_classifier(config, features.shape[1])
    clip, batch_size = stage.l2_norm_clip, config.batch_size
    noise: dict[str, Any] = {"noise_multiplier": stage.noise_multiplier, "seed": seeds[1]}
    engine = build_engine(kind, model, cross_entropy, l2_norm_clip=clip, **noise)
    sampler: Any = PoissonSampler(examples=len(labels), batch_size=batch_size, seed=seeds[0])
    if planted == "noise_halved":
        engine = bugs.NoiseHalved(engine)
    elif planted == "batch_clipped":
        unclipped = build_engine(kind, model, cross_entropy, l2_norm_clip=NEVER_CLIPPED, **noise)
        engine = bugs.BatchClipped(engine, unclipped, l2_norm_clip=clip, batch_size=batch_size)
    elif planted == "full_batches":
        sampler = bugs.FullBatches(sampler, len(labels))
    return HeadTraining(
        features, labels, engine=engine, sampler=sampler, batch_size=batch_size, learning_rate=config.learning_rate
    )


def head_config(command: AuditCommand) -> ClassifierConfig:
    """The audited head as the training commands would describe it."""
    return ClassifierConfig(
        features="code",
        epochs=command.epochs,
        private=True,
        l2_norm_clip=command.l2_norm_clip,
        augment=False,
        augmentation=UNVARIED,
        fine_tune=False,
        hidden_units=[],
        batch_size=command.batch_size,
        optimizer="sgd",
        learning_rate=command.learning_rate,
        warmup=0,
    )


def pixels(images: Split) -> Values:
    """Each image's pixels, scaled to norm 1, ``(images, 784)``."""
    flat = images.images.reshape(len(images), -1).astype(np.float32)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    scaled: Values = (flat / np.maximum(norms, 1)).astype(np.float32, copy=False)
    return scaled


def secret_seeds(given: int | None, label: str) -> list[int]:
    """Three seeds: the operating system's, or repeatable ones."""
    if given is None:
        return [secrets.randbits(63) for _ in range(3)]
    words = np.random.SeedSequence([given, zlib.crc32(label.encode())]).generate_state(3, np.uint64)
    return [int(word >> np.uint64(1)) for word in words]
