"""ATTACKS, the table of reconstruction attacks: add a row, and ``attacks=[...]`` of ``reconstruct`` may name it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mnist_etc.policy.registry import PolicyRow
from mnist_etc.registry import Registry, resolve

__all__ = ["ATTACKS", "FLOOR", "YARDSTICK", "AttackRow"]

FLOOR = "mean_by_answer"
"""The attack that always runs on the label alone, where its error is what every other one is held against."""
YARDSTICK = "mixture_regression"
"""In closed form, so nothing of it can be trained too little: what trained networks are held against."""


@dataclass(frozen=True, kw_only=True)
class AttackRow:
    """A row of `ATTACKS`: how images are rebuilt, and what that takes."""

    implementation: str | Callable[[Any], Any]
    """A function, or where to import it from (``module:function``). It takes a `mnist_etc.attack.adversary.Adversary`
    and returns a `Reconstruction`, or None where it could only arrive where the mean by answer does."""
    title: str
    """In tables and pictures."""
    knows_encoder: bool = False
    """The attacker has the encoder's weights and may ask about codes; else they may ask about images alone."""
    needs_logits: bool = False
    """It runs only on policies whose answers are the logits."""
    needs_linear_head: bool = False
    """It runs only on a classifier of one linear layer, whose weights the attacker has."""
    takes_several: bool = False
    """It makes use of all answers about photos of one page; another one runs where there is one answer alone."""

    def applies(self, policy: PolicyRow, *, linear_head: bool, decoder: bool = True, answers: int = 1) -> bool:
        """Whether it can run on so many answers about a page under ``policy``.

        Args:
            policy: what answers pass through.
            linear_head: whether the classifier is one linear layer.
            decoder: whether there is one for the codes of the encoder.
            answers: about a page.
        """
        given = (policy.tells_logits or not self.needs_logits) and (linear_head or not self.needs_linear_head)
        given = given and (decoder or not self.knows_encoder)
        return given and (self.takes_several or answers == 1)

    def load(self) -> Callable[[Any], Any]:
        """The function, imported where need be."""
        function: Callable[[Any], Any] = resolve(self.implementation)
        return function


ATTACKS: Registry[AttackRow] = Registry("reconstruction attack")
ATTACKS.add(
    FLOOR,
    AttackRow(implementation="mnist_etc.attack.mean_by_answer:rebuild", title="mean by answer", takes_several=True),
)
ATTACKS.add(
    "linear_regression",
    AttackRow(
        implementation="mnist_etc.attack.mixture_regression:rebuild_by_one_line",
        title="linear regression by class",
        takes_several=True,
    ),
)
ATTACKS.add(
    YARDSTICK,
    AttackRow(
        implementation="mnist_etc.attack.mixture_regression:rebuild", title="mixture regression", takes_several=True
    ),
)
ATTACKS.add(
    "inverse_network",
    AttackRow(implementation="mnist_etc.attack.inverse_network:rebuild", title="inverse network", takes_several=True),
)
ATTACKS.add(
    "hill_climbing",
    AttackRow(implementation="mnist_etc.attack.hill_climbing:rebuild", title="hill climbing", knows_encoder=True),
)
ATTACKS.add(
    "hill_climbing_encoder_unknown",
    AttackRow(
        implementation="mnist_etc.attack.hill_climbing_encoder_unknown:rebuild",
        title="hill climbing, encoder unknown",
        needs_logits=True,
    ),
)
ATTACKS.add(
    "closed_form_posterior",
    AttackRow(
        implementation="mnist_etc.attack.closed_form_posterior:rebuild",
        title="closed-form posterior",
        knows_encoder=True,
        needs_logits=True,
        needs_linear_head=True,
    ),
)
ATTACKS.add(
    "closed_form_gaussian",
    AttackRow(
        implementation="mnist_etc.attack.closed_form_posterior:rebuild_by_one_gaussian",
        title="closed form, one Gaussian a class",
        knows_encoder=True,
        needs_logits=True,
        needs_linear_head=True,
    ),
)
ATTACKS.add(
    "cross_entropy_method",
    AttackRow(
        implementation="mnist_etc.attack.cross_entropy_method:rebuild",
        title="cross-entropy method",
        knows_encoder=True,
        needs_logits=True,
    ),
)
