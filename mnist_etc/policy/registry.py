"""POLICIES, the table of output policies: add a row, and ``export`` serves yours and ``reconstruct`` attacks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mnist_etc.registry import Registry, resolve

__all__ = ["NUMBERS", "POLICIES", "PolicyRow"]

NUMBERS = ("decimals", "k", "levels", "epsilon")
"""Keys of `mnist_etc.policy.config.PolicyConfig` that a policy may read one of."""


@dataclass(frozen=True, kw_only=True)
class PolicyRow:
    """A row of `POLICIES`: where an output policy is defined, and what it needs."""

    implementation: str | type[Any]
    """A subclass of `mnist_etc.policy.output_policy.OutputPolicy`, or where to import it from (``module:class``)."""
    number: str | None = None
    """The one of `NUMBERS` that it reads, which follows its name behind a colon."""
    tells_logits: bool = False
    """An answer is the logits themselves, so the graph stays as it is and clients take the softmax of an answer."""
    reads_image: bool = False
    """An answer also depends on the bytes of the image, tensor ``policy/bytes``, uint8 ``(batch, side, side, 1)``."""

    tells_probability: bool = True
    """The greatest value of an answer is a probability, and not just a mark on the class."""

    def __post_init__(self) -> None:
        if self.number not in (None, *NUMBERS):
            raise ValueError(f"Expected number as one of {', '.join(NUMBERS)}; received {self.number!r}.")

    def load(self) -> type[Any]:
        """The class, imported where need be."""
        kind: type[Any] = resolve(self.implementation)
        return kind


POLICIES: Registry[PolicyRow] = Registry("policy")
POLICIES.add("logits", PolicyRow(implementation="mnist_etc.policy.logits:Logits", tells_logits=True))
POLICIES.add("probabilities", PolicyRow(implementation="mnist_etc.policy.probabilities:Probabilities"))
POLICIES.add("rounded", PolicyRow(implementation="mnist_etc.policy.rounded:Rounded", number="decimals"))
POLICIES.add("top_k", PolicyRow(implementation="mnist_etc.policy.top_k:TopK", number="k"))
POLICIES.add("top1", PolicyRow(implementation="mnist_etc.policy.top_k:Top1"))
POLICIES.add("levels", PolicyRow(implementation="mnist_etc.policy.levels:Levels", number="levels"))
POLICIES.add("label", PolicyRow(implementation="mnist_etc.policy.label:Label", tells_probability=False))
POLICIES.add(
    "noisy",
    PolicyRow(
        implementation="mnist_etc.policy.noisy:Noisy", number="epsilon", reads_image=True, tells_probability=False
    ),
)
