"""What a guarantee for one unit means for several of them together: a person with so many images.

Under Poisson sampling a step includes j of k units with binomial probability, and what they add together has norm j at
most: Ganesh 2024 (arXiv:2401.10294) shows that N(0, s^2) against the mixture of N(j, s^2) by these probabilities bounds
it. That is tighter than k times the mu of Gaussian differential privacy, and it composes exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_etc.errors import ConfigError
from mnist_etc.privacy.accounting import COARSE, LEAST_DELTA, SampledGaussian, loss_interval, that_spend

__all__ = ["group_epsilon"]

Values = npt.NDArray[np.float64]

DEVIATIONS = 12.0
"""Of the noise, beyond which nothing is looked at: 1e-32."""
MOST_POINTS = 20_000
"""Of one step's privacy loss distribution, about; above, the discretization is coarser than its error asks for."""
GRID = 20_001
"""Points from which the search for a privacy loss starts."""
NEWTON = 6
"""Its steps."""
TINY = 1e-300
CHUNK = 8192
"""Losses at a time."""


@np.errstate(over="ignore")
def group_epsilon(mechanisms: Sequence[SampledGaussian], delta: float, size: int) -> float:
    """Epsilon of ``mechanisms`` together for any ``size`` units, whose contributions are present or zeroed together.

    Args:
        mechanisms: whose sensitivity is one unit's.
        delta: of that epsilon, at least 1e-10.
        size: of the group, 1 or more.

    Returns:
        0 where nothing is spent, infinite where a step adds no noise.

    Raises:
        ConfigError: a delta or size outside its range.
    """
    if not (size >= 1 and LEAST_DELTA <= delta < 1):
        raise ConfigError(
            f"Expected a group of 1 or more and delta between {LEAST_DELTA:g} and 1; received {size} and {delta:g}."
        )
    mechanisms = [_at_once(one) for one in that_spend(mechanisms)]
    if not mechanisms or any(one.noise_multiplier == 0 for one in mechanisms):
        return math.inf if mechanisms else 0.0
    widest = max(_widest(one, size) for one in mechanisms)
    if widest > MOST_POINTS:  # no guarantee to speak of: of Gaussians without sampling, and their tail bound
        mu = size * math.sqrt(sum(one.steps / one.noise_multiplier**2 for one in mechanisms))
        return mu**2 / 2 + mu * math.sqrt(2 * math.log(1 / delta))
    gap = max(loss_interval(mechanisms, delta, error=COARSE), widest / MOST_POINTS)
    steps = [_mixture(one, size, gap).self_compose(one.steps) for one in mechanisms]
    return float(reduce(lambda whole, one: whole.compose(one), steps).get_epsilon_for_delta(delta))


def _at_once(mechanism: SampledGaussian) -> SampledGaussian:
    """Gaussians without sampling as the one that they compose to."""
    if mechanism.sampling_rate < 1:
        return mechanism
    noise = mechanism.noise_multiplier / math.sqrt(mechanism.steps)
    return replace(mechanism, noise_multiplier=noise, steps=1)


def _widest(mechanism: SampledGaussian, size: int) -> float:
    """Greatest privacy loss of a step, about."""
    return size**2 / (2 * mechanism.noise_multiplier**2) + DEVIATIONS * size / mechanism.noise_multiplier


def _mixture(mechanism: SampledGaussian, size: int, gap: float) -> Any:
    """The privacy loss distribution of one step, between losses that are multiples of ``gap``, rounded upwards.

    As `dp_accounting` discretizes its own: Doroshenko et al. 2022 (arXiv:2207.04380), from the curve of delta.
    """
    from dp_accounting.pld.pld_pmf import create_pmf_pessimistic_connect_dots_fixed_gap as connect
    from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution

    mixture = _Mixture(mechanism, size)
    least, most = math.floor(mixture.losses[0] / gap) - 1, math.ceil(mixture.losses[-1] / gap) + 1
    losses = np.arange(least, most + 1) * gap
    parts = [mixture.deltas(losses[first : first + CHUNK]) for first in range(0, len(losses), CHUNK)]
    zeroed, present = (np.concatenate(values) for values in zip(*parts, strict=True))
    return PrivacyLossDistribution(
        connect(gap, least, most, np.minimum.accumulate(zeroed)),
        connect(gap, -most, -least, np.minimum.accumulate(present[::-1])),
    )


class _Mixture:
    """N(j, s^2) with probability binomial(size, rate)(j), against N(0, s^2)."""

    def __init__(self, mechanism: SampledGaussian, size: int) -> None:
        from scipy.stats import binom

        self.deviation = mechanism.noise_multiplier
        self.shifts: Values = np.arange(size + 1.0)[:, np.newaxis]
        self.log_weights: Values = binom.logpmf(self.shifts, size, mechanism.sampling_rate)
        self.points: Values = np.linspace(-DEVIATIONS * self.deviation, size + DEVIATIONS * self.deviation, GRID)
        self.losses: Values = np.concatenate(
            [self._loss(self.points[first : first + CHUNK])[0] for first in range(0, GRID, CHUNK)]
        )

    def deltas(self, losses: Values) -> tuple[Values, Values]:
        """Delta of the mixture against N(0, s^2) at epsilon ``losses``, and the other way round at minus ``losses``."""
        from scipy.special import log_ndtr, logsumexp

        right = np.clip(np.searchsorted(self.losses, losses), 1, GRID - 1)
        least, most = self.points[right - 1], self.points[right]
        at = np.interp(losses, self.losses, self.points)
        for _ in range(NEWTON):
            loss, slope = self._loss(at)
            at = np.clip(at - (loss - losses) / np.maximum(slope, TINY), least, most)  # flat where the loss is bounded
        distance = (at - self.shifts) / self.deviation
        above, below = (logsumexp(self.log_weights + log_ndtr(sign * distance), axis=0) for sign in (-1, 1))
        zeroed = np.exp(above) - np.exp(losses + log_ndtr(-at / self.deviation))
        present = np.exp(log_ndtr(at / self.deviation)) - np.exp(below - losses)
        return np.clip(zeroed, 0, 1), np.clip(present, 0, 1)

    def _loss(self, at: Values) -> tuple[Values, Values]:
        """Log of the ratio of the densities at these points, and its slope."""
        from scipy.special import logsumexp

        terms = self.log_weights + (self.shifts * at - self.shifts**2 / 2) / self.deviation**2
        loss = logsumexp(terms, axis=0)
        slope = (np.exp(terms - loss) * self.shifts).sum(axis=0) / self.deviation**2
        return loss, slope
