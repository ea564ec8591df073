"""Any text in Markdown as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["escape", "fence", "table"]

SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~$&!])")


def escape(words: str) -> str:
    """As the text of a paragraph or of a cell of a table."""
    return SPECIAL.sub(r"\\\1", " ".join(words.splitlines()))


def fence(code: str, language: str) -> str:
    """A block of code, whatever backticks it holds."""
    longest = max(map(len, re.findall("`+", code)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{code}\n{marks}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> str:
    """A table of finished cells, whose last so many columns are numbers, set to the right."""
    left = len(header) - numbers
    rules = ["---"] * left + ["---:"] * numbers
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rules, *rows))
