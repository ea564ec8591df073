"""How much privacy steps of DP-SGD spend, and how much noise a budget asks for; `dp_accounting` does the mathematics.

One image's contribution present or zeroed, Poisson sampling: for the pair of distributions that bounds it, the same as
one image added or removed. Privacy loss distributions (Doroshenko et al. 2022, arXiv:2207.04380) are the
pessimistic ones; Renyi differential privacy (Mironov et al. 2019, arXiv:1908.10530) converts by Canonne et al. 2020,
arXiv:2004.00010.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np

from mnist_etc.errors import ConfigError
from mnist_etc.privacy.config import Accountant
from mnist_etc.privacy.rounding import at_least

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "EpsilonBySteps",
    "SampledGaussian",
    "composed",
    "find_noise_multiplier",
    "loss_interval",
    "renyi_epsilon",
    "spent",
    "that_spend",
]

LEAST_NOISE, MOST_NOISE = 0.01, 1000.0
"""Where `find_noise_multiplier` looks."""
LEAST_DELTA = 1e-10
"""Below it the rounding of the Fourier transforms shows in a composed privacy loss distribution."""
FINE, COARSE = 5e-5, 1e-3
"""Relative error of epsilon, about, that the discretization of privacy losses is let to add."""
TOLERANCE = 2e-4
"""Relative, of the noise multiplier that is searched for."""
QUICK_ORDERS = (*range(2, 64), 128, 256, 512, 1024)
"""Of Renyi's divergence; `dp_accounting`'s between them cost ten times as much."""
HIGH_ORDERS = (2048, 4096, 8192)
"""Looked at where the highest of `dp_accounting`'s was the best."""
LEAST_INTERVAL = 1e-7
"""Below it the discretized distribution is rounding."""
MOST_POINTS = 200_000
"""Of one step's privacy loss distribution, about; above, the discretization is coarser than its error asks for."""


@dataclass(frozen=True, kw_only=True)
class SampledGaussian:
    """Steps of DP-SGD.

    Raises:
        ConfigError: a value outside its range.
    """

    sampling_rate: float
    """Probability that a step includes an example, each independently."""
    noise_multiplier: float
    """Standard deviation of the Gaussian noise in units of the clip."""
    steps: int

    def __post_init__(self) -> None:
        if not 0 <= self.sampling_rate <= 1:
            raise ConfigError(f"Expected a sampling rate between 0 and 1; received {self.sampling_rate}.")
        if not 0 <= self.noise_multiplier < math.inf:
            raise ConfigError(f"Expected noise_multiplier of 0 or more; received {self.noise_multiplier}.")
        if self.steps < 0:
            raise ConfigError(f"Expected 0 steps or more; received {self.steps}.")


def spent(mechanisms: Sequence[SampledGaussian], delta: float, accountant: Accountant) -> float:
    """Epsilon of all of them composed; infinite where a step adds no noise.

    Raises:
        ConfigError: delta outside what the accountant can resolve.
    """
    _check_delta(delta, accountant)
    mechanisms = that_spend(mechanisms)
    if not mechanisms or any(one.noise_multiplier == 0 for one in mechanisms):
        return math.inf if mechanisms else 0.0
    match accountant:
        case Accountant.rdp:
            return renyi_epsilon(mechanisms, delta)
        case Accountant.pld:
            return _pld_epsilon(mechanisms, delta, loss_interval(mechanisms, delta))
        case _:
            assert_never(accountant)


class EpsilonBySteps:
    """Epsilon after any number of one mechanism's steps, what was spent ``before`` included; cheap.

    After all of its steps it is `spent` of the whole.

    Args:
        mechanism: with all the steps that are planned.
        delta: see `spent`.
        accountant: see `spent`.
        before: what was spent on the same examples already.
    """

    def __init__(
        self,
        mechanism: SampledGaussian,
        delta: float,
        accountant: Accountant,
        before: Sequence[SampledGaussian] = (),
    ) -> None:
        self._mechanism, self._before = mechanism, tuple(before)
        self._delta, self._accountant = delta, accountant
        whole = that_spend((*before, mechanism))
        self._whole = spent(whole, delta, accountant)
        self._discretized = accountant is Accountant.pld and 0 < self._whole < math.inf
        self._interval = loss_interval(whole, delta) if self._discretized else 0.0

    def after(self, steps: int) -> float:
        """Epsilon once ``steps`` of them are done."""
        if steps == self._mechanism.steps:
            return self._whole
        done = that_spend((*self._before, replace(self._mechanism, steps=steps)))
        if self._discretized and done:
            return _pld_epsilon(done, self._delta, self._interval)
        return spent(done, self._delta, self._accountant)


