"""ACTIONS, the table of what ``python -m mnist_etc labels`` does: the first word after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mnist_etc.registry import Registry

__all__ = ["ACTIONS", "Action"]


@dataclass(frozen=True, kw_only=True)
class Action:
    """A row of `ACTIONS`."""

    help: str
    job: str | Callable[[Any], None]
    """``module:function``, or the function, which takes the `mnist_etc.labels.actions.config.LabelsCommand`."""
    file: bool = False
    """Whether the second word is a file."""


ACTIONS: Registry[Action] = Registry("action on a database of labels")
ACTIONS.add(
    "init", Action(help="make a database of the data, or raise its budget", job="mnist_etc.labels.actions.job:init")
)
ACTIONS.add("serve", Action(help="a page on which a person labels what waits", job="mnist_etc.labels.page.serve:serve"))
ACTIONS.add("status", Action(help="what is paid and left, by a replay", job="mnist_etc.labels.actions.job:status"))
ACTIONS.add(
    "export",
    Action(
        help="write the answers to a .json of Label Studio or a .csv",
        job="mnist_etc.labels.actions.exchange:export",
        file=True,
    ),
)
ACTIONS.add(
    "import",
    Action(help="take answers from such a file, all or none", job="mnist_etc.labels.actions.exchange:take", file=True),
)
