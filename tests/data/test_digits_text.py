"""Text tables of small whole numbers, which are parsed without pyarrow: the answers and refusals are pyarrow's."""

from __future__ import annotations

import gzip
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pytest

from mnist_etc.data.config import Polarity
from mnist_etc.data.tables import delimited, digits, sniff
from mnist_etc.data.tables.delimited import DelimitedTable
from mnist_etc.data.tables.stream import find_layout
from mnist_etc.data.tables.table import read_rows
from mnist_etc.errors import DataError

WIDTH, ROWS = 65, 23
FEW = 1200
"""Bytes at once that hold a header and some rows."""


def cells(seed: int = 0) -> list[list[str]]:
    """Rows of a label and 8 x 8 pixels of one to three digits."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 10 ** generator.integers(1, 4, (ROWS, WIDTH - 1))).clip(0, 255)
    pixels[:, :3] = 0, 99, 255
    return [[str(row % 10), *map(str, line)] for row, line in enumerate(pixels)]


NAMES = ["label", *(f"pixel{at}" for at in range(WIDTH - 1))]


def text(rows: list[list[str]], delimiter: str = ",", end: str = "\n") -> bytes:
    return "".join(delimiter.join(row) + end for row in rows).encode()


def moved(place: int) -> list[list[str]]:
    """The label in another column."""
    return [[*row[1 : place + 1], row[0], *row[place + 1 :]] for row in [NAMES, *cells()]]


def changed(row: int, column: int, cell: str) -> bytes:
    rows = [NAMES, *cells()]
    rows[row + 1][column] = cell
    return text(rows)


def uneven() -> bytes:
    """A row with a value too many, the next with one too few."""
    rows = [NAMES, *cells()]
    rows[5].append(rows[6].pop())
    return text(rows)


LABELED = text([NAMES, *cells()])
LINES = LABELED.splitlines(keepends=True)
PLAIN = {
    "label first": LABELED,
    "label within": text(moved(32)),
    "label last": text(moved(WIDTH - 1)),
    "no header": text(cells()),
    "no header, no label": text([row[1:] for row in cells()]),
    "no label": text([row[1:] for row in [NAMES, *cells()]]),
    "CRLF": text([NAMES, *cells()], end="\r\n"),
    "no line feed at the end": LABELED.removesuffix(b"\n"),
    "CRLF, none at the end": text([NAMES, *cells()], end="\r\n").removesuffix(b"\r\n"),
    "semicolons": text([NAMES, *cells()], ";"),
    "tabs": text([NAMES, *cells()], "\t"),
    "spaces": text(cells(), " "),
    "pixels from the last to the first": text([row[::-1] for row in [NAMES, *cells()]]),
    "labels with zeros before them": text([NAMES, *(["0" + row[0], *row[1:]] for row in cells())]),
    "pixels with zeros before them": text(
        [NAMES, *([row[0], *(f"{cell:0>3}" for cell in row[1:])] for row in cells())]
    ),
    "UTF-8 with a mark before the header": b"\xef\xbb\xbf" + LABELED,
    "gzipped": gzip.compress(LABELED, mtime=0),
    "a quoted header": b",".join(b'"%s"' % name.encode() for name in NAMES) + b"\n" + text(cells()),
}
"""What is read without pyarrow."""
OTHERS = {
    "a blank line within": b"".join([*LINES[:9], b"\n", *LINES[9:]]),
    "blank lines at the end": LABELED + b"\n\n",
    "a blank line first": b"\n" + LABELED,
    "a quoted cell": changed(7, 3, '"17"'),
    "four digits": changed(7, 3, "0017"),
    "an index beyond 255": text([["id", *NAMES], *([str(250 + at), *row] for at, row in enumerate(cells()))]),
    "a float": changed(7, 3, "12.0"),
    "a sign": changed(7, 3, "+12"),
    "a negative": changed(7, 3, "-1"),
    "a space before a number": changed(7, 3, " 12"),
    "256": changed(7, 3, "256"),
    "260 at the end of a row": changed(7, 64, "260"),
    "999": changed(7, 3, "999"),
    "1000": changed(7, 3, "1000"),
    "an empty pixel": changed(7, 3, ""),
    "an empty label": changed(7, 0, ""),
    "a word as label": changed(7, 0, "seven"),
    "a word as pixel": changed(7, 3, "seven"),
    "digits of another script": changed(7, 3, "\u0661\u0662"),
    "no text": changed(7, 3, "1\0"),
    "a row too long": changed(7, 3, "1,2"),
    "a row too long, the next too short": uneven(),
    "a delimiter at the end": changed(7, 64, "1,"),
    "another delimiter": changed(7, 3, "1;2"),
    "carriage returns alone": text([NAMES, *cells()], end="\r"),
    "one carriage return alone": changed(7, 3, "1\r2"),
    "a last row cut off": LABELED[:-40],
    "a mark before the first row": b"\xef\xbb\xbf" + text(cells()),
    "a mark of UTF-16": LABELED.decode().encode("utf-16"),
}


def read(path: Path) -> tuple[list[Any], str]:
    """Positions, pictures and labels of each row that came, and the refusal."""
    found: list[Any] = []
    try:
        table = DelimitedTable(path)
        for rows in read_rows(table, find_layout(table), Polarity.auto):
            labels = [None] * len(rows.positions) if rows.labels is None else rows.labels.texts_of_rows()
            pictures = [picture.tolist() for picture in rows.pictures]
            found += zip(rows.positions, pictures, labels, strict=True)
    except DataError as error:
        return found, str(error)
    return found, ""


def nothing_plain(source: Any, _: str, __: int, header: int, block: int) -> Generator[Any, None, tuple[bytes, int]]:
    """Instead of `read_numbers`: all is left to pyarrow."""
    yield from ()
    return source.read(block), header


@pytest.mark.parametrize("block", [2**21, FEW])
@pytest.mark.parametrize("name", [*PLAIN, *OTHERS])
def test_as_pyarrow_reads_it(name: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes((PLAIN | OTHERS)[name])
    monkeypatch.setattr(sniff, "ROWS", 5)
    monkeypatch.setattr(delimited, "BLOCK", block)
    monkeypatch.setattr(digits, "PART", 300)
    found, refusal = read(path)
    with monkeypatch.context() as only_pyarrow:
        only_pyarrow.setattr(delimited, "read_numbers", nothing_plain)
        expected, its_refusal = read(path)
    assert refusal == its_refusal
    assert found == expected or refusal  # before a refusal more rows may come
    assert len(found) == ROWS or refusal


@pytest.mark.parametrize("name", PLAIN)
def test_plain_text_takes_no_pyarrow(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(PLAIN[name])
    monkeypatch.setattr(delimited, "BLOCK", FEW)
    table = DelimitedTable(path)
    layout = find_layout(table)
    monkeypatch.delattr(pyarrow.csv, "open_csv")
    assert sum(len(rows.positions) for rows in read_rows(table, layout, Polarity.auto)) == ROWS


@pytest.mark.parametrize("cell", ["256", "999", "1000", "-1", "+1", "12.0", "12.5", "\u0661", ""])
def test_a_refusal_names_the_line_past_the_first_block(
    cell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(changed(19, 3, cell))
    monkeypatch.setattr(sniff, "ROWS", 5)
    monkeypatch.setattr(delimited, "BLOCK", FEW)
    assert read(path)[1].endswith("in line 21. Correct or remove the line.")


def test_every_number_and_none_beyond() -> None:
    lines = "".join(f"{number},{255 - number}\n" for number in range(256)).encode()
    numbers = digits.parse(lines, ",", 2)
    assert numbers is not None
    assert numbers.values.tolist() == [[number, 255 - number] for number in range(256)]
    assert numbers.texts(1) == [str(255 - number) for number in range(256)]
    assert not any(digits.parse(f"1,{number}\n".encode(), ",", 2) for number in range(256, 2000))