def find_noise_multiplier(
    *,
    target_epsilon: float,
    delta: float,
    sampling_rate: float,
    steps: int,
    accountant: Accountant,
    before: Sequence[SampledGaussian] = (),
) -> float:
    """Least noise multiplier with which ``before`` and these steps together spend at most ``target_epsilon``.

    `spent` of the result never exceeds the target, and is within half a percent of it unless the result is the least
    noise that is looked at, 0.01.

    Raises:
        ConfigError: no noise multiplier up to 1000 reaches the target; names the smallest epsilon that is reached.
    """
    gone = spent(before, delta, accountant)
    if gone > target_epsilon:
        raise ConfigError(
            f"Expected privacy.target_epsilon of more than the {gone:.4g} that earlier trainings on the same images "
            f"spent; received {target_epsilon:g}. Raise it, or train them again with a smaller share."
        )

    planned = SampledGaussian(sampling_rate=sampling_rate, noise_multiplier=MOST_NOISE, steps=steps)

    if not (steps and sampling_rate):
        return LEAST_NOISE

    def at(noise: float) -> tuple[SampledGaussian, ...]:
        return that_spend((*before, replace(planned, noise_multiplier=noise)))

    noise = _search(lambda noise: renyi_epsilon(at(noise), delta, QUICK_ORDERS), target_epsilon, 1.0)
    match accountant:
        case Accountant.rdp:
            noise = _search(lambda noise: renyi_epsilon(at(noise), delta), target_epsilon, noise)
        case Accountant.pld:
            interval = loss_interval(at(noise), delta, target_epsilon, COARSE)
            noise = _search(lambda noise: _pld_epsilon(at(noise), delta, interval), target_epsilon, noise)
        case _:
            assert_never(accountant)
    while (epsilon := spent(at(noise), delta, accountant)) > target_epsilon:
        if noise == MOST_NOISE:
            raise ConfigError(
                f"Expected privacy.target_epsilon of at least {at_least(epsilon)}, what noise multiplier "
                f"{MOST_NOISE:g} reaches with delta {delta:g} and {steps} steps; received {target_epsilon:g}. "
                "Raise it, or train fewer epochs."
            )
        noise = min(noise * 1.0005, MOST_NOISE)
    return noise


def _search(epsilon: Callable[[float], float], target: float, guess: float) -> float:
    """Least noise with epsilon at most the target, from LEAST_NOISE to MOST_NOISE, which need not reach it."""
    from scipy.optimize import brentq

    above = guess
    while epsilon(above) > target:
        if above == MOST_NOISE:
            return MOST_NOISE
        above = min(above * 2, MOST_NOISE)
    below = above
    while epsilon(below) <= target:
        if below == LEAST_NOISE:
            return LEAST_NOISE
        above, below = below, max(below / 1.2, LEAST_NOISE)

    def gap(log_noise: float) -> float:
        return math.log(max(epsilon(math.exp(log_noise)), target / 100) / target)

    found: float = brentq(gap, math.log(below), math.log(above), xtol=TOLERANCE) + TOLERANCE
    return min(math.exp(found), MOST_NOISE)


def _check_delta(delta: float, accountant: Accountant) -> None:
    if not 0 < delta < 1:
        raise ConfigError(f"Expected privacy.delta between 0 and 1; received {delta}.")
    if accountant is Accountant.pld and delta < LEAST_DELTA:
        raise ConfigError(
            f"Expected privacy.delta of at least {LEAST_DELTA:g} with privacy.accountant=pld; received {delta:g}. "
            "Pass privacy.accountant=rdp."
        )


def that_spend(mechanisms: Sequence[SampledGaussian]) -> tuple[SampledGaussian, ...]:
    """Those of them that look at the data at all."""
    return tuple(one for one in mechanisms if one.steps and one.sampling_rate)


