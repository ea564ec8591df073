"""Lower bounds on epsilon from one run: how many coins an auditor may guess right in a training as private as stated.

Each canary takes part by a fair coin of its own. The auditor sees the training, guesses some of the coins and abstains
on the rest; how many it guesses is fixed before.

Three bounds, by what they assume. `epsilon_bound` assumes nothing. `sampled_gaussian_bound` names a family of
mechanisms, with which it goes from the guesses to epsilon at a delta. `independent_bound` assumes besides that what is
seen of one canary depends neither on the coins of the others nor on their noise: so it is where the gradients of the
canaries are orthogonal, each parameter's noise is drawn by itself and each example is sampled by itself, as DP-SGD
claims to. It is much the tightest; Agrawal et al. 2026 (arXiv:2606.12733) use the same structure, by a Gaussian limit
that is not needed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mnist_etc.privacy.accounting import SampledGaussian, spent
from mnist_etc.privacy.config import Accountant

__all__ = [
    "Guesses",
    "Refutes",
    "epsilon_bound",
    "guess_all",
    "guess_surest",
    "independent_bound",
    "is_refuted",
    "is_refuted_independently",
    "p_value",
    "sampled_gaussian_bound",
]

Values = npt.NDArray[np.float64]

EPSILONS: Values = np.linspace(0, 12, 241)
"""Where a mechanism's delta is looked at; ten thousand right guesses cannot speak of more."""
INTERVAL = 5e-3
"""Of the discretized privacy loss, rounded up, so that too much is allowed and never too little."""
LEAST_FACTOR, MOST_FACTOR = 1 / 4, 64.0
"""Of the stated noise, between which the bound is looked for."""
TOLERANCE = 0.01
"""Relative, of the noise multiplier that is looked for."""


@dataclass(frozen=True, kw_only=True)
class Guesses:
    """What came of the game."""

    canaries: int
    made: int
    correct: int


def guess_all(evidence: Values, included: npt.NDArray[np.bool_]) -> Guesses:
    """Call every canary included whose evidence is above 0, and count what is right.

    Args:
        evidence: ``(canaries,)``: the higher, the likelier it took part.
        included: the coins, ``(canaries,)``.
    """
    return Guesses(canaries=len(included), made=len(included), correct=int(((evidence > 0) == included).sum()))


