"""Names of classes: what they may be, in which order they stand, and how a message lists them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from mnist_etc.errors import DataError

__all__ = ["DIGITS", "MOST", "check_names", "list_names", "natural_order"]

DIGITS = tuple("0123456789")
"""Of ten classes, where nothing else is said."""
MOST = 1000
"""Classes."""
LONGEST = 100
"""Characters of a name."""
SHOWN = 9
"""Names that a message lists."""


def natural_order(names: Iterable[str]) -> list[str]:
    """Sort names so that numbers in them count as such: "2" stands before "10", "a2" before "a10"."""

    def key(name: str) -> tuple[list[tuple[int, int, str]], str]:
        parts = re.split(r"([0-9]+)", name)
        return [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts if part], name

    return sorted(names, key=key)


def check_names(names: Sequence[object], source: str) -> tuple[str, ...]:
    """Return the names of classes, once they are what `Split` states.

    Args:
        names: in the order of the classes' numbers.
        source: names in the message where they come from.

    Raises:
        DataError: there are fewer than 2 or more than 1,000, or one is no text on one line, or occurs twice.
    """
    if isinstance(names, str) or not 2 <= len(names) <= MOST:
        received = repr(names) if isinstance(names, str) else f"{len(names):,}"
        those = "" if isinstance(names, str) or not names else f", {list_names([str(name) for name in names])}"
        raise DataError(f"Expected 2 to {MOST:,} classes from {source}; received {received}{those}. Correct them.")
    texts: list[str] = []
    for name in names:
        if not isinstance(name, str) or not _is_line(name):
            raise DataError(
                f"Expected names of classes that are text on one line, of 1 to {LONGEST} characters, from {source}; "
                f"received {name!r}. Rename it."
            )
        texts.append(name)
    twice = [name for name in dict.fromkeys(texts) if texts.count(name) > 1] if len(set(texts)) < len(texts) else []
    if twice:
        raise DataError(
            f"Expected names of classes that are all different from {source}; received {list_names(twice)} twice. "
            "Rename or join them."
        )
    return tuple(texts)


def list_names(names: Sequence[str]) -> str:
    """The names of classes for a message: all, or, where they are many, the first and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:SHOWN])} and {more:,} more"


def _is_line(name: str) -> bool:
    """Whether a name can be written into any file and shown in any terminal, on one line."""
    try:
        name.encode()
    except UnicodeEncodeError:  # of a file's name that is no UTF-8
        return False
    controls = any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name)
    return 1 <= len(name) <= LONGEST and bool(name.strip()) and not controls
