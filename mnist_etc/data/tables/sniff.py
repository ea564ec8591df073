"""What a text table is, from its first lines: coding, delimiter, header, and what its columns hold."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass

from mnist_etc.data.tables.layout import SMALLEST, Column, Kind
from mnist_etc.errors import DataError

__all__ = ["HEAD", "Dialect", "parse_number", "sniff"]

HEAD = 2**20
"""Bytes that are looked at."""
ROWS = 100
DELIMITERS = "\t;|,"
"""In the order in which they are tried; a space last."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a text table is written."""

    encoding: str
    delimiter: str
    decimal: str
    """The decimal point."""
    header: int
    """Lines before the first row: 1 where the columns have names."""
    columns: tuple[Column, ...]
    whole: tuple[bool, ...]
    """Of each column whether its first rows hold whole numbers of 0 to 255 alone."""


def sniff(head: bytes, place: str, *, cut: bool) -> Dialect:
    """Find out how a table is written.

    Args:
        head: its first bytes, at most `HEAD`.
        place: names it in a message.
        cut: whether the file goes on after ``head``.

    Raises:
        DataError: the bytes are no text, or no table.
    """
    text, encoding = _decode(head, place, cut=cut)
    lines = [line for line in text.splitlines() if line.strip()]
    if cut and len(lines) > 1:
        lines = lines[:-1]
    if not lines:
        raise DataError(f"Expected a table in {place}; received an empty file. Replace the file.")
    delimiter = next((mark for mark in DELIMITERS if mark in lines[0]), " " if " " in lines[0].strip() else ",")
    if delimiter == " ":
        lines = [" ".join(line.split()) for line in lines]
    rows = _parse(lines[: ROWS + 1], delimiter, place)
    decimal = "," if delimiter != "," and any("," in cell for row in rows[-1:] for cell in row) else "."
    header = _is_header(rows, decimal)
    names = [cell.strip() for cell in rows[0]] if header else [f"column {at}" for at in range(1, len(rows[0]) + 1)]
    names[0] = names[0].removeprefix("#").strip()
    body = rows[1:] if header else rows
    if not body:
        raise DataError(f"Expected a row of pixels in {place}; received a header alone. Replace the file.")
    cells = [[row[at] for row in body if at < len(row)] for at in range(len(names))]
    return Dialect(
        encoding=encoding,
        delimiter=delimiter,
        decimal=decimal,
        header=int(header),
        columns=tuple(Column(name, _kind(column, decimal)) for name, column in zip(names, cells, strict=True)),
        whole=tuple(all(_is_byte(cell) for cell in column) for column in cells),
    )


def parse_number(cell: str, decimal: str = ".") -> float | None:
    """The number in a cell; None where there is none."""
    try:
        return float(cell.strip().replace(decimal, ".") if decimal != "." else cell)
    except ValueError:
        return None


def _decode(head: bytes, place: str, *, cut: bool) -> tuple[str, str]:
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head, final=not cut)
    except UnicodeDecodeError as error:
        raise DataError(
            f"Expected text in UTF-8 or UTF-16 in {place}; received a byte 0x{head[error.start]:02x}. Save it as UTF-8."
        ) from error
    return text.removeprefix("\ufeff"), encoding


def _parse(lines: list[str], delimiter: str, place: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter) if row]
    except csv.Error as error:
        raise DataError(f"{place} is no whole table: {error}. Save it again.") from error


def _is_header(rows: list[list[str]], decimal: str) -> bool:
    """Whether the first row is one of names: no numbers for most columns that hold them, or the columns' positions."""
    first, second = rows[0], rows[1] if len(rows) > 1 else []
    numeric = [at for at, cell in enumerate(second) if parse_number(cell, decimal) is not None and at < len(first)]
    named = [at for at in numeric if parse_number(first[at], decimal) is None]
    if not numeric:
        return all(parse_number(cell, decimal) is None for cell in first) and (
            len(rows) > 1 or len(first) > SMALLEST**2
        )
    counted = [cell.strip() for cell in first if cell.strip().isdecimal()]
    start = int(counted[0]) if counted else 0
    consecutive = len(counted) >= SMALLEST**2 and counted == [str(start + at) for at in range(len(counted))]
    return 2 * len(named) > len(numeric) or consecutive


def _kind(cells: list[str], decimal: str) -> Kind:
    if all(not cell.strip() for cell in cells):
        return Kind.other
    if all(parse_number(cell, decimal) is not None for cell in cells if cell.strip()):
        return Kind.number
    parts = cells[0].strip().strip("[]()").replace(",", " ").split()
    lists = len(parts) >= SMALLEST**2 and all(parse_number(part) is not None for part in parts)
    return Kind.pixels if lists else Kind.text


def _is_byte(cell: str) -> bool:
    text = cell.strip()
    return not text or (text.isdecimal() and int(text) <= 255)
