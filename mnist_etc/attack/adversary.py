"""Who rebuilds images: what they have, what they may ask, and what they made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.class_prior import Mixture, fit_mixtures
from mnist_etc.attack.config import AttackConfig
from mnist_etc.attack.examples import Examples
from mnist_etc.policy.graph import answers
from mnist_etc.policy.label import Label
from mnist_etc.policy.output_policy import OutputPolicy

if TYPE_CHECKING:
    from mnist_etc.attack.victim import VictimModel

__all__ = ["Adversary", "Reconstruction"]

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What one attack made of the answers about all targets."""

    images: Array
    """``(t, 28, 28)`` in [0, 1]."""
    queries: float = 0
    """About each target, had it been attacked alone; those about the attacker's own images are not counted."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Adversary:
    """Somebody who knows the output policy, adapts to it, and sees of the targets the answers alone."""

    config: AttackConfig
    """How much they may spend."""
    seed: int
    """Of everything that is drawn."""
    victim: VictimModel
    """The model, to be asked; an attack whose row says that it knows the encoder may use that too."""
    policy: OutputPolicy
    """What answers pass through."""
    own: Examples
    """Images of their own, none of them a target."""
    answers: Array
    """About those, ``(n, 10)``."""
    target_answers: Array
    """About the targets, ``(t, 10)``."""

    @property
    def compared(self) -> Array:
        """`answers` where differences are informative, ``(n, 10)``."""
        return self.policy.compared(self.answers)

    @property
    def compared_targets(self) -> Array:
        """`target_answers` where differences are informative, ``(t, 10)``."""
        return self.policy.compared(self.target_answers)

    @property
    def search(self) -> dict[str, int]:
        """The budget of a search of codes, as arguments."""
        config = self.config
        return {
            "queries": config.queries,
            "restarts": config.restarts,
            "iterations": config.iterations,
            "seed": self.seed,
        }

    @cached_property
    def asking_codes(self) -> Adversary:
        """The same where a query is a code: a policy that reads the image has none, and tells the class alone."""
        if not self.policy.row.reads_image:
            return self
        label = Label(config=replace(self.policy.config, name="label"))
        own, targets = (answers(label, told) for told in (self.answers, self.target_answers))
        return replace(self, policy=label, answers=own, target_answers=targets)

    @cached_property
    def code_prior(self) -> list[Mixture]:
        """What codes to expect behind an answer, by the class that it names; of an attacker who has the encoder."""
        return fit_mixtures(
            self.own.codes,
            self.compared,
            self.answers.argmax(axis=1),
            components=self.config.components,
            seed=self.seed,
        )

    def scores(self, codes: Array) -> Array:
        """Ask about codes ``(n, d)``: answers ``(n, 10)`` where differences are informative."""
        return self.policy.compared(answers(self.policy, self.victim.logits(codes)))
