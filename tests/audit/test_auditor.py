"""The auditor: what it makes of sums, of sums seen twice, of noise seen twice, and of the published weights."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_etc.audit.auditor import Auditor, evidence_in_weights
from mnist_etc.audit.canaries import Canaries
from mnist_etc.audit.one_run import guess_all
from mnist_etc.privacy.guarantee import Stage

COUNT, CLIP = 600, 0.1
STAGE = Stage(name="head", examples=1000, sampling_rate=0.3, noise_multiplier=2.0, steps=40, l2_norm_clip=CLIP)
COINS = np.random.default_rng(0).random(COUNT) < 0.5


def sums(steps: int, noise: float, seed: int = 1, classes: int = 10) -> list[np.ndarray]:
    """Of a training that never moves: the canaries' part of each sum, and noise of so many clips."""
    generator = np.random.default_rng(seed)
    own = Canaries(COUNT, CLIP, classes).gradients(np.zeros((COUNT, classes), np.float32))
    sampled = generator.random((steps, COUNT)) < STAGE.sampling_rate
    return [
        (CLIP * ((COINS & one)[:, np.newaxis] * own + noise * generator.normal(size=own.shape))).astype(np.float32)
        for one in sampled
    ]


def watching(seen: list[np.ndarray], numbers: list[int] | None = None) -> Auditor:
    auditor = Auditor(Canaries(COUNT, CLIP, seen[0].shape[1]), STAGE)
    for number, one in zip(numbers or range(len(seen)), seen, strict=True):
        auditor.observe(number, np.zeros_like(one), one)
    return auditor


def right(auditor: Auditor) -> float:
    guesses = guess_all(auditor.evidence(), COINS)
    return guesses.correct / guesses.made


def test_less_noise_shows_more() -> None:
    found = [right(watching(sums(STAGE.steps, noise))) for noise in (200.0, STAGE.noise_multiplier, 1.0, 0.01)]
    assert found[0] == pytest.approx(0.5, abs=0.08)
    assert found == sorted(found)
    assert found[-1] > 0.99


@pytest.mark.parametrize("classes", [2, 3, 47])
def test_the_number_of_classes_changes_nothing_that_is_seen(classes: int) -> None:
    found = [right(watching(sums(STAGE.steps, noise, classes=classes))) for noise in (STAGE.noise_multiplier, 0.01)]
    assert found[0] == pytest.approx(right(watching(sums(STAGE.steps, STAGE.noise_multiplier))), abs=0.05)
    assert found[1] > 0.99


def test_a_step_seen_twice_counts_once() -> None:
    seen = sums(4, 2.0)
    twice = watching([*seen, seen[1] * np.float32(1 + 1e-6)], [0, 1, 2, 3, 1])
    assert twice.redrawn == 0
    np.testing.assert_array_equal(twice.evidence(), watching(seen).evidence())


def test_a_step_done_again_otherwise_is_told_and_counted() -> None:
    seen = sums(5, 2.0)
    again = watching(seen, [0, 1, 2, 3, 1])
    assert again.redrawn == 1
    assert not np.array_equal(again.evidence(), watching(seen[:4]).evidence())


def test_noise_seen_twice_is_taken_off() -> None:
    seen, other = sums(20, 2.0), sums(20, 0.0, seed=5)
    shared = [one + two for one, two in zip(other, [seen[0]] * 20, strict=True)]
    assert right(watching(seen)) < 0.8
    assert right(watching(shared)) > 0.98


def test_noise_in_common_is_taken_off() -> None:
    """Where the canaries are not seen independently, contrary to what a bound assumes, the auditor gains by it."""
    generator = np.random.default_rng(6)
    common = [one + CLIP * np.float32(2) * generator.normal(size=10).astype(np.float32) for one in sums(20, 0.0)]
    assert right(watching(common)) > 0.98


def test_the_weights_alone_tell_less_than_the_sums() -> None:
    canaries, seen = Canaries(COUNT, CLIP, 10), sums(STAGE.steps, 1.0)
    kernel, drift = -sum(seen[1:], seen[0]) / np.float32(CLIP), STAGE.steps * STAGE.sampling_rate
    at_weights = guess_all(evidence_in_weights(canaries, kernel, drift), COINS)
    assert 0.6 < at_weights.correct / at_weights.made <= right(watching(seen)) + 0.02
    assert (evidence_in_weights(canaries, kernel, drift)[COINS] > -drift / 2).mean() > 0.9
