"""What a user passes as ``input=``: one image, a folder of them, an IDX file or a NumPy file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.config import Polarity
from mnist_etc.data.content import START, described
from mnist_etc.data.dataset import SIDE, Split
from mnist_etc.errors import DataError

__all__ = ["Batch", "Source", "of_split", "open_input"]

SIZE = 512
"""Images a batch: what bounds the memory, however many there are."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Images ready for the model; ``names`` holds a position or a path for each."""

    names: list[str]
    images: NDArray[np.uint8]
    """``(n, 28, 28)``, light on dark."""
    labels: NDArray[np.int64] | None = None
    failures: list[DataError] = field(default_factory=list)
    """One for each image that could not be read; those are not in ``images``."""


@dataclass(frozen=True)
class Source:
    """Batches and what their names are: "index" or "file"."""

    key: str
    batches: Iterator[Batch]


def of_split(split: Split) -> Source:
    """A dataset's split, taken as it is."""
    return Source("index", _of_array(split.images, split.labels, lambda piece: piece))


def open_input(path: Path, polarity: Polarity) -> Source:
    """A user's own file or folder; files are told apart by content and not by suffix.

    A folder is searched below too, sorted, for names with the suffix of an image.

    Raises:
        DataError: at once where ``path`` is missing or of no known kind, is a pickle, or holds no image at all.
    """
    if path.is_dir():
        from mnist_etc.data import images

        found = images.find(path)
        if not found:
            raise DataError(f"Expected .png, .jpg or .jpeg files in {path}; received none. Check the path.")
        return Source("file", _of_files(found, [str(file.relative_to(path)) for file in found], polarity))
    if not path.is_file():
        raise DataError(f"Expected a file or a folder in input={path}; received neither. Check the path.")
    try:
        with path.open("rb") as file:
            start = file.read(START)
    except OSError as error:
        raise DataError(f"Expected to read {path}; received: {error.strerror}. Check its permissions.") from error
    if start.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        return Source("file", _of_files([path], [path.name], polarity))
    return Source("index", _of_array(*_read(path, start), _prepared(polarity)))


def _read(path: Path, start: bytes) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
    """The array in the file that begins with ``start``, and its labels if it holds any."""
    from mnist_etc.data import arrays, idx

    if start.startswith(b"\x1f\x8b") or (start.startswith(b"\0\0") and start[4:8] != b"ftyp"):
        return idx.read_images(path), None
    if start.startswith(b"PK"):
        return arrays.read_npz(path)
    if start.startswith(b"\x93NUMPY"):
        return arrays.read_npy(path), None
    received, remedy = described(start)
    raise DataError(
        f"Expected a PNG, JPEG, IDX or npz file in {path}; received {received}. {remedy or 'Convert the file.'}"
    )


def _prepared(polarity: Polarity) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    from mnist_etc.data import arrays, images

    return lambda piece: images.normalise(arrays.grey(piece), polarity)


def _of_array(
    pixels: NDArray[Any], labels: NDArray[np.int64] | None, prepare: Callable[[NDArray[Any]], NDArray[np.uint8]]
) -> Iterator[Batch]:
    for start in range(0, len(pixels), SIZE):
        part = slice(start, start + SIZE)
        piece = prepare(pixels[part])
        yield Batch(
            names=[str(position) for position in range(start, start + len(piece))],
            images=piece,
            labels=None if labels is None else labels[part],
        )


def _of_files(paths: list[Path], names: list[str], polarity: Polarity) -> Iterator[Batch]:
    from mnist_etc.data import images

    for start in range(0, len(paths), SIZE):
        batch = Batch(names=[], images=np.empty((0, SIDE, SIDE), np.uint8))
        pixels = []
        for path, name in zip(paths[start : start + SIZE], names[start : start + SIZE], strict=True):
            try:
                pixels.append(images.read(path, polarity))
                batch.names.append(name)
            except DataError as error:
                batch.failures.append(error)
        yield Batch(batch.names, np.stack(pixels) if pixels else batch.images, failures=batch.failures)
