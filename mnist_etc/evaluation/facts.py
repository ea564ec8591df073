"""What a model card tells, and what a release gate says."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mnist_etc.artifacts.remedies import default_model, of_use
from mnist_etc.composition import PACKAGE
from mnist_etc.evaluation.figures import Figures

__all__ = ["Facts", "Verdict"]


class Verdict(Protocol):
    """What a release gate says."""

    @property
    def gate(self) -> str:
        """Its name."""

    @property
    def figure(self) -> float | None:
        """What was measured; None: it could not be."""

    @property
    def bound(self) -> float:
        """What the figure was held against."""

    @property
    def at_most(self) -> bool:
        """Whether the bound is the greatest figure that passes, not the least."""

    @property
    def passed(self) -> bool:
        """Whether it keeps to the bound."""

    @property
    def words(self) -> str:
        """What the figure is and rests on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """What a card tells: no date, machine or folder stands in it unless given here."""

    model: str
    """What it is called, as the key ``model`` of the commands that use it takes it."""
    manifest: Mapping[str, Any]
    """Of the full model."""
    info: Mapping[str, Any]
    """What `mnist_etc.evaluation.model_info.model_info` returned."""
    figures: Figures
    verdicts: Sequence[Verdict]
    """Of the release gates, in their order; empty: none was judged."""
    command: str
    """That trains it, quoted for a shell; see `mnist_etc.artifacts.remedies`."""
    images: Mapping[str, int] = field(default_factory=dict)
    """How many there are in ``training``, ``validation`` and ``test``."""
    pictures: Sequence[str] = ()
    """Paths of plots from the card's folder."""

    @property
    def failed(self) -> list[Verdict]:
        """The gates that it does not pass."""
        return [verdict for verdict in self.verdicts if not verdict.passed]

    @property
    def name(self) -> str:
        """The model and its data."""
        return f"{self.model} on {self.manifest['configuration']['data']['name']}"

    def uses(self) -> dict[str, str]:
        """The commands that classify by this model, and publish it: by the keys of its training."""
        words = shlex.split(self.command)
        first = next((place for place, word in enumerate(words) if "=" in word and word[0] != "/"), len(words))
        program, keys = words[:first], words[first:]
        if not any(word.startswith("model=") for word in keys):
            keys = [f"model={default_model()}", *keys]
        if program[0].startswith("mnist-etc-"):
            uses = {"infer": ["mnist-etc-infer"], "export": ["mnist-etc-export"]}
        elif program[1:2] == ["-m"]:
            uses = {"infer": ["python", "infer.py"], "export": ["python", "-m", f"{PACKAGE}.export"]}
        else:
            uses = {name: [*program[:-1], name] for name in ("infer", "export")}
        return {name: shlex.join([*use, *map(of_use, keys)]) for name, use in uses.items()}
