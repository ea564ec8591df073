"""A choice is a row of a table: what a key of the configuration may name, and what it stands for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from mnist_etc.errors import ConfigError

__all__ = ["Registry", "resolve"]

Row = TypeVar("Row")


class Registry(Generic[Row]):
    """Rows by name, in the order of their registration; a user's program may add its own before it runs a command.

    Args:
        kind: what a row is, for messages: "policy".
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._rows: dict[str, Row] = {}

    def add(self, name: str, row: Row) -> Row:
        """Register ``row``.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._rows:
            raise ValueError(f"Expected a new name of a {self.kind}; received {name!r}, which is taken.")
        self._rows[name] = row
        return row

    def __getitem__(self, name: str) -> Row:
        """The row of that name.

        Raises:
            ConfigError: there is none.
        """
        self.check(name)
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def check(self, name: str, key: str = "") -> None:
        """Refuse a name that no row has.

        Args:
            name: the name.
            key: of the configuration, for the message.

        Raises:
            ConfigError: lists the names there are.
        """
        if name not in self._rows:
            near = difflib.get_close_matches(name, self._rows, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ConfigError(
                f"Expected {key or f'a {self.kind}'} as one of {', '.join(self._rows)}; received {name!r}.{hint}"
            )


def resolve(target: Any) -> Any:
    """What ``module:name`` names, imported now; anything but a string as it is."""
    if not isinstance(target, str):
        return target
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
