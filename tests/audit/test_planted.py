"""Each planted mistake is caught in process, and what makes none is passed; the watched training is the real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_etc.audit.canary_run import audited_plan, fit_config, quiet, run_with_canaries
from mnist_etc.audit.config import AuditCommand, PlantedBug
from mnist_etc.audit.moments_run import MomentsFinding, run_with_moments
from mnist_etc.audit.planted import PLANTED
from mnist_etc.composition import compose
from mnist_etc.data import Split
from mnist_etc.privacy.seeds import Seeds

SMALL = ("canaries=400", "guesses=40", "images=100", "batch_size=75", "epochs=20", "learning_rate=0.58")
OF_MOMENTS = [PlantedBug.moments_noise_halved, PlantedBug.moments_unnormalized, PlantedBug.seed_reused]
OF_STEPS = [bug for bug in PlantedBug if bug not in OF_MOMENTS]


def command() -> AuditCommand:
    """At toy size, with secret seeds."""
    return compose("audit", AuditCommand, ["membership=false", *SMALL])


def images(count: int = 100) -> Split:
    generator = np.random.default_rng(0)
    return Split(generator.random((count, 28, 28, 1)).astype(np.float32), generator.integers(0, 10, count))


def moments(bug: PlantedBug | None) -> MomentsFinding:
    found = run_with_moments(command(), images(), bug)
    assert 3.9 < found.stated <= 4
    assert found.guesses.made > 4000
    return found


def test_every_mistake_has_its_row() -> None:
    assert set(PLANTED) == {None, *PlantedBug}


@pytest.mark.parametrize("bug", OF_STEPS)
def test_a_mistake_of_the_steps_is_caught(bug: PlantedBug) -> None:
    found = run_with_canaries(command(), images(), bug)
    assert found.is_refuted
    redrawn = bug in (PlantedBug.redrawn, PlantedBug.noise_restarted)
    assert found.redrawn == (found.stage.steps // 20 if redrawn else 0)
    assert redrawn or found.bound > found.stated


def test_correct_steps_are_passed() -> None:
    found = run_with_canaries(command(), images())
    assert not found.is_refuted
    assert found.redrawn == 0
    assert 3.9 < found.stated <= 4
    assert 0 < found.bound < found.stated
    assert found.bound_at_delta <= found.bound_if_dependent < found.stated
    assert found.guesses.made == 400
    assert found.surest.made == 40


@pytest.mark.parametrize("bug", OF_MOMENTS)
def test_a_mistake_of_the_moments_is_caught(bug: PlantedBug) -> None:
    found = moments(bug)
    assert found.is_refuted
    assert found.bound > found.stated


def test_correct_moments_are_passed() -> None:
    found = moments(None)
    assert not found.is_refuted
    assert 2.5 < found.bound < found.stated


def test_the_watched_training_is_the_real_one(tmp_path: Path) -> None:
    """To the same weights, bit by bit, as `PrivateSteps` upon the plan itself; and each step is seen once."""
    from mnist_etc.audit.canaries import Canaries, head_task
    from mnist_etc.audit.watched import WatchedPlan
    from mnist_etc.fit.checkpoint import Checkpoint
    from mnist_etc.fit.loop import fit
    from mnist_etc.fit.private import PrivateSteps

    asked, seen = command(), {}
    plan, weights = audited_plan(asked, 500, {}), np.ones(500, np.float32)
    kernels = []
    for number, one in enumerate(
        (plan, WatchedPlan.of(plan, lambda *step: seen.update({step[0]: step[1:]}), PLANTED[None]))
    ):
        task = head_task(images(), weights, Canaries(400, asked.l2_norm_clip, 10))
        steps = PrivateSteps(task, fit_config(asked), one, Seeds(1, 2, 3))
        with quiet():
            checkpoint = Checkpoint(tmp_path / f"{number}.npz", {})
            fit(steps, checkpoint=checkpoint, evaluate=lambda _: {}, report=lambda *_: None)
        kernels.append(task.model.get_weights()[0])
    np.testing.assert_array_equal(*kernels)
    assert plan.stage
    assert sorted(seen) == list(range(plan.stage.steps))
    first, last = seen[0], seen[plan.stage.steps - 1]
    assert not first[0].any()
    assert first[1].shape == last[0].shape == kernels[0].shape
    assert first[1].std() == pytest.approx(plan.stage.noise_multiplier * plan.stage.l2_norm_clip, rel=0.05)
