"""Labels of a table: what is written in them, and which class of a model each one is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.tables.pixels import to_numpy

__all__ = ["Labels", "Naming", "encode"]

UNKNOWN = -1
_WHOLE = re.compile(r"(\d+)\.0*(?:e\+?00)?")
"""A whole number that was written as a float."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of some rows: each different one once, and which of them each row has."""

    codes: NDArray[np.int64]
    """``(n,)``: the position in ``texts``; -1 where there is none."""
    texts: tuple[str, ...]
    """The labels as names of classes."""
    numbers: tuple[int | None, ...]
    """The labels as numbers of classes, where they are such."""

    def some(self, chosen: slice | list[int]) -> Labels:
        """Those of some rows."""
        return Labels(self.codes[chosen], self.texts, self.numbers)

    def texts_of_rows(self) -> list[str | None]:
        """Of each row; None where there is none."""
        return [None if code < 0 else self.texts[code] for code in self.codes.tolist()]


def encode(column: Any, classes: Sequence[str] | None) -> Labels:
    """Encode a pyarrow column of labels.

    Args:
        column: whole numbers, also as floats, or texts.
        classes: names of the classes that numbers stand for, where the file states them.
    """
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    codes = to_numpy(column.indices).astype(np.int64)
    if column.indices.null_count:
        codes[np.array(column.indices.is_null().to_pylist())] = UNKNOWN
    values = [_plain(value) for value in column.dictionary.to_pylist()]
    without = [value is None or value == "" or (isinstance(value, int) and value < 0) for value in values]
    if any(without):
        codes[np.isin(codes, np.flatnonzero(without))] = UNKNOWN
    texts, numbers = [], []
    for value in values:
        number = int(str(value)) if str(value).isdecimal() else None
        named = classes is not None and isinstance(value, int) and number is not None and number < len(classes)
        texts.append(classes[number] if named and classes and number is not None else str(value))
        numbers.append(number)
    return Labels(codes, tuple(texts), tuple(numbers))


def _plain(value: object) -> object:
    """Whole floats as whole numbers, bytes as text, NaN as nothing."""
    if isinstance(value, float):
        return None if value != value else int(value) if value.is_integer() else value
    if isinstance(value, bytes):
        return value.decode(errors="replace").strip()
    if isinstance(value, str):
        text = value.strip()
        return match[1] if (match := _WHOLE.fullmatch(text)) else text
    return value


@dataclass
class Naming:
    """Brings labels to the names of a model's classes: numbers that are no names themselves count the classes from 0.

    Which of the two they are is settled by the first rows.
    """

    names: Sequence[str]
    by_name: bool | None = None

    def name(self, labels: Labels) -> list[str | None]:
        """Name the class of each row; a label that is none stays as it is, a row without one has None."""
        used = [labels.texts[code] for code in np.unique(labels.codes[labels.codes >= 0])]
        numbers = dict(zip(labels.texts, labels.numbers, strict=True))
        if self.by_name is None and used:
            counted = all(number is not None and number < len(self.names) for number in map(numbers.get, used))
            self.by_name = set(used) <= set(self.names) or not counted
        texts: list[str | None] = []
        for text, number in zip(labels.texts, labels.numbers, strict=True):
            counts = not self.by_name and number is not None and number < len(self.names)
            texts.append(self.names[number] if counts and number is not None else text)
        texts.append(None)  # where the code is -1
        return [texts[code] for code in labels.codes.tolist()]
