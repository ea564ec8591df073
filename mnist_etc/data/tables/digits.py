"""Text of whole numbers of 0 to 255 and nothing else, parsed a block at a time by operations on all of its bytes.

pyarrow parses a column at a time, at a quarter of the speed; whatever is not so plain is left to it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Numbers", "parse", "read_numbers"]

PART = 2**17
"""Bytes that are parsed at once: all that is made of them fits the cache of a core."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """Rows of text as numbers."""

    values: NDArray[np.uint8]
    """``(rows, columns)``."""
    text: bytes
    ends: NDArray[np.int64]
    """``(rows, columns)``: the position in ``text`` after each number."""

    def texts(self, column: int) -> list[str]:
        """A column as it is written."""
        before = self.ends[:, column - 1] if column else np.append(-1, self.ends[:-1, -1])
        pairs = zip(before.tolist(), self.ends[:, column].tolist(), strict=True)
        return [self.text[start + 1 : end].decode() for start, end in pairs]


def read_numbers(
    source: Any, delimiter: str, columns: int, header: int, block: int
) -> Generator[list[Numbers], None, tuple[bytes, int]]:
    """Read a file as long as it is plain.

    Args:
        source: has ``read(size)``.
        delimiter: one character of ASCII.
        columns: of the table.
        header: lines before the first row, 0 or 1.
        block: bytes that are read at once, which a row has to fit into.

    Yields:
        The rows of a block.

    Returns:
        What was read and is not plain, and how many lines of header are in it; nothing at the end of the file.
    """
    rest = b""
    while True:
        new = source.read(block)
        text = rest + new
        if not text:
            return b"", 0
        start = text.find(b"\n") + 1 if header else 0
        stop = text.rfind(b"\n") + 1
        if new and start >= stop and len(text) < block:  # the last line, which may have no end
            rest = text
            continue
        lines = text[start:stop] if new else text[start:] + b"\n"
        found = parse_block(lines, delimiter, columns)
        if found is None or b"\r" in text[: max(start - 2, 0)]:
            return text, header
        yield found
        header, rest = 0, text[stop:] if new else b""


def parse_block(lines: bytes, delimiter: str, columns: int) -> list[Numbers] | None:
    """Parse whole lines; None where they are not plain, or there is none."""
    lines, found, start = lines.replace(b"\r\n", b"\n"), [], 0
    while start < len(lines):
        stop = lines.find(b"\n", start + PART) + 1 or len(lines)
        numbers = parse(lines[start:stop], delimiter, columns)
        if numbers is None:
            return None
        found.append(numbers)
        start = stop
    return found or None


def parse(lines: bytes, delimiter: str, columns: int) -> Numbers | None:
    """Parse lines that end in a line feed each.

    Args:
        lines: the text.
        delimiter: between two numbers.
        columns: numbers a line.

    Returns:
        None where a line has another number of columns, or anything but numbers of one to three digits, up to 255.
    """
    text = np.frombuffer(b"\n\n\n" + lines, np.uint8)
    digit = text - np.uint8(ord("0"))
    is_digit = digit < 10
    digit *= is_digit
    end, feed = ~is_digit[3:], text[3:] == ord("\n")
    one, two, three = is_digit[2:-1], is_digit[1:-2], is_digit[:-3]
    if (end & ~one).any() or not np.array_equal(end, feed | (text[3:] == ord(delimiter))):
        return None
    two = one & two
    three = two & three
    tens = digit[:-3] * three * np.uint8(10) + digit[1:-2] * two  # at most 99
    units = digit[2:-1]
    great = (tens > 25) | ((tens == 25) & (units > 5))
    if (three[1:] & three[:-1]).any() or great.any():
        return None
    ends = np.flatnonzero(end)
    rows = np.count_nonzero(feed)
    if len(ends) != rows * columns or not feed[ends[columns - 1 :: columns]].all():
        return None
    values = (tens * np.uint8(10) + units).take(ends)
    return Numbers(values.reshape(-1, columns), lines, ends.reshape(-1, columns))
