"""Poisson sampling against the binomial, and the parts that it comes in."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from mnist_etc.errors import ConfigError
from mnist_etc.privacy.sampling import LARGEST_PART, Parts, PoissonSampler

SEED = 0x5EED_0000_0000_0000_0000_0001


def sampler(examples: int = 1_000, batch_size: int = 100, seed: int = SEED) -> PoissonSampler:
    return PoissonSampler(examples=examples, batch_size=batch_size, seed=seed)


def samples(parts: Parts) -> list[np.ndarray]:
    """Each step's examples."""
    ends = np.flatnonzero(parts.last) + 1
    rows = zip([0, *ends[:-1]], ends, strict=True)
    return [parts.indices[start:end][parts.mask[start:end] == 1] for start, end in rows]


def membership(parts: Parts, examples: int) -> np.ndarray:
    """``(steps, examples)``: who is in."""
    drawn = samples(parts)
    members = np.zeros((len(drawn), examples), bool)
    for row, sample in zip(members, drawn, strict=True):
        row[sample] = True
    return members


@pytest.mark.parametrize(("examples", "batch_size"), [(1_000, 100), (55_000, 256), (50, 40)])
def test_sizes_are_binomial(examples: int, batch_size: int) -> None:
    sizes = [len(sample) for sample in samples(sampler(examples, batch_size).parts(0, 4_000))]
    binomial = stats.binom(examples, batch_size / examples)
    inner = np.unique(binomial.ppf(np.linspace(0, 1, 21)[1:-1]))
    edges = np.concatenate([[-1], inner, [examples]])
    expected = np.diff(binomial.cdf(edges)) * len(sizes)
    observed, _ = np.histogram(sizes, edges + 0.5)
    assert stats.chisquare(observed, expected).pvalue > 0.001


def test_every_example_is_as_likely() -> None:
    steps, examples, rate = 5_000, 1_000, 0.1
    counts = membership(sampler().parts(0, steps), examples).sum(0)
    deviations = (counts - steps * rate) / np.sqrt(steps * rate * (1 - rate))
    assert stats.kstest(deviations, "norm").pvalue > 0.001
    assert stats.chi2(examples).cdf(np.sum(deviations**2)) == pytest.approx(0.5, abs=0.499)


def test_examples_are_independent() -> None:
    """A batch of fixed size would show as negative correlation of every pair."""
    steps, examples, rate = 20_000, 30, 0.2
    members = membership(sampler(examples, 6).parts(0, steps), examples)
    together = np.array([np.sum(members[:, a] & members[:, b]) for a, b in itertools.combinations(range(examples), 2)])
    assert together.mean() / steps == pytest.approx(rate**2, rel=0.01)
    deviations = (together - steps * rate**2) / np.sqrt(steps * rate**2 * (1 - rate**2))
    assert np.abs(deviations).max() < 4.5


@pytest.mark.parametrize("apart", [1, 2, 235])
def test_steps_are_independent(apart: int) -> None:
    steps, examples, rate = 4_000, 200, 0.25
    members = membership(sampler(examples, 50).parts(0, steps), examples)
    both = np.sum(members[apart:] & members[:-apart])
    trials = (steps - apart) * examples
    assert abs(both - trials * rate**2) < 4 * np.sqrt(trials * rate**2 * (1 - rate**2) * 1.5)


def test_nobody_is_drawn_twice_and_all_is_within_range() -> None:
    drawn = samples(sampler(1_000, 700).parts(0, 300))
    assert all(len(np.unique(sample)) == len(sample) for sample in drawn)
    assert min(sample.min() for sample in drawn) == 0
    assert max(sample.max() for sample in drawn) == 999


@pytest.mark.parametrize("batch_size", [3, 256, 8_192, 55_000])
def test_parts(batch_size: int) -> None:
    source = sampler(55_000, batch_size)
    parts = source.parts(3, 53)
    assert parts.indices.dtype == np.int32
    assert parts.mask.dtype == np.float32
    assert parts.last.dtype == np.bool_
    assert parts.indices.shape == parts.mask.shape == (len(parts.last), source.part_size)
    assert source.part_size <= LARGEST_PART
    assert parts.last.sum() == 50
    assert parts.last[-1]
    assert not parts.indices[parts.mask == 0].any()
    assert np.all(np.diff(parts.mask, axis=1) <= 0), "padding stands behind the examples"
    full = parts.mask.sum(1) == source.part_size
    assert full[~parts.last].all(), "only a step's last part is padded"


