"""One number for a whole privacy curve: the mu of Gaussian differential privacy.

Dong, Roth and Su 2022 (arXiv:1905.02383); reported as Gomez et al. 2025 ask for (arXiv:2503.10945), since (epsilon,
delta) is one point of the curve and two mechanisms of one epsilon may differ everywhere else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mnist_etc.privacy.accounting import (
    LEAST_DELTA,
    SampledGaussian,
    composed,
    loss_interval,
    renyi_epsilon,
    that_spend,
)

__all__ = ["gaussian_mu"]

POINTS = 400
"""Of the privacy curve, at which mu is found."""
TOLERANCE = 1e-6
"""Relative, of mu."""
LARGEST = 500.0
"""Epsilon beyond which the curve is not looked at: e to it is near the end of float64."""


def gaussian_mu(mechanisms: Sequence[SampledGaussian], delta: float = 1e-5) -> float:
    """Least mu whose Gaussian mechanism gives away no less than these together, at any delta from 1e-10 up.

    For every epsilon with delta(epsilon) of at least 1e-10, that of N(0, 1) against N(mu, 1) is as large or larger, so
    the trade-off curve is nowhere more than 1e-10 below the Gaussian's. It is computed from privacy loss distributions,
    whichever accountant states epsilon, and rounded up.

    Args:
        mechanisms: that compose.
        delta: at which the curve is computed most exactly; elsewhere it errs upwards.

    Returns:
        0 where nothing is spent, infinite where a step adds no noise.
    """
    mechanisms = that_spend(mechanisms)
    if not mechanisms or any(one.noise_multiplier == 0 for one in mechanisms):
        return math.inf if mechanisms else 0.0
    whole = math.sqrt(sum(one.steps / one.noise_multiplier**2 for one in mechanisms))  # without the gain by sampling
    if all(one.sampling_rate == 1 for one in mechanisms) or renyi_epsilon(mechanisms, LEAST_DELTA) > LARGEST:
        return whole
    distribution = composed(mechanisms, loss_interval(mechanisms, max(delta, LEAST_DELTA)))
    epsilons = np.linspace(0, float(distribution.get_epsilon_for_delta(LEAST_DELTA)), POINTS + 1)
    # delta falls as epsilon grows: a mu that has the delta of a piece's left end at its right end has it all through
    deltas = np.maximum(distribution.get_delta_for_epsilon(epsilons[:-1]), LEAST_DELTA)
    mu = 0.0
    for epsilon, least in zip(epsilons[1:].tolist(), deltas.tolist(), strict=True):
        if _delta(mu, epsilon) < least:
            mu = _mu(epsilon, least)
    return min(mu, whole)


def _mu(epsilon: float, delta: float) -> float:
    """Of the Gaussian mechanism with that delta at that epsilon, rounded up."""
    from scipy.optimize import brentq

    most = 1.0
    while _delta(most, epsilon) < delta:
        most *= 2
    return float(brentq(lambda mu: _delta(mu, epsilon) - delta, 0, most, rtol=TOLERANCE)) * (1 + TOLERANCE)


def _delta(mu: float, epsilon: float) -> float:
    """Of N(0, 1) against N(mu, 1): Balle and Wang 2018 (arXiv:1805.06530), theorem 8."""
    from scipy.special import log_ndtr

    if mu == 0:
        return 0.0
    above: float = math.exp(log_ndtr(mu / 2 - epsilon / mu))
    return above - math.exp(epsilon + float(log_ndtr(-mu / 2 - epsilon / mu)))
