"""A column of whole pictures: the bytes of image files, or one raw byte a pixel."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data import images
from mnist_etc.data.config import Polarity
from mnist_etc.data.content import START
from mnist_etc.data.formats import format_of
from mnist_etc.data.tables.layout import SMALLEST
from mnist_etc.errors import DataError

__all__ = ["decode"]


def decode(
    column: Any, place: str, start: int, polarity: Polarity
) -> tuple[list[NDArray[np.uint8]], dict[int, DataError]]:
    """Decode a pyarrow column of bytes, or of structs of bytes and path as Hugging Face's ``Image`` is stored.

    Args:
        column: of the table.
        place: the table's path; a path in a struct without bytes is below its folder.
        start: position of the first row, for messages.
        polarity: decides on what ground transparent parts lie.

    Returns:
        The pictures that could be decoded, and an error for each row that could not.
    """
    pictures, failures = [], {}
    for row, value in enumerate(column.to_pylist()):
        name = f"row {start + row:,} of {place}"
        try:
            if isinstance(value, dict) and value.get("bytes") is None and value.get("path"):
                pictures.append(images.read(Path(place).parent / value["path"], polarity))
                continue
            content = value.get("bytes") if isinstance(value, dict) else value
            if not content:
                raise DataError(f"Expected an image in {name}; received nothing. Remove the row.")
            pictures.append(_decode(content, name, polarity))
        except DataError as error:
            failures[row] = error
    return pictures, failures


def _decode(content: bytes, name: str, polarity: Polarity) -> NDArray[np.uint8]:
    side = math.isqrt(len(content))
    if format_of(content[:START]) is None and side >= SMALLEST and side * side == len(content):
        return np.frombuffer(content, np.uint8).reshape(side, side)
    return images.read_file(io.BytesIO(content), name, polarity)
