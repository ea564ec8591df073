"""The pages that people read, and what in them can be checked."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from support import ROOT

PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(
            path
            for path in (ROOT / "docs").rglob("*.md")
            if not {"generated", "_build"} & set(path.relative_to(ROOT).parts)
        ),
    ]
)
FENCE = re.compile(r"(?ms)^(```+|:::+)[ \t]*(\S*)[^\n]*\n(.*?)^\1[ \t]*$")
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
BEFORE = re.compile(r"^(poetry run |\.venv/bin/)")
"""What stands before a program and changes nothing."""


def name(page: Path) -> str:
    """The page as its reader calls it."""
    return str(page.relative_to(ROOT))


def fences(page: Path) -> Iterator[tuple[str, str]]:
    """The language or directive of each fenced block, and the block."""
    for found in FENCE.finditer(page.read_text()):
        yield found[2], found[3]


def commands(page: Path) -> list[tuple[str, ...]]:
    """The words of every command line in a block of ``sh``, one after another."""
    lines = [line for kind, block in fences(page) if kind == "sh" for line in block.replace("\\\n", " ").splitlines()]
    return [words for line in lines if (words := split(line))]


def spans(page: Path, programs: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The words of every command that stands within a sentence or a table: more than one, the first a program."""
    text = FENCE.sub("", page.read_text())
    found = [split(span) for span in SPAN.findall(text) if "<" not in span and "..." not in span]
    return [words for words in found if len(words) > 1 and words[0] in programs]


def split(line: str) -> tuple[str, ...]:
    """The words of a command line, without its comment and without what leads to ``.venv``."""
    try:
        return tuple(shlex.split(BEFORE.sub("", line), comments=True))
    except ValueError:
        return ()
