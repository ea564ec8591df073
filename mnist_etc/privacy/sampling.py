"""Poisson sampling in parts of one fixed shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mnist_etc.errors import ConfigError

__all__ = ["LARGEST_PART", "Parts", "PoissonSampler"]

LARGEST_PART = 1280
"""Images that go through the model at once, at most, where nothing else is said."""


class Parts(NamedTuple):
    """The samples of some steps, in order, each cut into one part or more."""

    indices: npt.NDArray[np.int32]
    """``(parts, part_size)``: which example; 0 in the padding."""
    mask: npt.NDArray[np.float32]
    """``(parts, part_size)``: 1 for an example, 0 for padding."""
    last: npt.NDArray[np.bool_]
    """``(parts,)``: whether the step ends with this part."""


class PoissonSampler:
    """In each step every example takes part with probability ``sampling_rate``, independently of all else.

    An example is an image, or a person with several: a unit of privacy.

    What a step draws depends on the seed and the step's number alone, so a resumed training draws the same again. The
    sampling is secret, and so is the seed; Philox is no cryptographic generator.

    Args:
        examples: how many there are.
        batch_size: expected examples a step, at most ``examples``.
        seed: natural numbers of any size; 128 bits of them count.
        images: that each example brings, at most; parts are the smaller for it.
        at_once: images that go through the model at once, at most.

    Raises:
        ConfigError: no ``batch_size`` between 1 and ``examples``.
    """

    sampling_rate: float
    steps_per_epoch: int
    """Steps until as many examples are expected as there are, rounded up."""
    part_size: int
    """Few equal parts hold the expected sample and two standard deviations: little is padding, few steps need more."""

    def __init__(
        self,
        *,
        examples: int,
        batch_size: int,
        seed: Sequence[int] | int,
        images: int = 1,
        at_once: int = LARGEST_PART,
    ) -> None:
        if not 1 <= batch_size <= examples:
            raise ConfigError(
                f"Expected batch_size between 1 and the {examples} training examples; received {batch_size}. "
                f"Pass batch_size={examples} at most."
            )
        self.sampling_rate = batch_size / examples
        self.steps_per_epoch = math.ceil(examples / batch_size)
        spread = math.sqrt(batch_size * (1 - self.sampling_rate))
        usual = min(examples, math.ceil(batch_size + 2 * spread))
        self.part_size = math.ceil(usual / math.ceil(usual / max(1, at_once // images)))
        self._examples = examples
        self._bits = np.random.Philox(np.random.SeedSequence(seed))
        self._generator = np.random.Generator(self._bits)
        self._start = self._bits.state

    def parts(self, first_step: int, last_step: int) -> Parts:
        """The samples of steps ``first_step`` to ``last_step - 1``; an empty sample is one part of padding."""
        samples = [self._sample(step) for step in range(first_step, last_step)]
        counts = [max(1, math.ceil(len(sample) / self.part_size)) for sample in samples]
        ends = np.cumsum(counts, dtype=np.int64)
        total = sum(counts)
        indices = np.zeros((total, self.part_size), np.int32)
        mask = np.zeros((total, self.part_size), np.float32)
        last = np.zeros(total, np.bool_)
        last[ends - 1] = True
        flat_indices, flat_mask = indices.reshape(-1), mask.reshape(-1)
        for sample, end, count in zip(samples, ends.tolist(), counts, strict=True):
            start = (end - count) * self.part_size
            flat_indices[start : start + len(sample)] = sample
            flat_mask[start : start + len(sample)] = 1
        return Parts(indices, mask, last)

    def _sample(self, step: int) -> npt.NDArray[np.int64]:
        # Philox enciphers a counter: jumping to a step's own stretch of 2**128 blocks costs 2 us, a new generator 20.
        self._start["state"]["counter"][:] = (0, 0, step, 0)
        self._bits.state = self._start
        # A given sample of n examples has probability q**n (1-q)**(N-n) under Poisson sampling. Here it is that of n,
        # binomial(N, n) q**n (1-q)**(N-n), divided by the binomial(N, n) equally likely samples of n: the same.
        count = self._generator.binomial(self._examples, self.sampling_rate)
        return self._generator.choice(self._examples, count, replace=False, shuffle=False)
