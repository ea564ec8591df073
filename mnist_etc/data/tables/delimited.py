"""Tables of text: Kaggle's CSV, pandas', Excel's, NumPy's; plain or compressed."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mnist_etc.data.tables.compressed import open_bytes
from mnist_etc.data.tables.digits import read_numbers
from mnist_etc.data.tables.layout import Layout
from mnist_etc.data.tables.sniff import HEAD, parse_number, sniff
from mnist_etc.errors import DataError

__all__ = ["DelimitedTable"]

BLOCK = 2**21
"""Bytes that are parsed at once, which a row has to fit into."""


class DelimitedTable:
    """A CSV file, parsed block by block by pyarrow.

    Args:
        path: of the file; a gzip of it, or a zip archive that holds it alone, will do.

    Raises:
        DataError: it is no table, or damaged.
    """

    classes: dict[str, Sequence[str]] = {}  # noqa: RUF012 - a text table states none

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._path = path
        with open_bytes(path) as file:
            head = file.read(HEAD)
            cut = bool(file.read(1))
        self._dialect = sniff(head, self.place, cut=cut)
        self.columns = self._dialect.columns

    @property
    def named(self) -> bool:
        """Whether the table begins with the names of its columns."""
        return bool(self._dialect.header)

    @property
    def first_row(self) -> list[str]:
        """The cells of the first row."""
        return next(cells for row, _, cells in self._records() if row == 0)

    def batches(self, layout: Layout) -> Iterator[list[Any]]:
        """Read columns; see `Table`."""
        import pyarrow as pa
        import pyarrow.csv

        names = [str(at) for at in range(len(self.columns))]
        chosen, dialect = [names[at] for at in layout.positions], self._dialect
        types = dict.fromkeys(chosen, pa.string())
        whole = bool(layout.side) and all(dialect.whole[at] for at in layout.image)
        if layout.side:
            types |= dict.fromkeys((names[at] for at in layout.image), pa.uint8() if whole else pa.float32())
        try:
            with self._source() as source:
                start, header = b"", dialect.header
                if whole and dialect.encoding == "utf-8":
                    start, header = yield from self._numbers(source, layout)
                    if not start:
                        return
                reader = pa.csv.open_csv(
                    _Continued(start, source),
                    read_options=pa.csv.ReadOptions(
                        use_threads=False,
                        block_size=BLOCK,
                        column_names=names,
                        skip_rows=header,
                        encoding=dialect.encoding,
                    ),
                    parse_options=pa.csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=False),
                    convert_options=pa.csv.ConvertOptions(
                        column_types=types, include_columns=chosen, decimal_point=dialect.decimal
                    ),
                )
                for batch in reader:
                    yield [batch.column(name) for name in chosen]
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise self._explain(error, layout) from error
        except (OSError, EOFError) as error:
            cause = " ".join(str(error).split())
            raise DataError(f"{self.place} is no whole file: {cause}. Replace the file.") from error

    def _numbers(self, source: Any, layout: Layout) -> Generator[list[Any], None, tuple[bytes, int]]:
        """Yield batches as long as the rows are whole numbers of 0 to 255 alone; return what `read_numbers` returns."""
        import pyarrow as pa

        blocks = read_numbers(source, self._dialect.delimiter, len(self.columns), self._dialect.header, BLOCK)
        around = slice(layout.image[0], layout.image[-1] + 1)
        adjacent = layout.image == tuple(range(around.start, around.stop))
        chosen = around if adjacent else list(layout.image)  # a slice takes a tenth of the time
        others = layout.positions[len(layout.image) :]
        while True:
            try:
                block = next(blocks)
            except StopIteration as end:
                left: tuple[bytes, int] = end.value
                return left
            pixels = np.concatenate([numbers.values[:, chosen] for numbers in block])
            texts = ([text for numbers in block for text in numbers.texts(at)] for at in others)
            yield [pixels, *(pa.array(column, pa.string()) for column in texts)]

    def refuse(self, row: int, cause: str) -> DataError:
        """The error for what is wrong with a row, counted from 0."""
        line = next((line for number, line, _ in self._records() if number == row), row + 1 + self._dialect.header)
        return self._wrong(line, cause)

    def _wrong(self, line: int, cause: str) -> DataError:
        return DataError(
            f"Expected an image in each row of {self.place}; received {cause} in line {line:,}. "
            "Correct or remove the line."
        )

    def _explain(self, error: Exception, layout: Layout) -> DataError:
        """The error for the first row that pyarrow cannot have read, which is searched for from the beginning."""
        width = len(self.columns)
        numbers = layout.image if layout.side else ()
        whole = all(self._dialect.whole[at] for at in numbers)
        try:
            for _, line, cells in self._records():
                if len(cells) != width:
                    return self._wrong(line, f"{len(cells):,} values where the first line has {width:,}")
                for at in numbers:
                    number = parse_number(cells[at], self._dialect.decimal)
                    plain = cells[at].strip().isdecimal() and cells[at].isascii()  # as pyarrow: no sign, no point
                    if number is None or (whole and not (plain and number <= 255)):
                        kind = "whole numbers of 0 to 255" if whole else "numbers"
                        shown = cells[at].strip()[:20]
                        return self._wrong(line, f"{shown!r} where the first rows have {kind}")
        except (csv.Error, UnicodeDecodeError) as broken:
            error = broken
        cause = " ".join(str(error).split())[:200]
        return DataError(f"{self.place} is no whole table: {cause}. Save it again.")

    def _records(self) -> Iterator[tuple[int, int, list[str]]]:
        """Number, line and cells of each row, by Python's own parser: slow, for messages."""
        encoding = "utf-8-sig" if self._dialect.encoding == "utf-8" else self._dialect.encoding
        with open_bytes(self._path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
            lines = (f"{' '.join(line.split())}\n" for line in text) if self._dialect.delimiter == " " else text
            reader = csv.reader(lines, delimiter=self._dialect.delimiter)
            number = -self._dialect.header
            for cells in reader:
                if cells:
                    if number >= 0:
                        yield number, reader.line_num, cells
                    number += 1

    @contextmanager
    def _source(self) -> Iterator[Any]:
        """The decompressed file; spaces that stand for one delimiter are made one."""
        with open_bytes(self._path) as file:
            yield _Spaced(file) if self._dialect.delimiter == " " else file


class _Continued(io.RawIOBase):
    """A file whose first bytes have been read."""

    def __init__(self, start: bytes, file: Any) -> None:
        super().__init__()
        self._start, self._file = start, file

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read ``size`` bytes, unless the file ends before: pyarrow takes them for a block."""
        found, self._start = self._start[:size], self._start[size:]
        return found + self._file.read(size - len(found)) if len(found) < size else found


class _Spaced(io.RawIOBase):
    """Text whose rows begin and end without a space, and whose spaces stand alone, as `numpy.savetxt` writes others."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self._file, self._left = file, b""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read at least ``size`` bytes, unless the file ends before."""
        while len(self._left) < size and (line := self._file.readline()):
            self._left += b" ".join(line.split()) + b"\n"
        found, self._left = self._left[:size], self._left[size:]
        return found
