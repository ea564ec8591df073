"""What a user passes as ``input=``, whatever a row of `READERS` reads, batch by batch in the form of the models."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_etc.data.content import START, describe
from mnist_etc.data.dataset import Split
from mnist_etc.data.readers import choose
from mnist_etc.data.source import PIECE, InputOptions, Pictures
from mnist_etc.errors import DataError

__all__ = [
    "EMPTY",
    "SEVERAL",
    "THUMBNAIL",
    "Batch",
    "ImageStream",
    "InputOptions",
    "open_input",
    "prepare_batch",
    "stream_split",
]

EMPTY, SEVERAL = "empty", "several"
"""Warnings: no figure in the picture; more than one, of which the main one is answered."""
THUMBNAIL = 112


@dataclass(frozen=True, eq=False)
class Batch:
    """Images ready for the model; ``names`` holds a position or a path for each."""

    names: list[str]
    images: NDArray[np.uint8]
    """``(n, side, side)``, light on dark; black where there is no figure."""
    labels: NDArray[np.int64] | None = None
    """``(n,)``; -1 where it is not known, or a picture was split, since its label is of the whole."""
    mismatch: list[float] = field(default_factory=list)
    """Of each image, see `mnist_etc.data.figures.Figure`."""
    warnings: list[str] = field(default_factory=list)
    """One an image: `EMPTY`, `SEVERAL` or nothing."""
    originals: list[NDArray[np.uint8]] = field(default_factory=list)
    """Gray picture behind each image, made small, where they were asked for."""
    failures: list[DataError] = field(default_factory=list)
    """One for each image that could not be read; those are not in ``images``."""
    label_texts: list[str] | None = None
    """The labels as the file has them, where one of them is a text; an empty text where there is none."""


@dataclass(frozen=True)
class ImageStream:
    """Images that are read as they are asked for, so that memory holds one batch, however many there are."""

    key: str
    """What the names in its batches are: "index", the position in an array, or "file", a path."""
    batches: Iterator[Batch]


def stream_split(split: Split) -> ImageStream:
    """Stream the images of a dataset's split as they are, with their labels."""
    return ImageStream("index", _split_batches(split))


def open_input(path: Path, options: InputOptions) -> ImageStream:
    """Open a user's own file or folder; files are told apart by content and not by suffix.

    What was passed over in a folder, and what had to be guessed, is said on stderr.

    Args:
        path: whatever a row of `READERS` reads: an image, an IDX, npz or npy file, a folder of images.
        options: how pictures become images.

    Raises:
        DataError: at once where ``path`` is missing or of no known kind, is a pickle, or holds no image at all; a
            picture of a folder that cannot be read is among the failures of its batch instead.
    """
    if not path.is_dir() and not path.is_file():
        raise DataError(f"There is no file and no folder input={path}. Check the path.")
    start = b"" if path.is_dir() else _read_start(path)
    reader = choose(path, start)
    if reader is None:
        received, remedy = describe(start)
        raise DataError(
            f"Expected an image, an array or a table in {path}; received {received}. "
            f"{remedy or 'Convert the file to PNG, npy or CSV.'}"
        )
    source = reader.open(path, options)
    _say(source.notes)
    if source.polarity is not None:
        options = replace(options, polarity=source.polarity)
    return ImageStream(source.key, (prepare_batch(piece, options) for piece in source.pieces))


def _say(notes: Sequence[str]) -> None:
    for note in notes:
        print(note, file=sys.stderr)


def _read_start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(START)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}. Check its permissions.") from error


def _split_batches(split: Split) -> Iterator[Batch]:
    for start in range(0, len(split), PIECE):
        part = slice(start, start + PIECE)
        names = [str(position) for position in range(start, start + len(split.labels[part]))]
        nothing = [""] * len(names)
        yield Batch(names, split.images[part], split.labels[part], [0.0] * len(names), nothing)


def prepare_batch(pictures: Pictures, options: InputOptions) -> Batch:
    """Bring gray pictures to the form of the models.

    Args:
        pictures: a piece of a source; its notes are said on stderr.
        options: how pictures become images.

    Returns:
        Rows for the figures: one a picture, or with ``options.split`` one a figure, numbered from 1.
    """
    from mnist_etc.data.prepare import prepare_all

    _say(pictures.notes)
    rows: list[tuple[str, NDArray[np.uint8], str | int | None, float, str]] = []
    originals = []
    labels = pictures.labels or [None] * len(pictures.names)
    numbers = {name: number for number, name in enumerate(options.names)}
    ready = prepare_all(pictures.images, options.prepare, options.polarity, side=options.side)
    for name, picture, label, prepared in zip(pictures.names, pictures.images, labels, ready, strict=True):
        figures = prepared.images
        if not len(figures):
            new = [(name, np.zeros((options.side, options.side), np.uint8), label, 0.0, EMPTY)]
        elif len(figures) > 1 and options.split:
            pairs = zip(figures, prepared.mismatch, strict=True)
            new = [(f"{name}:{place}", figure, None, mismatch, "") for place, (figure, mismatch) in enumerate(pairs, 1)]
        else:
            main = prepared.main
            new = [(name, figures[main], label, prepared.mismatch[main], SEVERAL if len(figures) > 1 else "")]
        rows += new
        originals += [_thumbnail(picture)] * len(new) if options.originals else []
    return Batch(
        names=[row[0] for row in rows],
        images=np.stack([row[1] for row in rows]) if rows else np.empty((0, options.side, options.side), np.uint8),
        labels=None if pictures.labels is None else np.array([_number(row[2], numbers) for row in rows], np.int64),
        label_texts=_texts([row[2] for row in rows]),
        mismatch=[row[3] for row in rows],
        warnings=[row[4] for row in rows],
        originals=originals,
        failures=list(pictures.failures),
    )


def _number(label: str | int | None, numbers: Mapping[str, int]) -> int:
    """The number of a label's class among the model's; -1: it is not known."""
    if label is None:
        return -1
    if isinstance(label, str):
        return numbers.get(label, -1)
    return label


def _texts(labels: list[str | int | None]) -> list[str] | None:
    if not any(isinstance(label, str) for label in labels):
        return None
    return ["" if label is None else str(label) for label in labels]


def _thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """At most `THUMBNAIL` pixels a side."""
    image = Image.fromarray(picture)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return np.asarray(image)
