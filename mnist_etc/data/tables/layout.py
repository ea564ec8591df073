"""Which columns of a table hold the image, and which one its label."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from mnist_etc.errors import DataError

__all__ = ["LABELS", "Column", "Kind", "Layout", "choose", "list_columns", "numbered_stem"]

LABELS = ("label", "labels", "class", "target", "y", "digit", "character", "emotion", "category", "fine_label")
"""Names of the column of labels, whatever their case."""
IMAGES = ("image", "img", "images", "pixels", "picture", "data", "x", "features", "png", "bytes")
INDEXES = ("", "index", "id", "idx", "unnamed: 0", "imageid", "image_id", "row", "__index_level_0__")
"""Names of columns that number the rows."""
SMALLEST = 8
"""Pixels of a side."""
SHOWN = 9
NUMBERED = re.compile(r"(?P<stem>.*?)(?P<first>\d+)(?:\D{1,2}(?P<second>\d+))?")


class Kind(Enum):
    """What a column holds."""

    number = "number"
    """One number a row: a pixel, a label, an index."""
    text = "text"
    picture = "picture"
    """A whole image a row: the bytes of a file, or one raw byte a pixel."""
    pixels = "pixels"
    """A whole image a row: a list of numbers, nested or not, or a text of them."""
    other = "other"


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Positions of the columns that are read."""

    image: tuple[int, ...]
    """One column a pixel, row by row; or the only column, which holds whole images."""
    side: int
    """Pixels of each side where there is a column a pixel; else 0, as the images say."""
    label: int | None
    owner: int | None = None

    @property
    def positions(self) -> list[int]:
        """Of all columns that are read."""
        return [*self.image, *(place for place in (self.label, self.owner) if place is not None)]


def choose(
    columns: Sequence[Column],
    place: str,
    *,
    image: str | None = None,
    label: str | None = None,
    owner: str | None = None,
    named: bool = True,
) -> Layout:
    """Choose the columns of the image and of its label by their kinds, names and number.

    Args:
        columns: of the table, in its order.
        place: names the file in a message.
        image: name of a column of whole images; None: to be found.
        label: name of the column of labels; None: to be found, and there may be none.
        owner: name of a column that says whose each image is.
        named: whether the columns have names; if not, they are told by their kinds and number alone.

    Raises:
        DataError: there is no image or no column of a name that was given, or several columns fit.
    """
    taken = _named(columns, label, "data.label_column", place)
    owned = _named(columns, owner, "data.owners", place)
    pixels, side, rest = _find_image(columns, place, image, {taken, owned}, named=named)
    if taken is None:
        taken = _find_label(columns, [at for at in rest if at != owned], place) if named else next(iter(rest), None)
    return Layout(image=pixels, side=side, label=taken, owner=owned)


def numbered_stem(column: Column) -> str | None:
    """What stands before the number in the name of one of many like columns; None: it has no number."""
    match = NUMBERED.fullmatch(column.name.strip())
    return match["stem"] if match else None


def list_columns(columns: Sequence[Column]) -> str:
    """The names for a message: all, or, where they are many, the first and how many more there are."""
    shown = ", ".join(column.name or "''" for column in columns[:SHOWN])
    more = len(columns) - SHOWN
    return shown + (f" and {more:,} more" if more > 0 else "")


def _named(columns: Sequence[Column], name: str | None, key: str, place: str) -> int | None:
    if name is None:
        return None
    found = [at for at, column in enumerate(columns) if column.name == name]
    if len(found) != 1:
        received = f"{len(found)} of that name" if found else f"the columns {list_columns(columns)}"
        raise DataError(f"Expected a column {name!r} in {place}; received {received}. Correct {key}.")
    return found[0]


