"""Mu against the closed form, the central limit and the whole privacy curve."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from mnist_etc.privacy.accounting import SampledGaussian, spent
from mnist_etc.privacy.config import Accountant
from mnist_etc.privacy.gaussian_dp import gaussian_mu


def mechanism(noise: float, steps: int, rate: float) -> SampledGaussian:
    return SampledGaussian(sampling_rate=rate, noise_multiplier=noise, steps=steps)


def gaussian_delta(mu: float, epsilon: float) -> float:
    return float(norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon + norm.logcdf(-mu / 2 - epsilon / mu)))


@pytest.mark.parametrize(("noise", "steps"), [(0.5, 1), (3.0, 1), (5.0, 100)])
def test_gaussians_without_sampling_have_their_own_mu(noise: float, steps: int) -> None:
    mu = math.sqrt(steps) / noise
    assert gaussian_mu([mechanism(noise, steps, 1.0)]) == pytest.approx(mu)
    assert gaussian_mu([mechanism(noise, steps, 1.0)] * 4) == pytest.approx(2 * mu)
    almost = gaussian_mu([mechanism(noise, steps, 1.0), mechanism(1000.0, 1, 0.1)])  # by the curve, not in closed form
    assert mu * (1 - 1e-6) <= almost <= mu * 1.01


@pytest.mark.parametrize("rate", [0.005, 0.05])
def test_many_noisy_steps_against_the_central_limit(rate: float) -> None:
    """Bu et al. 2020 (arXiv:1911.11607): mu = rate * sqrt(steps * (exp(1 / noise^2) - 1))."""
    limit = rate * math.sqrt(10_000 * math.expm1(1 / 50**2))
    assert limit <= gaussian_mu([mechanism(50.0, 10_000, rate)]) <= limit * 1.03


def test_it_bounds_every_epsilon_and_none_below_does() -> None:
    mechanisms = [mechanism(7.7, 1, 1.0), mechanism(5.7, 700, 0.149)]
    mu = gaussian_mu(mechanisms)
    deltas = np.geomspace(1e-9, 1e-2, 8)
    epsilons = [spent(mechanisms, delta, Accountant.pld) for delta in deltas]
    assert all(gaussian_delta(mu, epsilon) >= delta for epsilon, delta in zip(epsilons, deltas, strict=True))
    assert any(gaussian_delta(0.99 * mu, epsilon) < delta for epsilon, delta in zip(epsilons, deltas, strict=True))
    assert 0.70 < mu < 0.74


def test_nothing_no_noise_and_hardly_any() -> None:
    assert gaussian_mu([]) == gaussian_mu([mechanism(1.0, 0, 0.1)]) == 0
    assert gaussian_mu([mechanism(1.0, 9, 0.1), mechanism(0.0, 1, 0.1)]) == math.inf
    assert gaussian_mu([mechanism(0.01, 9, 0.1)]) == pytest.approx(300)
