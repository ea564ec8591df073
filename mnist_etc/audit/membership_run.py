"""Membership inference on a head trained without privacy and on one trained as the audited one is."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from mnist_etc.audit.canary_run import audited_plan, fit_config, quiet
from mnist_etc.audit.config import AuditCommand
from mnist_etc.audit.identity import identify
from mnist_etc.audit.membership import MembershipResult, membership_attacks
from mnist_etc.backend import load_tensorflow
from mnist_etc.data import Split
from mnist_etc.privacy.accounting import EpsilonBySteps
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.seeds import Seeds

__all__ = ["attack_heads"]

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

INVERSE_PENALTY = 1000.0
"""Of the head trained without privacy, which is to overfit."""
ITERATIONS = 2000
ABSENT = -100.0
"""Logit of a class that no member has."""


def attack_heads(command: AuditCommand, images: Split) -> dict[str, list[MembershipResult]]:
    """Attack a head trained without privacy and one trained as the audited one, each on a random half of the images.

    Returns:
        The attacks on each, by what to call the head.

    Raises:
        ConfigError: see `mnist_etc.privacy.plan.PrivacyPlan.of_training`.
        PrivacyError: the engine is not installed.
    """
    load_tensorflow()
    from mnist_etc.audit.canaries import pixels

    features = pixels(images)
    name, private_logits = _private(command, images, features)
    return {
        "without privacy": _attacks(command, images, lambda included, _: _plain_logits(images, features, included)),
        name: _attacks(command, images, private_logits),
    }


@dataclass(frozen=True, kw_only=True)
class _OneLedger(PrivacyPlan):
    """The plan of many trainings that are alike; what they spend by each epoch is computed once."""

    @cached_property
    def _ledger(self) -> EpsilonBySteps:
        ledger = super().epsilon_by_steps()
        ledger.after = cache(ledger.after)  # type: ignore[method-assign]
        return ledger

    def epsilon_by_steps(self) -> EpsilonBySteps:
        """See `PrivacyPlan.epsilon_by_steps`."""
        return self._ledger


def _attacks(command: AuditCommand, images: Split, logits: Callable[[Flags, int], Values]) -> list[MembershipResult]:
    """Half of the images are members of the attacked model; each is a member of half of the shadow models.

    Args:
        command: the settings.
        images: members and others.
        logits: for all images, of the model of that number, trained on the included ones.
    """
    generator = np.random.default_rng(command.seed)
    count, shadows = len(images), command.shadow_models
    member = generator.permutation(count) < count // 2
    alternating = np.tile(np.arange(shadows)[:, np.newaxis] % 2 == 0, count)
    shadow_member = generator.permuted(alternating, axis=0)
    shadow_logits = [logits(included, number) for number, included in enumerate(shadow_member, 1)]
    return membership_attacks(logits(member, 0), images.labels, member, np.array(shadow_logits), shadow_member)


def _plain_logits(images: Split, pixels: npt.NDArray[np.float32], included: Flags) -> Values:
    features = pixels.astype(np.float64)
    head = LogisticRegression(C=INVERSE_PENALTY, max_iter=ITERATIONS).fit(features[included], images.labels[included])
    logits = np.full((len(images), len(images.names)), ABSENT)
    decided = head.decision_function(features)
    logits[:, head.classes_] = np.stack([np.zeros_like(decided), decided], 1) if decided.ndim == 1 else decided
    return logits


def _private(
    command: AuditCommand, images: Split, features: npt.NDArray[np.float32]
) -> tuple[str, Callable[[Flags, int], Values]]:
    """What to call the private head, and its logits; each training draws its own seeds."""
    from mnist_etc.audit.canaries import head_task
    from mnist_etc.fit.checkpoint import Checkpoint
    from mnist_etc.fit.loop import fit
    from mnist_etc.fit.private import PrivateSteps

    count = len(images)
    batch_size = max(1, round(min(1.0, command.batch_size / (command.images + command.canaries)) * count))
    learning_rate = command.learning_rate * batch_size / command.batch_size
    scaled = dataclasses.replace(command, batch_size=batch_size, learning_rate=learning_rate)
    identity = identify(command, images)
    plan = _OneLedger(**vars(audited_plan(scaled, count, identity)))

    def logits(included: Flags, number: int) -> Values:
        task = head_task(images, included.astype(np.float32))
        with tempfile.TemporaryDirectory() as folder, quiet():
            checkpoint = Checkpoint(Path(folder) / "state.npz", {"membership": number})
            own = {"name": f"membership {number}", **identity}
            seeds = Seeds(*checkpoint.secret(lambda: Seeds.draw(command.privacy.seed, own)))
            steps = PrivateSteps(task, fit_config(scaled), plan, seeds)
            fit(steps, checkpoint=checkpoint, evaluate=lambda _: {}, report=lambda *_: None)
        kernel = task.model.get_weights()[0].astype(np.float64)
        found: Values = features @ kernel
        return found

    return f"epsilon {plan.spending:.3g}", logits