def test_a_sample_is_the_same_however_many_go_at_once() -> None:
    whole = PoissonSampler(examples=55_000, batch_size=8_192, seed=SEED, at_once=10_000)
    assert 8_192 < whole.part_size < 8_500
    for all_at_once, cut in zip(samples(whole.parts(0, 3)), samples(sampler(55_000, 8_192).parts(0, 3)), strict=True):
        np.testing.assert_array_equal(all_at_once, cut)


def test_a_large_sample_is_not_cut() -> None:
    """Every step has as many parts as it needs."""
    source = sampler(50, 5)
    drawn = samples(source.parts(0, 5_000))
    assert source.part_size == 10
    assert max(len(sample) for sample in drawn) > source.part_size
    assert np.mean([len(sample) for sample in drawn]) == pytest.approx(5, abs=0.12)


def test_resumed_steps_are_the_same() -> None:
    whole, tail = sampler(55_000, 2_000).parts(0, 10), sampler(55_000, 2_000).parts(5, 10)
    for all_rows, rows in zip(whole, tail, strict=True):
        np.testing.assert_array_equal(all_rows[-len(rows) :], rows)
    source = sampler()
    first = source.parts(7, 8)
    source.parts(0, 20)
    np.testing.assert_array_equal(first.indices, source.parts(7, 8).indices)


@pytest.mark.parametrize("seed", [SEED + 1, SEED + 2**127, 2**64, 0])
def test_another_seed_draws_otherwise(seed: int) -> None:
    ours, other = (membership(sampler(seed=each).parts(0, 200), 1_000) for each in (SEED, seed))
    assert np.sum(ours & other) / 200_000 == pytest.approx(0.01, abs=0.001)


def test_seed_of_several_numbers() -> None:
    draws = [
        PoissonSampler(examples=100, batch_size=50, seed=seed).parts(0, 1).indices.tobytes()
        for seed in ([1, 2], [1, 3], [2**100, 2])
    ]
    assert len(set(draws)) == 3


def test_everybody_in_every_step() -> None:
    source = sampler(1_300, 1_300)
    assert source.sampling_rate == 1
    assert source.steps_per_epoch == 1
    for sample in samples(source.parts(0, 3)):
        np.testing.assert_array_equal(np.sort(sample), np.arange(1_300))


def test_an_empty_sample_is_one_part() -> None:
    parts = sampler(1_000, 1).parts(0, 2_000)
    empty = parts.mask.sum(1) == 0
    assert parts.last.sum() == 2_000
    assert empty.mean() == pytest.approx(np.exp(-1), abs=0.04)
    assert parts.last[empty].all()


@pytest.mark.parametrize(("batch_size", "share"), [(256, 0.15), (8_192, 0.05)])
def test_little_is_padding(batch_size: int, share: float) -> None:
    assert 1 - sampler(55_000, batch_size).parts(0, 400).mask.mean() < share


def test_no_steps() -> None:
    assert sampler().parts(4, 4).indices.shape == (0, sampler().part_size)


@pytest.mark.parametrize(("batch_size", "steps"), [(256, 235), (1_000, 60), (60_000, 1), (40_000, 2)])
def test_steps_an_epoch(batch_size: int, steps: int) -> None:
    assert sampler(60_000, batch_size).steps_per_epoch == steps


@pytest.mark.parametrize("batch_size", [0, -1, 1_001])
def test_batch_size_out_of_range(batch_size: int) -> None:
    with pytest.raises(
        ConfigError, match=rf"^Expected batch_size between 1 and the 1000 .* received {batch_size}\. .*$"
    ):
        sampler(1_000, batch_size)


def test_rows_feed_a_tf_dataset() -> None:
    import tensorflow as tf

    source = sampler(1_000, 600)
    parts = source.parts(0, 20)
    row = tuple(tf.TensorSpec(array.shape[1:], array.dtype) for array in parts)
    dataset = tf.data.Dataset.from_generator(lambda: zip(*parts, strict=True), output_signature=row)
    examples = tf.range(1_000) * 2
    rows = list(dataset.map(lambda indices, mask, last: (tf.gather(examples, indices), mask, last)))
    assert {tuple(values.shape) for values, _, _ in rows} == {(source.part_size,)}
    assert sum(int(last) for _, _, last in rows) == 20
    np.testing.assert_array_equal(np.stack([values for values, _, _ in rows]), parts.indices * 2)
