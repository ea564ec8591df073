"""How a dataclass of the configuration states what its values may be, and the one check of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_etc.errors import ConfigError
from mnist_etc.registry import Registry

__all__ = ["between", "check", "expand_home", "key_of", "one_of", "path", "text"]


def between(low: float, high: float, default: Any = dataclasses.MISSING) -> Any:
    """Declare a field whose value, or each value of a list, lies in [low, high]; required unless ``default``."""
    return dataclasses.field(default=default, metadata={"between": (low, high)})


def text(null: str = "", *, empty: bool = False, default: Any = dataclasses.MISSING) -> Any:
    """Declare a text, refused where empty unless ``empty``; ``null`` says what null stands for.

    It is required unless there is a ``default``.
    """
    return dataclasses.field(default=default, metadata={"null": null, "empty": empty})


def path(null: str = "", *, empty: bool = False, default: Any = dataclasses.MISSING) -> Any:
    """Declare a name of a file or folder, or list of such names, as `text` does; see `expand_home`.

    It is required unless there is a ``default``.
    """
    return dataclasses.field(default=default, metadata={"null": null, "empty": empty, "path": True})


def one_of(registry: Registry[Any], default: str | None = None) -> Any:
    """Declare a field that names a row of ``registry``, or a list of such; required unless there is a ``default``."""
    given: Any = dataclasses.MISSING if default is None else default
    return dataclasses.field(default=given, metadata={"registry": registry})


def key_of(name: str) -> str:
    """The key that a field is asked for by: its name, less the ``_`` behind a word that is Python's own (``from_``)."""
    return name.removesuffix("_")


def check(config: Any, prefix: str = "") -> None:
    """Refuse any value outside its range, any name without a row, and any empty text, which an unset variable leaves.

    Raises:
        ConfigError: names the key, what was expected and what was received.
    """
    for field in dataclasses.fields(config):
        value, key = getattr(config, field.name), prefix + key_of(field.name)
        if dataclasses.is_dataclass(value):
            check(value, f"{key}.")
        for one in value if isinstance(value, list) else [value]:
            _check_value(one, key, field.metadata)
    for kind in type(config).__mro__:
        if "consistent" in vars(kind):
            vars(kind)["consistent"](config)
        if "consistent_under" in vars(kind):  # the same, told what stands before the keys, for its messages
            vars(kind)["consistent_under"](config, prefix)


def _check_value(value: Any, key: str, allowed: Mapping[str, Any]) -> None:
    if value == "" and not allowed.get("empty"):
        null = allowed.get("null")
        remedy = "Leave it out for the default" + (f", or pass {key}=null for {null}." if null else ".")
        raise ConfigError(f"Expected a value for {key}; received an empty one. {remedy}")
    if value is None:
        return
    if "registry" in allowed:
        allowed["registry"].check(value, key)
    if "between" in allowed:
        low, high = allowed["between"]
        if not (math.isfinite(value) and low <= value <= high):
            raise ConfigError(f"Expected {key} between {low:.10g} and {high:.10g}; received {value}.")


def expand_home(config: Any) -> None:
    """Put the home folder for ``~`` alone or before a slash in every `path`, which most shells leave to the program."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            expand_home(value)
        elif "path" in field.metadata and value:
            setattr(
                config, field.name, [_at_home(name) for name in value] if isinstance(value, list) else _at_home(value)
            )


def _at_home(name: str) -> str:
    return str(Path.home() / name[2:]) if name == "~" or name.startswith("~/") else name
