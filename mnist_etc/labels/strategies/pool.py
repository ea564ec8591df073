"""What a strategy sees, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Choice", "Pool"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """All images that may be asked about, by their features, and what is known of them so far."""

    features: NDArray[np.float32]
    """``(n, d)``, of every image, made without a label; distances between rows are what clusters go by."""
    asked: NDArray[np.int64]
    """``(m,)``: the rows whose labels are known."""
    labels: NDArray[np.int64]
    """``(m,)``: their classes."""
    probabilities: NDArray[np.float32] | None
    """``(n, classes)`` of the classifier so far; None: there is none yet."""
    classes: int
    """How many there are."""
    seed: int
    """The same pool and seed make the same choice."""
    barred: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Rows that are not to be asked about either, and tell nothing: skipped, kept apart, or waiting for an answer."""

    @property
    def left(self) -> NDArray[np.int64]:
        """The rows that may be asked about, in ascending order."""
        return np.setdiff1d(np.arange(len(self.features)), np.concatenate([self.asked, self.barred]))

    def generator(self) -> np.random.Generator:
        """One for this round: as many answers as there are, so other rounds draw other numbers."""
        return np.random.default_rng([self.seed, len(self.asked)])

    def belief(self) -> NDArray[np.float32]:
        """The probabilities, where the row says that it needs them.

        Raises:
            ValueError: there are none.
        """
        if self.probabilities is None:
            raise ValueError(
                "Expected a pool with probabilities; received one without. Ask by clusters first, as registry.ask does."
            )
        return self.probabilities


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """What to ask next."""

    indices: NDArray[np.int64]
    """``(k,)`` rows of the pool, the most wanted first; none twice, none asked before."""
    scores: NDArray[np.float64]
    """``(k,)``: how wanted each is; what it measures is the strategy's own."""
