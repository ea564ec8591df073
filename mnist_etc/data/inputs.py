"""What a user passes as ``input=`` (one image, a folder of them, an IDX or a NumPy file), read batch by batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.content import START, describe
from mnist_etc.data.dataset import SIDE, Split
from mnist_etc.errors import DataError

__all__ = ["EMPTY", "SEVERAL", "THUMBNAIL", "Batch", "ImageStream", "InputOptions", "open_input", "stream_split"]

BATCH_SIZE = 512
"""Images a batch: what bounds the memory, however many there are."""
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
    """``(n,)``; -1 where a picture was split, since its label is of the whole."""
    mismatch: list[float] = field(default_factory=list)
    """Of each image, see `mnist_etc.data.figures.Figure`."""
    warnings: list[str] = field(default_factory=list)
    """One an image: `EMPTY`, `SEVERAL` or nothing."""
    originals: list[NDArray[np.uint8]] = field(default_factory=list)
    """Gray picture behind each image, made small, where they were asked for."""
    failures: list[DataError] = field(default_factory=list)
    """One for each image that could not be read; those are not in ``images``."""


@dataclass(frozen=True)
class ImageStream:
    """Images that are read as they are asked for, so that memory holds one batch, however many there are."""

    key: str
    """What the names in its batches are: "index", the position in an array, or "file", a path."""
    batches: Iterator[Batch]


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """How a user's pictures become images; the keys of the same names are explained beside ``conf/infer.yaml``."""

    prepare: Prepare = Prepare.auto
    polarity: Polarity = Polarity.auto
    split: bool = False
    side: int = SIDE
    """Of the images that the model reads."""
    originals: bool = False
    """Keep the pictures, to show them."""


def stream_split(split: Split) -> ImageStream:
    """Stream the images of a dataset's split as they are, with their labels."""
    return ImageStream("index", _split_batches(split))


def open_input(path: Path, options: InputOptions) -> ImageStream:
    """Open a user's own file or folder; files are told apart by content and not by suffix.

    A folder is searched below too, sorted, for names with the suffix of an image.

    Args:
        path: a PNG, JPEG, IDX, npz or npy file, or a folder of PNG and JPEG files.
        options: how pictures become images.

    Raises:
        DataError: at once where ``path`` is missing or of no known kind, is a pickle, or holds no image at all; a
            picture of a folder that cannot be read is among the failures of its batch instead.
    """
    if path.is_dir():
        from mnist_etc.data import images

        found = images.find(path)
        if not found:
            raise DataError(f"Expected .png, .jpg or .jpeg files in {path}; received none. Check the path.")
        return ImageStream("file", _file_batches(found, [str(file.relative_to(path)) for file in found], options))
    if not path.is_file():
        raise DataError(f"There is no file and no folder input={path}. Check the path.")
    try:
        with path.open("rb") as file:
            start = file.read(START)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}. Check its permissions.") from error
    if start.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        return ImageStream("file", _file_batches([path], [path.name], options))
    return ImageStream("index", _array_batches(*_read(path, start), options))


def _read(path: Path, start: bytes) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
    """The array in the file that begins with ``start``, and its labels if it holds any."""
    from mnist_etc.data import arrays, idx

    if start.startswith(b"\x1f\x8b") or (start.startswith(b"\0\0") and start[4:8] != b"ftyp"):
        return idx.read_images(path), None
    if start.startswith(b"PK"):
        return arrays.read_npz(path)
    if start.startswith(b"\x93NUMPY"):
        return arrays.read_npy(path), None
    received, remedy = describe(start)
    raise DataError(
        f"Expected a PNG, JPEG, IDX or npz file in {path}; received {received}. {remedy or 'Convert the file.'}"
    )


def _split_batches(split: Split) -> Iterator[Batch]:
    for start in range(0, len(split), BATCH_SIZE):
        part = slice(start, start + BATCH_SIZE)
        names = [str(position) for position in range(start, start + len(split.labels[part]))]
        nothing = [""] * len(names)
        yield Batch(names, split.images[part], split.labels[part], [0.0] * len(names), nothing)


def _array_batches(pixels: NDArray[Any], labels: NDArray[np.int64] | None, options: InputOptions) -> Iterator[Batch]:
    from mnist_etc.data import arrays

    for start in range(0, len(pixels), BATCH_SIZE):
        part = slice(start, start + BATCH_SIZE)
        pictures = list(arrays.to_gray(pixels[part]))
        names = [str(position) for position in range(start, start + len(pictures))]
        yield _batch(names, pictures, [] if labels is None else labels[part].tolist(), options)


def _file_batches(paths: list[Path], names: list[str], options: InputOptions) -> Iterator[Batch]:
    from mnist_etc.data import images

    for start in range(0, len(paths), BATCH_SIZE):
        pictures, found, failures = [], [], []
        for path, name in zip(paths[start : start + BATCH_SIZE], names[start : start + BATCH_SIZE], strict=True):
            try:
                pictures.append(images.read(path, options.polarity))
                found.append(name)
            except DataError as error:
                failures.append(error)
        batch = _batch(found, pictures, [], options)
        yield dataclasses.replace(batch, failures=failures)


def _batch(names: list[str], pictures: list[NDArray[np.uint8]], labels: list[int], options: InputOptions) -> Batch:
    """Rows for the figures of pictures: one a picture, or with ``options.split`` one a figure, numbered from 1."""
    from mnist_etc.data.prepare import prepare

    rows: list[tuple[str, NDArray[np.uint8], int, float, str]] = []
    originals = []
    for position, (name, picture) in enumerate(zip(names, pictures, strict=True)):
        prepared = prepare(picture, options.prepare, options.polarity, side=options.side)
        figures, label = prepared.images, labels[position] if labels else -1
        if not len(figures):
            new = [(name, np.zeros((options.side, options.side), np.uint8), label, 0.0, EMPTY)]
        elif len(figures) > 1 and options.split:
            pairs = zip(figures, prepared.mismatch, strict=True)
            new = [(f"{name}:{number}", figure, -1, mismatch, "") for number, (figure, mismatch) in enumerate(pairs, 1)]
        else:
            main = prepared.main
            new = [(name, figures[main], label, prepared.mismatch[main], SEVERAL if len(figures) > 1 else "")]
        rows += new
        originals += [_thumbnail(picture)] * len(new) if options.originals else []
    return Batch(
        names=[row[0] for row in rows],
        images=np.stack([row[1] for row in rows]) if rows else np.empty((0, options.side, options.side), np.uint8),
        labels=np.array([row[2] for row in rows]) if labels else None,
        mismatch=[row[3] for row in rows],
        warnings=[row[4] for row in rows],
        originals=originals,
    )


def _thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """At most `THUMBNAIL` pixels a side."""
    image = Image.fromarray(picture)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return np.asarray(image)