def _find_image(
    columns: Sequence[Column], place: str, image: str | None, others: set[int | None], *, named: bool
) -> tuple[tuple[int, ...], int, list[int]]:
    """Positions of the image's columns, its side where they are pixels, and the positions that are left."""
    free = [at for at in range(len(columns)) if at not in others]
    whole = [at for at in free if columns[at].kind in (Kind.picture, Kind.pixels)]
    if image is not None:
        whole = [at for at in (_named(columns, image, "data.image_column", place),) if at is not None]
    elif len(whole) > 1:
        usual = [at for at in whole if columns[at].name.lower() in IMAGES]
        whole = usual if len(usual) == 1 else whole
    if len(whole) > 1:
        fit = list_columns([columns[at] for at in whole])
        raise DataError(
            f"Expected one column of images in {place}; received {len(whole)}: {fit}. "
            "Choose one by data.image_column=<its name>."
        )
    if whole:
        if columns[whole[0]].kind not in (Kind.picture, Kind.pixels):
            raise DataError(
                f"Expected images in the column {columns[whole[0]].name!r} of {place}; received one "
                f"{columns[whole[0]].kind.value} a row. Correct data.image_column."
            )
        return tuple(whole), 0, [at for at in free if at not in whole]
    numbers = [at for at in free if columns[at].kind is Kind.number]
    found = _by_name(columns, numbers) if named else _by_number(columns, numbers)
    if not found:
        odd = [column for column in columns if column.kind in (Kind.text, Kind.other) and numbered_stem(column)]
        if odd and len(odd) < len(numbers):
            raise DataError(
                f"Expected numbers in all columns of pixels of {place}; received others, or none, in "
                f"{list_columns(odd)}. Correct its cells, or remove their rows."
            )
        raise DataError(
            f"Expected images in {place}: a column a pixel, as many as a square has (64, 256, 784, 1,024 ...), or a "
            f"column of images or lists; received {len(columns):,} columns: {list_columns(columns)}. "
            "Save one gray image a row."
        )
    return tuple(found), math.isqrt(len(found)), [at for at in free if at not in found]


def _by_name(columns: Sequence[Column], numbers: list[int]) -> list[int]:
    """The columns whose names differ by their numbers alone (pixel0, 1x1, pixel_0_0), sorted by those numbers."""
    groups: dict[tuple[str, bool], list[tuple[int, int, int]]] = {}
    for at in numbers:
        if match := NUMBERED.fullmatch(columns[at].name.strip()):
            second = match["second"]
            group = groups.setdefault((match["stem"], second is not None), [])
            group.append((int(match["first"]), int(second or 0), at))
    for group in sorted(groups.values(), key=len, reverse=True):
        found = [at for *_, at in sorted(group)]
        if _is_square(len(found)):
            return found
        if _is_square(len(found) - 1):  # V1 to V785: the label is numbered as the pixels are
            return found[1:]
    rest = [at for at in numbers if columns[at].name.strip().lower() not in (*LABELS, *INDEXES)]
    return rest if _is_square(len(rest)) else []


def _by_number(columns: Sequence[Column], numbers: list[int]) -> list[int]:
    """The columns of a table without names: all, or all but the label in the first or the last place."""
    if _is_square(len(numbers)):
        return numbers
    if len(numbers) == sum(column.kind is not Kind.other for column in columns) and _is_square(len(numbers) - 1):
        return numbers[1:]
    return []


def _is_square(count: int) -> bool:
    return count >= SMALLEST**2 and math.isqrt(count) ** 2 == count


def _find_label(columns: Sequence[Column], rest: list[int], place: str) -> int | None:
    """The only column named as labels are, or else the only one that is left and no index; None: there is none."""
    rest = [at for at in rest if columns[at].kind in (Kind.number, Kind.text)]
    usual = [at for at in rest if columns[at].name.strip().lower() in LABELS]
    if len(usual) > 1:
        fit = list_columns([columns[at] for at in usual])
        raise DataError(
            f"Expected one column of labels in {place}; received {len(usual)}: {fit}. "
            "Choose one by data.label_column=<its name>."
        )
    others = [at for at in rest if columns[at].name.strip().lower() not in INDEXES]
    return usual[0] if usual else others[0] if len(others) == 1 else None
