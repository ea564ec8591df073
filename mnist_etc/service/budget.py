"""Holds every answer that a key gets to what its budget of leakage lets through."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mnist_etc.service.leakage import LeakageBudget, Verdict
from mnist_etc.service.problems import Problem

if TYPE_CHECKING:
    from mnist_etc.service.config import ServiceConfig
    from mnist_etc.service.engine import Answered

__all__ = ["Budgeted", "budgeted"]

WHITE = np.float32(255)
LOGIT_BITS = 32
"""Of each number of an answer whose policy is not known."""


def budgeted(config: ServiceConfig) -> list[Budgeted]:
    """The observer that ``config`` asks for, if any."""
    return [] if config.leakage_budget_bits is None else [Budgeted(LeakageBudget(config.leakage_budget_bits))]


class Budgeted:
    """An observer of `mnist_etc.service.engine.Engine`.

    Senders without a key are not counted: they are on this machine, where whoever asks can read the model.

    Args:
        budget: What is told about near-identical images.
    """

    def __init__(self, budget: LeakageBudget) -> None:
        self._budget = budget

    def __call__(self, answered: Answered) -> None:
        """Have the label alone told of some images, or raise a `Problem` of which nothing is told."""
        if not answered.sender.startswith("key:"):
            return
        model, classes = answered.model, len(answered.model.names)
        bits = LOGIT_BITS * classes if model.leakage_bits is None else model.leakage_bits
        images = answered.images / WHITE
        verdicts = self._budget.spend(answered.sender, images, bits, label_bits=math.log2(classes))
        if Verdict.refused in verdicts:
            raise Problem(
                "told-enough",
                f"Of such an image this key was told what {self._budget.bits:g} bits hold; of any near-identical one "
                f"nothing more is told for {self._budget.window / 3600:g} hours from the last answer.",
                headers={"Retry-After": str(math.ceil(self._budget.window))},
            )
        alone = np.array([verdict is Verdict.label for verdict in verdicts])
        if alone.any():
            answered.label_only = alone if answered.label_only is None else answered.label_only | alone
