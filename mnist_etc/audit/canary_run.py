"""The real private training, audited once: killed after an epoch, gone on with, and what its auditor can tell."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_etc.audit.config import AuditCommand, PlantedBug
from mnist_etc.audit.identity import identify
from mnist_etc.audit.one_run import (
    Guesses,
    epsilon_bound,
    guess_all,
    guess_surest,
    independent_bound,
    sampled_gaussian_bound,
)
from mnist_etc.data import Split
from mnist_etc.errors import ConfigError
from mnist_etc.models.config import FitConfig
from mnist_etc.privacy.guarantee import Stage
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.seeds import secret_numbers

if TYPE_CHECKING:
    from mnist_etc.audit.auditor import Auditor
    from mnist_etc.fit.task import Task

__all__ = ["CanaryFinding", "audited_plan", "fit_config", "flip_coins", "quiet", "run_with_canaries"]

Values = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
KILLED_IN = 2
"""Epoch whose steps are done and whose state is not yet kept when the training is killed."""


@dataclass(frozen=True, kw_only=True)
class CanaryFinding:
    """What the guesses at the canaries say of the stated epsilon."""

    stage: Stage
    """The audited training."""
    stated: float
    """Epsilon by the accountant."""
    guesses: Guesses
    """At every coin, from every noised sum."""
    bound: float
    """`independent_bound` of them."""
    surest: Guesses
    """At the coins of most and of least evidence alone."""
    bound_if_dependent: float
    """`sampled_gaussian_bound` of the surest guesses: however the canaries depend on each other."""
    bound_at_delta: float
    """`epsilon_bound` of the surest guesses: whatever the mechanism."""
    guesses_at_weights: Guesses
    """At every coin, from the published weights alone."""
    bound_of_weights: float
    """`independent_bound` of them."""
    redrawn: int
    """Steps that were done again after the training was killed, and otherwise."""

    @property
    def is_refuted(self) -> bool:
        """Whether the training gives away more than is stated."""
        return max(self.bound, self.bound_of_weights) >= self.stated or self.redrawn > 0


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
    identity = identify(command, images)
    plan = audited_plan(command, len(images) + command.canaries, identity)
    assert plan.stage
    from mnist_etc.backend import load_tensorflow

    load_tensorflow()
    from mnist_etc.audit.auditor import Auditor, evidence_in_weights
    from mnist_etc.audit.canaries import Canaries, head_task

    canaries = Canaries(command.canaries, command.l2_norm_clip, len(images.names))
    coins = flip_coins(command, identity, len(canaries))
    weights = np.concatenate([np.ones(len(images), np.float32), coins.astype(np.float32)])
    auditor = Auditor(canaries, plan.stage)
    task = head_task(images, weights, canaries)
    _fit_twice(task, command, plan, auditor, bug)
    kernel = task.model.get_weights()[0]
    in_weights = evidence_in_weights(canaries, kernel, _drift(command, plan.stage))
    return _finding(command, plan, auditor, in_weights, coins)


def audited_plan(command: AuditCommand, examples: int, identity: Mapping[str, Any]) -> PrivacyPlan:
    """Of the training that is audited, on so many examples; ``identity`` is `identify`'s."""
    plan = PrivacyPlan.of_training("head", command, command.privacy, examples)
    return plan.identified({"name": "audit", **identity})


def fit_config(command: AuditCommand) -> FitConfig:
    """Of the training that is audited, as of the private classifier: momentum, a warm-up and a cosine."""
    return FitConfig(
        epochs=command.epochs,
        private=True,
        l2_norm_clip=command.l2_norm_clip,
        batch_size=command.batch_size,
        optimizer="sgd",
        learning_rate=command.learning_rate,
        warmup=command.warmup,
    )


def flip_coins(command: AuditCommand, identity: Mapping[str, Any], count: int) -> Flags:
    """Fair ones; secret unless a seed is given."""
    (seed,) = secret_numbers(command.privacy.seed, {"name": "coins", **identity}, 1)
    coins: Flags = np.random.default_rng(seed).random(count) < 0.5
    return coins


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within it the progress of a training is not shown."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


class _KilledError(Exception):
    """The training ends here, as by a signal."""


def _fit_twice(task: Task, command: AuditCommand, plan: PrivacyPlan, auditor: Auditor, bug: PlantedBug | None) -> None:
    """By `mnist_etc.fit.loop.fit`, killed when an epoch is done and not yet kept, then gone on with, as a user does."""
    from mnist_etc.audit.planted import PLANTED
    from mnist_etc.audit.watched import WatchedPlan
    from mnist_etc.fit.checkpoint import Checkpoint
    from mnist_etc.fit.loop import fit
    from mnist_etc.fit.private import PrivateSteps
    from mnist_etc.privacy.seeds import Seeds

    assert plan.stage
    config, planted = fit_config(command), PLANTED[bug]
    killed_in = min(KILLED_IN, command.epochs)

    def train(path: Path, first_step: int, killed_in: int | None) -> None:
        def evaluate(epoch: int) -> dict[str, float]:
            if epoch == killed_in:
                raise _KilledError
            return {}

        checkpoint = Checkpoint(path, {"audit": command.canaries})
        seeds = planted.seeds(Seeds(*checkpoint.secret(plan.seeds)), first_step)
        steps = PrivateSteps(task, config, WatchedPlan.of(plan, auditor.observe, planted, first_step), seeds)
        fit(steps, checkpoint=checkpoint, evaluate=evaluate, report=lambda *_: None)

    with tempfile.TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "state.npz"
        with contextlib.suppress(_KilledError):
            train(path, 0, killed_in)
        train(path, (killed_in - 1) * plan.stage.steps // command.epochs, None)


def _drift(command: AuditCommand, stage: Stage) -> float:
    """How far `PrivateSteps` is expected to move one that takes part and is clipped in full, against its gradient.

    What momentum and the schedule of the rate make of a constant gradient, by the same optimizer.
    """
    import keras

    from mnist_etc.fit.movement import build_optimizer

    moved = keras.Variable(np.zeros(1, np.float32))
    optimizer = build_optimizer(fit_config(command), stage.steps)
    gradient = np.full(1, stage.sampling_rate / (stage.batch_size * max(stage.noise_multiplier, 1)), np.float32)
    for _ in range(stage.steps):
        optimizer.apply([gradient], [moved])
    return -float(moved.numpy()[0])


def _finding(
    command: AuditCommand, plan: PrivacyPlan, auditor: Auditor, in_weights: npt.NDArray[np.float64], coins: Flags
) -> CanaryFinding:
    assert plan.stage
    stage, privacy, confidence = plan.stage, command.privacy, command.confidence
    evidence, accounted = auditor.evidence(), (privacy.delta, privacy.accountant, confidence)
    everywhere, surest = guess_all(evidence, coins), guess_surest(evidence, coins, command.guesses)
    at_weights = guess_all(in_weights, coins)
    return CanaryFinding(
        stage=stage,
        stated=plan.spending,
        guesses=everywhere,
        bound=independent_bound(everywhere, stage.mechanism, *accounted),
        surest=surest,
        bound_if_dependent=sampled_gaussian_bound(surest, stage.mechanism, *accounted),
        bound_at_delta=epsilon_bound(surest, privacy.delta, confidence),
        guesses_at_weights=at_weights,
        bound_of_weights=independent_bound(at_weights, stage.mechanism, *accounted),
        redrawn=auditor.redrawn,
    )