def guess_surest(evidence: Values, included: npt.NDArray[np.bool_], made: int) -> Guesses:
    """Call those of most evidence included and as many of least evidence left out, and count what is right.

    Args:
        evidence: see `guess_all`.
        included: see `guess_all`.
        made: how many coins are guessed.
    """
    order = np.argsort(evidence, kind="stable")
    inside, outside = order[len(order) - (made + 1) // 2 :], order[: made // 2]
    correct = int(included[inside].sum() + (~included[outside]).sum())
    return Guesses(canaries=len(order), made=made, correct=correct)


def p_value(guesses: Guesses, epsilon: float, delta: float) -> float:
    """Probability, at most, of so many right guesses if the training is (epsilon, delta)-private.

    Steinke, Nasr and Jagielski 2023 (arXiv:2305.08846): right guesses are as under randomized response,
    but for what delta adds.
    """
    from scipy.stats import binom

    right = 1 / (1 + math.exp(-epsilon))
    fewer = np.arange(1, guesses.correct + 1)
    between = np.cumsum(binom.pmf(guesses.correct - fewer, guesses.made, right))
    most = float(np.max(between / fewer, initial=0))
    tail = float(binom.sf(guesses.correct - 1, guesses.made, right))
    return min(1.0, tail + 2 * guesses.canaries * delta * most)


def epsilon_bound(guesses: Guesses, delta: float, confidence: float) -> float:
    """Least epsilon that `p_value` leaves possible at that delta."""
    return _last(lambda epsilon: p_value(guesses, epsilon, delta) < 1 - confidence, 0.0, 50.0, 1e-4)


def is_refuted(guesses: Guesses, mechanism: SampledGaussian, confidence: float) -> bool:
    """Whether so many right guesses are too unlikely if the training is as private as that mechanism.

    Mahloujifar, Melis and Chaudhuri 2024 (arXiv:2410.22235), with the mechanism's delta at every epsilon for its
    trade-off curve. Nothing is assumed about how the guesses depend on each other.
    """
    deltas = _profile(mechanism)
    shrink = np.exp(-EPSILONS)
    offsets = shrink * deltas
    error = 1 - confidence
    # Let p(w) be the probability of w right guesses, c the number seen, and suppose p(c or more) = error.
    # Privacy: sum over w >= j of p(w) w <= blow-up of the sum over w >= j - 1 of p(w) (made - w), both over canaries.
    # That asks for ever more mass below c; more than there is refutes it.
    right = error * guesses.correct / guesses.canaries
    wrong = error * (guesses.made - guesses.correct) / guesses.canaries
    for count in range(guesses.correct - 1, -1, -1):
        needed = max(wrong, float(np.max(shrink * right - offsets)))
        right += count / (guesses.made - count) * (needed - wrong)
        wrong = needed
        if right + wrong > guesses.made / guesses.canaries:
            return True
    return False


def is_refuted_independently(guesses: Guesses, mechanism: SampledGaussian, confidence: float) -> bool:
    """The same, of guesses at canaries that are seen independently; see the module.

    Whoever guesses a fair coin from what a mechanism gives out of it is right with a probability of at most one half
    and half the total variation, which is the mechanism's delta at epsilon 0. So the right guesses of independent ones
    are at most binomially many. As in Nasr et al. 2023 (arXiv:2302.07956), with canaries for runs.
    """
    from scipy.stats import binom

    right = (1 + float(_profile(mechanism)[0])) / 2
    return float(binom.sf(guesses.correct - 1, guesses.made, min(right, 1.0))) <= 1 - confidence


Refutes = Callable[[Guesses, SampledGaussian, float], bool]


def sampled_gaussian_bound(
    guesses: Guesses,
    stated: SampledGaussian,
    delta: float,
    accountant: Accountant,
    confidence: float,
    refutes: Refutes = is_refuted,
) -> float:
    """Epsilon of the noisiest training, sampled and repeated as ``stated``, that the guesses refute.

    It speaks of that family of mechanisms alone; `epsilon_bound` does not.

    It exceeds the epsilon of ``stated``, or equals it, if and only if ``refutes`` holds of ``stated``; 0 where nothing
    is refuted. Beyond a quarter of the stated noise it is not looked further.
    """

    def refuted(factor: float) -> bool:
        return refutes(guesses, noisier(factor), confidence)

    def noisier(factor: float) -> SampledGaussian:
        return replace(stated, noise_multiplier=stated.noise_multiplier * factor)

    if refuted(1.0):
        least, most = 0.0, -math.log(LEAST_FACTOR)
    elif refuted(MOST_FACTOR):
        least, most = -math.log(MOST_FACTOR), 0.0
    else:
        return 0.0
    factor = math.exp(-_last(lambda power: refuted(math.exp(-power)), least, most, TOLERANCE))
    return spent([noisier(factor)], delta, accountant)


def independent_bound(
    guesses: Guesses, stated: SampledGaussian, delta: float, accountant: Accountant, confidence: float
) -> float:
    """As `sampled_gaussian_bound`, of guesses at canaries that are seen independently; see the module."""
    return sampled_gaussian_bound(guesses, stated, delta, accountant, confidence, is_refuted_independently)


def _last(holds: Callable[[float], bool], low: float, high: float, tolerance: float) -> float:
    """Last place where it holds, from ``low``, where it does, to ``high``; it holds nowhere beyond one where not."""
    if holds(high):
        return high
    while high - low > tolerance:
        between = (low + high) / 2
        low, high = (between, high) if holds(between) else (low, between)
    return low


@lru_cache(maxsize=64)
def _profile(mechanism: SampledGaussian) -> Values:
    """Delta at each of `EPSILONS`, whether the example is added or removed."""
    from dp_accounting.pld.privacy_loss_distribution import from_gaussian_mechanism

    step = from_gaussian_mechanism(
        mechanism.noise_multiplier, value_discretization_interval=INTERVAL, sampling_prob=mechanism.sampling_rate
    )
    return np.asarray(step.self_compose(mechanism.steps).get_delta_for_epsilon(EPSILONS), np.float64)
