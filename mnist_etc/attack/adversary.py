"""Who rebuilds images: what they have, what they may ask, and what they made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.answer_features import answer_features, most_frequent
from mnist_etc.attack.class_prior import ClassPrior
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
    """``(t, side, side)`` in [0, 1]."""
    queries: float = 0
    """About each target, had it been attacked alone; those about the attacker's own images are not counted."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Adversary:
    """Somebody who knows the output policy, adapts to it, and sees of the targets the answers alone."""

    config: AttackConfig
    """How much they may spend."""
    seed: int
    """Of everything that is drawn."""
    policy: OutputPolicy
    """What answers pass through."""
    own: Examples
    """Images of their own, none of them a target."""
    all_answers: Array
    """About ``k`` photos of each of those, ``(n, k, classes)``."""
    all_target_answers: Array
    """About as many of each target, ``(t, k, classes)``."""
    model: VictimModel | None = None
    """The model, to be asked; an attack whose row says that it knows the encoder may use that too."""

    @classmethod
    def seeing(cls, count: int, targets: Examples, *, own: Examples, policy: OutputPolicy, **rest: Any) -> Adversary:
        """Who sees what ``policy`` answers about ``count`` photos of each of ``targets``, and asks as often."""
        told, sought = own.answers(policy, count), targets.answers(policy, count)
        return cls(own=own, policy=policy, all_answers=told, all_target_answers=sought, **rest)

    @property
    def victim(self) -> VictimModel:
        """`model`, of an attack that asks it."""
        assert self.model is not None, "policy=auto runs no attack that asks the model"
        return self.model

    @property
    def answers(self) -> Array:
        """About the attacker's images themselves, the first photo of each, ``(n, classes)``."""
        return self.all_answers[:, 0]

    @property
    def target_answers(self) -> Array:
        """About the targets themselves, ``(t, classes)``."""
        return self.all_target_answers[:, 0]

    @cached_property
    def frequent(self) -> tuple[Array, Array]:
        """The answer that came most often about each own image and each target, ``(n, classes)``, ``(t, classes)``."""
        return most_frequent(self.all_answers), most_frequent(self.all_target_answers)

    @property
    def named(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The class that all answers together name: of the greatest mean, ``(n,)`` and ``(t,)``."""
        own, targets = (side.mean(axis=1).argmax(axis=1) for side in (self.all_answers, self.all_target_answers))
        return own, targets

    @cached_property
    def features(self) -> tuple[Array, Array]:
        """All answers in numbers, ``(n, m)`` and ``(t, m)``; see `answer_features`."""
        return answer_features(self.policy, self.all_answers, self.all_target_answers)

    @property
    def scores(self) -> Array:
        """`answers` where differences are informative, ``(n, classes)``."""
        return self.policy.informative_scores(self.answers)

    @property
    def target_scores(self) -> Array:
        """`target_answers` where differences are informative, ``(t, classes)``."""
        return self.policy.informative_scores(self.target_answers)

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
        label = Label(config=replace(self.policy.config, name="label"), classes=self.policy.classes)
        own, targets = (answers(label, told)[:, None] for told in (self.answers, self.target_answers))
        return replace(self, policy=label, all_answers=own, all_target_answers=targets)

    @cached_property
    def code_prior(self) -> ClassPrior:
        """What codes to expect behind an answer, by the class that it names; of an attacker who has the encoder."""
        return ClassPrior(
            self.own.codes,
            self.scores,
            self.answers.argmax(axis=1),
            components=self.config.components,
            seed=self.seed,
        )

    def ask(self, codes: Array) -> Array:
        """Ask about codes ``(n, d)``: answers ``(n, classes)`` where differences are informative."""
        return self.policy.informative_scores(answers(self.policy, self.victim.logits(codes)))
