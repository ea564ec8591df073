"""Columns of pixels to gray images of uint8; what their numbers mean is found from the first rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.levels import Levels, guess
from mnist_etc.errors import DataError

__all__ = ["Fault", "find_levels", "read_columns", "read_lists", "to_levels", "to_numpy", "to_pictures"]

NEAR = 1e-3
WHITE = 255
NAMES = {"halffloat": "float16", "float": "float32", "double": "float64"}
"""NumPy's, where pyarrow's differ."""


class Fault(Exception):  # noqa: N818 - it is caught and told with the place
    """A row that is no image: its position among those that were read together, and what is wrong with it."""

    def __init__(self, row: int, cause: str) -> None:
        super().__init__(cause)
        self.row, self.cause = row, cause


def find_levels(values: NDArray[Any], place: str) -> Levels:
    """Find the range of the first images ``(n, ...)`` of a table, see `guess`.

    Raises:
        DataError: the numbers are in no range that images have.
        Fault: a number is not finite.
    """
    _check_finite(values)
    low, high = float(values.min()), float(values.max())
    whole = values.dtype.kind in "uib" or bool((values == np.round(values)).all())
    return guess(low, high, whole=whole, title=place)


def to_levels(values: NDArray[Any], levels: Levels) -> NDArray[np.uint8]:
    """Scale numbers ``(n, ...)`` to gray levels.

    Raises:
        Fault: a number is outside of the range, or not finite.
    """
    if values.dtype == np.uint8 and levels == Levels(0, WHITE):
        return values
    _check_finite(values)
    near = NEAR * (levels.white - levels.black)
    wrong = (values < levels.black - near) | (values > levels.white + near)
    if wrong.any():
        row = int(np.argmax(wrong.reshape(len(values), -1).any(axis=1)))
        value = values[row][wrong[row]].flat[0]
        raise Fault(row, f"a pixel of {value:g}, where those before are from {levels.black:.5g} to {levels.white:.5g}")
    return levels.to_uint8(values)


def _check_finite(values: NDArray[Any]) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).reshape(len(values), -1).all(axis=1)))
        raise Fault(row, "a pixel that is no number")


def read_columns(columns: list[Any]) -> NDArray[Any]:
    """Put pyarrow columns, one a pixel, side by side: ``(n, columns)``; an array of all of them is so already.

    Raises:
        Fault: a pixel is missing.
    """
    if isinstance(columns[0], np.ndarray):
        return columns[0]
    empty = [_first_null(column) for column in columns if column.null_count]
    if empty:
        raise Fault(min(empty), "an empty pixel")
    arrays = [to_numpy(column) for column in columns]
    values = np.empty((len(arrays), len(arrays[0])), np.result_type(*{array.dtype for array in arrays}))
    for row, array in zip(values, arrays, strict=True):
        row[:] = array
    return np.ascontiguousarray(values.T)


def to_numpy(column: Any) -> NDArray[Any]:
    """View a pyarrow array of numbers, none of which is missing; its own method would load pandas, which takes 1 s."""
    import pyarrow as pa

    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    dtype = np.dtype(NAMES.get(str(column.type), str(column.type)))
    if not len(column):
        return np.empty(0, dtype)
    return np.frombuffer(column.buffers()[1], dtype)[column.offset : column.offset + len(column)]


def _first_null(column: Any) -> int:
    return int(column.is_null().to_pylist().index(True))


def read_lists(column: Any) -> NDArray[Any]:
    """Read a pyarrow column of lists, nested or not, or of texts of numbers: ``(n, ...)``.

    Raises:
        Fault: a list is missing, empty, or of another length than the first.
    """
    import pyarrow as pa

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = _split_texts(column)
    shape = [len(column)]
    while True:
        if isinstance(column, pa.ExtensionArray):
            column = column.storage
        each = math.prod(shape[1:])
        if column.null_count:
            raise Fault(_first_null(column) // each, "a missing pixel or list")
        if pa.types.is_fixed_size_list(column.type):
            size = column.type.list_size
        elif pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            sizes = np.diff(to_numpy(column.offsets))
            size = int(sizes[0])
            if (sizes != size).any() or not size:
                odd = int(np.argmax(sizes != size))
                raise Fault(odd // each, f"a list of {sizes[odd]:,} where the first has {size:,}")
        else:
            break
        shape.append(size)
        column = column.flatten()
    return to_numpy(column).reshape(shape)


def _split_texts(column: Any) -> Any:
    """Texts such as ``[0, 12, 255]`` or ``0 12 255`` as lists of numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.replace_substring_regex(column, r"[\[\]()\s,;]+", " ")
    lists = pc.split_pattern(pc.utf8_trim_whitespace(plain), " ")
    try:
        return pa.ListArray.from_arrays(lists.offsets, lists.values.cast(pa.float32()))
    except pa.ArrowInvalid as error:
        for row, text in enumerate(plain.to_pylist()):
            if any(not _is_number(part) for part in (text or "").split()):
                raise Fault(row, "a pixel that is no number") from error
        raise Fault(0, str(error)) from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def to_pictures(values: NDArray[np.uint8], place: str) -> NDArray[np.uint8]:
    """Give gray levels ``(n, ...)`` the shape ``(n, height, width)``; colors are weighted as `to_gray` says.

    Raises:
        DataError: they have no such shape.
    """
    from mnist_etc.data.layout import to_gray

    shape = values.shape[1:]
    if len(shape) == 1 and math.isqrt(shape[0]) ** 2 == shape[0]:
        side = math.isqrt(shape[0])
        return values.reshape(-1, side, side)
    if len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3, 4):
        values = np.moveaxis(values, 1, -1)
        shape = values.shape[1:]
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4)):
        return to_gray(values)
    received = " x ".join(f"{size:,}" for size in shape)
    raise DataError(
        f"Expected square gray images in {place}, 784 numbers or 28 x 28; received lists of {received}. "
        "Save one gray image a row."
    )
