"""The bounds from one run are valid, and not idle."""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np
import pytest
from scipy.stats import binom, norm

from mnist_etc.audit.one_run import (
    Guesses,
    epsilon_bound,
    guess_all,
    guess_surest,
    independent_bound,
    is_refuted,
    is_refuted_independently,
    p_value,
    sampled_gaussian_bound,
)
from mnist_etc.privacy.accounting import SampledGaussian, find_noise_multiplier, spent
from mnist_etc.privacy.config import Accountant

DELTA = 1e-5
CANARIES, MADE = 2000, 400
ONE_STEP = SampledGaussian(sampling_rate=1, noise_multiplier=1.5, steps=1)


def epsilon_of(mechanism: SampledGaussian) -> float:
    return spent([mechanism], DELTA, Accountant.pld)


def played(mechanism: SampledGaussian, noise: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Evidence and coins on a mechanism with that noise instead of the stated, each canary a coordinate of its own."""
    coins = generator.random(CANARIES) < 0.5
    evidence = np.zeros(CANARIES)
    rate = mechanism.sampling_rate
    for _ in range(mechanism.steps):
        seen = noise * generator.normal(size=CANARIES) + coins * (generator.random(CANARIES) < rate)
        ratio = (2 * seen - 1) / (2 * noise**2)
        evidence += ratio if rate == 1 else np.logaddexp(math.log1p(-rate), math.log(rate) + ratio)
    return evidence, coins


def simulated(mechanism: SampledGaussian, noise: float, generator: np.random.Generator) -> Guesses:
    """The surest guesses."""
    return guess_surest(*played(mechanism, noise, generator), MADE)


def test_without_delta_it_is_the_binomial_tail() -> None:
    guesses = Guesses(canaries=500, made=100, correct=80)
    assert p_value(guesses, 1.0, 0) == pytest.approx(binom.sf(79, 100, math.e / (1 + math.e)))
    assert p_value(Guesses(canaries=100, made=10, correct=10), 0, 0) == pytest.approx(2**-10)


def test_the_p_value_with_delta_is_the_papers() -> None:
    """Its listing, term by term."""
    guesses, epsilon, delta = Guesses(canaries=500, made=50, correct=44), 1.5, 1e-4
    right = 1 / (1 + math.exp(-epsilon))
    alpha, between = 0.0, 0.0
    for fewer in range(1, guesses.correct + 1):
        between += binom.pmf(guesses.correct - fewer, guesses.made, right)
        alpha = max(alpha, between / fewer)
    expected = binom.sf(guesses.correct - 1, guesses.made, right) + alpha * delta * 2 * guesses.canaries
    assert p_value(guesses, epsilon, delta) == pytest.approx(expected)


def test_all_right_guesses_give_the_closed_form() -> None:
    bound = epsilon_bound(Guesses(canaries=100, made=100, correct=100), 0, 0.95)
    assert bound == pytest.approx(-math.log(0.05 ** (-1 / 100) - 1), abs=1e-3)  # (1 + e^-bound)^-100 = 0.05
    assert epsilon_bound(Guesses(canaries=100, made=100, correct=50), 0, 0.95) == 0


@pytest.mark.parametrize(("steps", "rate"), [(1, 1.0), (20, 0.3)], ids=["gaussian", "sampled"])
def test_a_true_statement_is_rarely_refuted_and_a_false_one_is(steps: int, rate: float) -> None:
    noise = find_noise_multiplier(
        target_epsilon=4, delta=DELTA, sampling_rate=rate, steps=steps, accountant=Accountant.pld
    )
    stated = SampledGaussian(sampling_rate=rate, noise_multiplier=noise, steps=steps)
    generator = np.random.default_rng(0)
    tallies = [Guesses(canaries=CANARIES, made=MADE, correct=correct) for correct in range(MADE // 2, MADE + 1)]
    least = tallies[bisect_left(tallies, True, key=lambda one: is_refuted(one, stated, 0.95))].correct
    as_stated = [simulated(stated, noise, generator).correct for _ in range(100)]
    halved = [simulated(stated, noise / 2, generator).correct for _ in range(20)]
    assert sum(correct >= least for correct in as_stated) <= 5
    assert sum(correct >= least for correct in halved) >= 18
    assert epsilon_bound(Guesses(canaries=CANARIES, made=MADE, correct=least), DELTA, 0.95) < epsilon_of(stated)


def test_what_one_guess_may_tell_is_the_trade_off_curve() -> None:
    """Of a Gaussian; one coin, one guess: right with probability Phi(mu / 2) at most."""
    guesses = Guesses(canaries=1, made=1, correct=1)
    right = float(norm.cdf(1 / ONE_STEP.noise_multiplier / 2))
    assert not is_refuted(guesses, ONE_STEP, 1 - right * 0.995)
    assert is_refuted(guesses, ONE_STEP, 1 - right * 1.005)


def test_the_bound_and_the_refutation_agree() -> None:
    bounds = []
    for correct in range(220, 400, 40):
        guesses = Guesses(canaries=CANARIES, made=MADE, correct=correct)
        bound = sampled_gaussian_bound(guesses, ONE_STEP, DELTA, Accountant.pld, 0.95)
        assert (bound >= epsilon_of(ONE_STEP)) == is_refuted(guesses, ONE_STEP, 0.95)
        assert bound >= epsilon_bound(guesses, DELTA, 0.95) * 0.98 - 0.05
        bounds.append(bound)
    assert bounds == sorted(bounds)
    assert bounds[0] < epsilon_of(ONE_STEP) < bounds[-1]


def test_more_confidence_bounds_less() -> None:
    guesses = Guesses(canaries=CANARIES, made=MADE, correct=330)
    bounds = [sampled_gaussian_bound(guesses, ONE_STEP, DELTA, Accountant.pld, one) for one in (0.9, 0.99, 0.999)]
    assert bounds == sorted(bounds, reverse=True)
    assert len(set(bounds)) == 3


def stated_of(steps: int, rate: float) -> SampledGaussian:
    """A training of epsilon 4."""
    noise = find_noise_multiplier(
        target_epsilon=4, delta=DELTA, sampling_rate=rate, steps=steps, accountant=Accountant.pld
    )
    return SampledGaussian(sampling_rate=rate, noise_multiplier=noise, steps=steps)


def least_refuting(stated: SampledGaussian, confidence: float) -> int:
    """Right guesses at independent canaries from which on ``stated`` is refuted."""
    return bisect_left(
        range(CANARIES + 1),
        True,
        key=lambda correct: is_refuted_independently(
            Guesses(canaries=CANARIES, made=CANARIES, correct=correct), stated, confidence
        ),
    )


@pytest.mark.parametrize(("steps", "rate"), [(1, 1.0), (20, 0.3)], ids=["gaussian", "sampled"])
def test_independent_canaries_refute_a_true_statement_as_rarely_as_they_say(steps: int, rate: float) -> None:
    """An exactly private mechanism, audited 500 times by the best auditor there is."""
    stated, generator, runs = stated_of(steps, rate), np.random.default_rng(1), 500
    correct = np.array([guess_all(*played(stated, stated.noise_multiplier, generator)).correct for _ in range(runs)])
    for confidence in (0.8, 0.95, 0.999):
        refuted = int((correct >= least_refuting(stated, confidence)).sum())
        assert binom.sf(refuted - 1, runs, 1 - confidence) > 1e-3, (confidence, refuted)
    assert (correct >= least_refuting(stated, 0.8)).mean() > 0.1  # as often as it says, too: no slack is left


@pytest.mark.parametrize(("steps", "rate"), [(1, 1.0), (20, 0.3)], ids=["gaussian", "sampled"])
def test_the_bound_of_independent_canaries_is_not_idle(steps: int, rate: float) -> None:
    stated, generator = stated_of(steps, rate), np.random.default_rng(2)

    def bound(guesses: Guesses) -> float:
        return independent_bound(guesses, stated, DELTA, Accountant.pld, 0.999)

    as_stated = [guess_all(*played(stated, stated.noise_multiplier, generator)) for _ in range(5)]
    halved = [guess_all(*played(stated, stated.noise_multiplier / 2, generator)) for _ in range(5)]
    assert all(2 < bound(guesses) < epsilon_of(stated) for guesses in as_stated)
    assert all(bound(guesses) > epsilon_of(stated) for guesses in halved)


def test_the_right_guesses_of_independent_canaries_are_binomial() -> None:
    right = float(norm.cdf(1 / ONE_STEP.noise_multiplier / 2))  # of one, by the best guess
    for correct in (1250, 1270, 1290):
        guesses = Guesses(canaries=CANARIES, made=CANARIES, correct=correct)
        tail = float(binom.sf(correct - 1, CANARIES, right))
        assert not is_refuted_independently(guesses, ONE_STEP, 1 - tail * 0.7)
        assert is_refuted_independently(guesses, ONE_STEP, 1 - tail * 1.4)


def test_the_bound_of_independent_canaries_does_not_hold_of_others() -> None:
    """All canaries in one noise: each is as private as stated, and the auditor may be right of all or of half."""
    generator = np.random.default_rng(3)
    coins = generator.random(CANARIES) < 0.5
    luckiest = max(
        (guess_all(coins + ONE_STEP.noise_multiplier * generator.normal() - 0.5, coins) for _ in range(50)),
        key=lambda guesses: guesses.correct,
    )
    assert luckiest.correct == CANARIES
    assert is_refuted_independently(luckiest, ONE_STEP, 0.999)


def test_guesses_are_counted() -> None:
    evidence = np.array([3, -2, 0.1, 5, -7, 0])
    coins = np.array([True, True, False, True, False, False])
    assert guess_all(evidence, coins) == Guesses(canaries=6, made=6, correct=4)
    assert guess_surest(evidence, coins, 4) == Guesses(canaries=6, made=4, correct=3)
    assert guess_surest(evidence, coins, 3) == Guesses(canaries=6, made=3, correct=3)
