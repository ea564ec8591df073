"""The schema of ``conf/audit.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnist_etc.data.config import DataConfig
from mnist_etc.privacy.config import PrivacyConfig
from mnist_etc.schema import between

__all__ = ["AuditCommand", "PlantedBug"]


class PlantedBug(Enum):
    """A mistake of DP-SGD that the audit's own tests plant, to see it caught; no key plants it."""

    noise_halved = "noise_halved"
    noise_repeated = "noise_repeated"
    """Every step has the noise of the first."""
    noise_broadcast = "noise_broadcast"
    """Every row of the kernel has the noise of one."""
    noise_restarted = "noise_restarted"
    """A resumed training has the noise of the first steps again."""
    redrawn = "redrawn"
    """A resumed training draws anew what was seen before it was killed."""
    batch_clipped = "batch_clipped"
    """The batch's mean gradient is clipped instead of each example's."""
    full_batches = "full_batches"
    """Every step takes every example."""
    moments_noise_halved = "moments_noise_halved"
    moments_unnormalized = "moments_unnormalized"
    """Rows enter the second moments at their own length."""
    seed_reused = "seed_reused"
    """Another training, upon the same images but for the canaries, has the same noise."""


@dataclass(kw_only=True)
class AuditCommand:
    """``python -m mnist_etc.privacy.audit``: measure how much a private training gives away, against what it states."""

    data: DataConfig
    privacy: PrivacyConfig
    """What is stated, and the engine that is audited; its seed also fixes which canaries take part."""
    seed: int = between(0, 2**32 - 1)
    """Of the membership inference: which images are members."""
    canaries: int = between(10, 100_000)
    """Examples made to be recognized, each trained on with probability one half."""
    guesses: int = between(2, 100_000)
    """Canaries that the auditor guesses where nothing is assumed of how they depend on each other, half of them as
    trained on; fixed before the run. Else it guesses all."""
    images: int = between(1, 100_000)
    """Training images beside the canaries, at most; membership inference trains on as many out of twice as many."""
    confidence: float = between(0.5, 0.9999)
    """Of each lower bound: one less the probability that a correct training is refuted, at most."""
    epochs: int = between(1, 10_000)
    batch_size: int = between(1, 65_536)
    """Expected examples a step."""
    l2_norm_clip: float = between(1e-6, 1e6)
    """Greatest norm of one example's gradient."""
    learning_rate: float = between(1e-8, 1e5)
    """Peak rate; see `mnist_etc.models.config.FitConfig`."""
    warmup: float = between(0, 1)
    """Fraction of all steps over which the rate climbs from zero."""
    membership: bool
    """Attack models by membership inference too."""
    shadow_models: int = between(4, 1024)
    """Trained for LiRA, for each of the attacked models."""
