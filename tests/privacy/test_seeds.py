"""A given seed serves one training: two that share it give nothing away by their difference."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mnist_etc.privacy.moments import noised_second_moments
from mnist_etc.privacy.noise import gaussian_noise
from mnist_etc.privacy.seeds import BITS, Seeds, secret_numbers

IDENTITY = {"dataset_sha256": "00ff", "stages": [{"noise_multiplier": 7.75}], "configuration": {"seed": 0}}


def test_secret_seeds_have_128_bits() -> None:
    drawn = secret_numbers(None, IDENTITY, 2000)
    assert len(set(drawn)) == 2000
    ones = np.array([[number >> bit & 1 for bit in range(BITS)] for number in drawn]).mean(axis=0)
    assert max(drawn) < 2**BITS
    assert np.abs(ones - 0.5).max() < 0.08  # seven standard deviations


def test_given_ones_follow_from_seed_and_identity_whatever_its_order() -> None:
    one = Seeds.draw(7, IDENTITY)
    assert one == Seeds.draw(7, dict(reversed(IDENTITY.items())))
    others = [Seeds.draw(8, IDENTITY), Seeds.draw(7, IDENTITY | {"dataset_sha256": "00fe"}), Seeds.draw(77, IDENTITY)]
    assert len({*one, *(seed for other in others for seed in other)}) == 12
    assert all(seed.bit_length() > 64 for seed in one)
    assert len({seeds.fingerprint for seeds in (one, *others)}) == 4
    assert len(one.fingerprint) == 32


def test_an_image_that_was_deleted_does_not_show_in_the_difference_of_two_releases() -> None:
    """With equal noises the difference of two noised moments is the deleted row's own, to rounding."""
    features = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    whole, without = (
        noised_second_moments(rows, 5.0, Seeds.draw(7, IDENTITY | {"dataset_sha256": name}).moments)
        for rows, name in ((features, "all"), (features[1:], "but one"))
    )
    row = features[0].astype(np.float64) / np.linalg.norm(features[0].astype(np.float64))
    left = whole - without - np.outer(row, row)
    assert np.abs(left).std() > 1.0


def test_two_budgets_of_one_seed_do_not_solve_for_the_moments() -> None:
    """Noises that are multiples of one another leave two equations for two unknowns."""
    features = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    exact = noised_second_moments(features, 0.0, 0)
    noises = [
        noised_second_moments(features, noise, Seeds.draw(7, IDENTITY | {"stages": [noise]}).moments) - exact
        for noise in (4.0, 8.0)
    ]
    assert np.abs(noises[1] - 2 * noises[0]).std() > 1.0


def noise(seed: int, step: int) -> np.ndarray:
    return gaussian_noise(tf.constant(50), seed, tf.constant(step, tf.int64), 1.0).numpy()


def test_every_bit_of_a_seed_counts_and_no_step_of_one_is_a_step_of_another() -> None:
    seeds = [0, *(1 << bit for bit in range(0, BITS, 9)), 2**BITS - 1]
    drawn = {noise(seed, step).tobytes() for seed in seeds for step in (0, 1, 2, 2**40)}
    assert len(drawn) == 4 * len(seeds)
    assert noise(5, 3).tobytes() == noise(5, 3).tobytes()


def test_the_noise_is_standard_normal() -> None:
    numbers = np.concatenate([noise(2**100 + 3, step) for step in range(400)])
    assert abs(numbers.mean()) < 0.03
    assert abs(numbers.std() - 1) < 0.03
