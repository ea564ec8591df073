"""What a reader of a user's file or folder yields: gray pictures, piece by piece, before any preparation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.dataset import DIGITS, SIDE
from mnist_etc.errors import DataError

__all__ = ["PIECE", "InputOptions", "InputPart", "Pictures", "Source"]

PIECE = 512
"""Pictures a piece: what bounds the memory, however many there are."""


@dataclass(frozen=True, kw_only=True)
class InputPart:
    """A part of an input, which is read as it would be in the whole."""

    files: tuple[str, ...] = ()
    """Of a folder of pictures: their paths below it."""
    rows: tuple[int, int] | None = None
    """Of a Parquet file: the first, and the one after the last; None: all."""
    like: str | None = None
    """The table whose columns and first rows tell what all pixels and labels stand for."""


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """How a user's pictures become images; the keys of the same names are explained beside ``conf/infer.yaml``."""

    prepare: Prepare = Prepare.auto
    polarity: Polarity = Polarity.auto
    split: bool = False
    side: int = SIDE
    """Of the images that the model reads."""
    names: Sequence[str] = DIGITS
    """Of the model's classes, in the order of their numbers."""
    key: str | None = None
    """Which of several arrays or columns holds the images; None: the usual name."""
    label_key: str | None = None
    """Which of several columns holds the labels; None: the usual name."""
    originals: bool = False
    """Keep the pictures, to show them."""
    part: InputPart | None = None
    """What of the input is read; None: all."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """A piece of a `Source`."""

    names: Sequence[str]
    """Of each picture: its position in the file, from 0, or its path below the folder."""
    images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]
    """Of each its gray levels ``(height, width)``; one array ``(n, height, width)`` where all are of one size."""
    labels: Sequence[str | int | None] | None = None
    """Of each the name of its class or its number, None where it is not known; None alone: no picture has one."""
    failures: Sequence[DataError] = field(default_factory=list)
    """One for each picture that could not be read; those are in none of the other fields."""
    notes: Sequence[str] = ()
    """Lines for stderr about these pictures."""


@dataclass(frozen=True)
class Source:
    """Pictures that are read as they are asked for."""

    key: str
    """What their names are: "index", the position in a file, or "file", a path."""
    pieces: Iterator[Pictures]
    """Of at most `PIECE` pictures each."""
    notes: Sequence[str] = ()
    """Lines for stderr: what was passed over, what was guessed."""
    polarity: Polarity | None = None
    """Of all the pictures, where their first ones tell it; None: each tells its own."""