def renyi_epsilon(
    mechanisms: Sequence[SampledGaussian], delta: float, orders: tuple[float, ...] | None = None
) -> float:
    """Epsilon of all of them by Renyi divergences of ``orders``, `dp_accounting`'s own and some higher by default."""
    from dp_accounting.rdp import compute_epsilon
    from dp_accounting.rdp.rdp_privacy_accountant import DEFAULT_RDP_ORDERS

    if not mechanisms:
        return 0.0
    orders = orders or tuple(DEFAULT_RDP_ORDERS)
    epsilon, order = compute_epsilon(orders, _rdp(mechanisms, orders), delta)
    if order == orders[-1]:
        epsilon = min(epsilon, compute_epsilon(HIGH_ORDERS, _rdp(mechanisms, HIGH_ORDERS), delta)[0])
    return float(epsilon)


def _rdp(mechanisms: Sequence[SampledGaussian], orders: tuple[float, ...]) -> npt.NDArray[np.float64]:
    total: npt.NDArray[np.float64] = np.zeros(len(orders))
    for one in mechanisms:
        total = total + one.steps * _rdp_step(one.sampling_rate, one.noise_multiplier, orders)
    return total


@lru_cache(maxsize=16)
def _rdp_step(sampling_rate: float, noise: float, orders: tuple[float, ...]) -> npt.NDArray[np.float64]:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent
    from dp_accounting.rdp import RdpAccountant

    event = PoissonSampledDpEvent(sampling_rate, GaussianDpEvent(noise))
    rdp: npt.NDArray[np.float64] = RdpAccountant(orders).compose(event).rdp
    return np.maximum(rdp, 0)  # rounding may leave -1e-17, which compute_epsilon refuses


def _pld_epsilon(mechanisms: tuple[SampledGaussian, ...], delta: float, interval: float) -> float:
    return float(composed(mechanisms, interval).get_epsilon_for_delta(delta)) if mechanisms else 0.0


@lru_cache(maxsize=4)
def composed(mechanisms: tuple[SampledGaussian, ...], interval: float) -> Any:
    """The privacy loss distribution of all of them, one or more, between losses that are ``interval`` apart."""
    *earlier, last = mechanisms
    if last.sampling_rate == 1:  # Gaussians compose to a Gaussian
        steps = _one_step(1.0, last.noise_multiplier / math.sqrt(last.steps), interval)
    else:
        steps = _one_step(last.sampling_rate, last.noise_multiplier, interval).self_compose(last.steps)
    return composed(tuple(earlier), interval).compose(steps) if earlier else steps


@lru_cache(maxsize=4)
def _one_step(sampling_rate: float, noise: float, interval: float) -> Any:
    from dp_accounting.pld.privacy_loss_distribution import from_gaussian_mechanism

    return from_gaussian_mechanism(noise, value_discretization_interval=interval, sampling_prob=sampling_rate)


def loss_interval(
    mechanisms: Sequence[SampledGaussian], delta: float, epsilon: float | None = None, error: float = FINE
) -> float:
    """Between privacy losses, so that epsilon is overstated by about ``error`` of it.

    In each step discretizing adds up to ``interval**2 / 4`` to the variance of the privacy loss and half as much to
    its mean; epsilon is about the mean and sqrt(2 log(1 / delta)) standard deviations.
    """
    if epsilon is None:
        epsilon = renyi_epsilon(mechanisms, delta, QUICK_ORDERS)
    epsilon = max(epsilon, 1e-4)
    count = sum(1 if one.sampling_rate == 1 else one.steps for one in mechanisms)
    wanted = math.sqrt(8 * error / (count * (2 * math.log(1 / delta) / epsilon**2 + 1 / epsilon)))
    return max(wanted, LEAST_INTERVAL, max(_widest_loss(one) for one in mechanisms) / MOST_POINTS)


def _widest_loss(mechanism: SampledGaussian) -> float:
    """Greatest privacy loss of one step of noise up to 10 standard deviations."""
    rate, noise = mechanism.sampling_rate, mechanism.noise_multiplier
    if rate == 1:
        noise /= math.sqrt(mechanism.steps)
    whole = 0.5 / noise**2 + 10 / noise
    return whole if rate == 1 else float(np.logaddexp(math.log1p(-rate), math.log(rate) + whole))
