"""A class drawn by the exponential mechanism, ``epsilon``-locally differentially private."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Context, Decimal
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import ConfigError
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.keyed_hash import DRAWS, KeyedHash
from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import OutputPolicy

__all__ = ["Noisy"]

CLOSE = 1e-3
"""What the draws may be off the epsilon asked for, below it alone, as a fraction of it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Noisy(OutputPolicy):
    """The predicted class or another, drawn once for each image by a keyed hash of it."""

    keyed_hash: KeyedHash = field(repr=False)
    """Secret: who knows its keys can undo the noise."""

    @classmethod
    def fit(cls, config: PolicyConfig, logits: NDArray[np.float32], labels: NDArray[np.int64], side: int) -> Self:  # noqa: ARG003
        """Draw keys, so that each publication has its own.

        Raises:
            ConfigError: `DRAWS` cannot be shared among so many classes at this epsilon.
        """
        one = cls(config=config, classes=logits.shape[1], keyed_hash=KeyedHash.drawn(side))
        other, kept = one.other_draws(), one.kept_draws()
        if kept < other or not math.isclose(math.log(kept / other), config.epsilon, rel_tol=CLOSE):
            raise ConfigError(
                f"Expected policy.epsilon that 2^{DRAWS.bit_length() - 1} draws can be shared by among {one.classes} "
                f"classes; received {config.epsilon:g}. Pass one between 0.01 and 20."
            )
        return one

    def other_draws(self) -> int:
        """How many of the `DRAWS` return one certain class that was not predicted.

        Rounded up from a lower bound of e^epsilon, so that the ratio of any two answers' probabilities is at most
        e^epsilon exactly (k-ary randomized response: the exponential mechanism with the utility 1 for the predicted
        class and 0 for the others; McSherry and Talwar 2007, Kairouz, Bonawitz and Ramage 2016, arXiv:1602.07387).
        """
        precise = Context(prec=40)
        power = Fraction(precise.next_minus(precise.exp(Decimal(self.config.epsilon))))
        return math.ceil(DRAWS / (power + self.classes - 1))

    def kept_draws(self) -> int:
        """How many of the `DRAWS` return the predicted class: all that are left."""
        return DRAWS - (self.classes - 1) * self.other_draws()

    def leakage_bits(self) -> float:
        """Each class is the answer to some image with the probability that the predicted class is told."""
        return math.log2(self.classes * self.kept_draws() / DRAWS)

    def answer(self, operators: Operators) -> None:
        """Move the class where the image's draw says so, with integers alone, so the epsilon of an answer is exact.

        Answers about different images are independent, so q of them cost q epsilons: exactly for two, and for more as
        far as SipHash is a pseudorandom function; see `KeyedHash`.
        """
        draw = self.keyed_hash.draw(operators)
        other, kept = self.other_draws(), self.kept_draws()
        label = operators.add("ArgMax", "logits", axis=1, keepdims=1)
        after = operators.add("Sub", draw, operators.constant(kept, np.int64))
        which = operators.add("Div", after, operators.constant(other, np.int64))
        step = operators.add("Add", which, operators.constant(1, np.int64))
        moved = operators.add("Mod", operators.add("Add", label, step), operators.constant(self.classes, np.int64))
        stays = operators.add("Less", draw, operators.constant(kept, np.int64))
        chosen = operators.add("Where", stays, label, moved)
        operators.one_hot(
            operators.add("Squeeze", chosen, operators.constant([1], np.int64)),
            self.classes,
            [other / DRAWS, kept / DRAWS],
        )
