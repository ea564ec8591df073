"""What a guarantee for one image is for several, against `dp_accounting` and closed forms."""

from __future__ import annotations

import math

import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from mnist_etc.errors import ConfigError
from mnist_etc.privacy.accounting import SampledGaussian, spent
from mnist_etc.privacy.config import Accountant
from mnist_etc.privacy.gaussian_dp import gaussian_mu
from mnist_etc.privacy.group import group_epsilon

DELTA = 1e-5


def mechanism(noise: float, steps: int, rate: float) -> SampledGaussian:
    return SampledGaussian(sampling_rate=rate, noise_multiplier=noise, steps=steps)


def gaussian(mu: float) -> float:
    def excess(epsilon: float) -> float:
        return float(norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon + norm.logcdf(-mu / 2 - epsilon / mu))) - DELTA

    return float(brentq(excess, 0, 1e4))


BOTH = [mechanism(7.75, 1, 1.0), mechanism(5.67, 700, 0.149)]


@pytest.mark.parametrize(
    "mechanisms",
    [BOTH, [mechanism(0.7, 200, 0.01)], [mechanism(300.0, 20, 0.5)], [mechanism(0.3, 2, 0.9)]],
    ids=["usual", "rare and little noise", "hardly any loss", "hardly any noise"],
)
def test_a_group_of_one_is_one(mechanisms: list[SampledGaussian]) -> None:
    one = spent(mechanisms, DELTA, Accountant.pld)
    assert one * (1 - 1e-6) <= group_epsilon(mechanisms, DELTA, 1) <= one * 1.002


@pytest.mark.parametrize("size", [2, 10])
def test_without_sampling_it_is_a_gaussian_of_so_many_times_the_sensitivity(size: int) -> None:
    exact = gaussian(size * 10 / 20)
    found = group_epsilon([mechanism(20.0, 100, 1.0)], DELTA, size)
    assert exact * (1 - 1e-6) <= found <= exact * 1.002


@pytest.mark.parametrize(("size", "epsilon"), [(2, 6.7), (5, 21.1), (10, 55.7)])
def test_epsilon_3_an_image_for_a_person_with_several(size: int, epsilon: float) -> None:
    """Close to, and below, what so many times the mu of Gaussian differential privacy gives."""
    found = group_epsilon(BOTH, DELTA, size)
    assert found == pytest.approx(epsilon, rel=0.01)
    assert 0.9 * gaussian(size * gaussian_mu(BOTH)) < found < gaussian(size * gaussian_mu(BOTH))


def test_nothing_no_noise_and_hardly_any() -> None:
    assert group_epsilon([], DELTA, 2) == group_epsilon([mechanism(1.0, 0, 0.1)], DELTA, 2) == 0
    assert group_epsilon([mechanism(0.0, 1, 0.1)], DELTA, 2) == math.inf
    assert 1e6 < group_epsilon([mechanism(0.01, 300, 0.001)], DELTA, 10) < math.inf


@pytest.mark.parametrize(("size", "delta"), [(0, DELTA), (2, 1e-11), (2, 1.0)])
def test_refused(size: int, delta: float) -> None:
    with pytest.raises(ConfigError, match=r"^Expected a group of 1 or more and delta between 1e-10 and 1; received"):
        group_epsilon(BOTH, delta, size)
