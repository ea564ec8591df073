"""A zip archive as ``input=``: NumPy arrays, or IDX files as Kaggle and NIST pack them."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mnist_etc.data import arrays, idx
from mnist_etc.data.array_file import DAMAGE
from mnist_etc.data.content import describe_archive
from mnist_etc.data.source import PIECE, InputOptions, Pictures, Source
from mnist_etc.errors import DataError

__all__ = ["list_idx", "open_zip"]

TEST = ("t10k", "test")
"""In the name of a file of test images, which are read where there are others too."""


def open_zip(path: Path, options: InputOptions) -> Source:
    """Open an npz archive, or a zip of IDX files with the labels that lie beside the images.

    Raises:
        DataError: the archive is damaged, or holds neither.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = archive.namelist()
    except DAMAGE as error:
        cause = " ".join(str(error).split())
        raise DataError(f"{path} is no whole NumPy file or zip archive: {cause}. Save or download it again.") from error
    if any(name.endswith(".npy") for name in files):
        return arrays.open_npz(path, options)
    images = list_idx(path, idx.IMAGES)
    if not images:
        received, remedy = describe_archive(files)
        raise DataError(f"Expected NumPy arrays or IDX files in {path}; received {received}. {remedy}")
    return _open_idx(path, images, options)


def list_idx(path: Path, dimensions: int) -> list[str]:
    """The IDX files of bytes of so many dimensions in an archive, the test images and the nearest to the top first."""
    found = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if "ubyte" in name.lower() or "idx" in name.lower():
                with archive.open(name) as file:
                    try:
                        start = gzip.GzipFile(fileobj=file).read(4) if name.endswith(".gz") else file.read(4)
                    except DAMAGE:
                        continue
                if start == bytes([0, 0, 8, dimensions]):
                    found.append(name)
    return sorted(found, key=lambda name: (not any(word in name for word in TEST), name.count("/")))


def _open_idx(path: Path, found: list[str], options: InputOptions) -> Source:
    chosen = [name for name in found if options.key in (None, name, PurePosixPath(name).name)]
    if not chosen:
        raise DataError(
            f"Expected a file {options.key} of images in {path}; received {', '.join(found)}. "
            "Pass input_key=<one of them>."
        )
    several = len(found) > 1 and options.key is None
    notes = [f"{path} holds {', '.join(found)}: {chosen[0]} is read; input_key=<name> reads another"] if several else []
    images = idx.read_images(path, member=chosen[0])
    beside = chosen[0].replace("images", "labels").replace("idx3", "idx1")
    labels = None
    if beside in list_idx(path, idx.LABELS):
        labels = arrays.to_labels(
            idx.read_labels(path, member=beside), len(images), f"{beside} of {path}", options.names
        )

    def pieces() -> Iterator[Pictures]:
        for piece in idx.cut(images):
            start = int(piece.names[0])
            yield Pictures(piece.names, piece.images, None if labels is None else labels[start : start + PIECE])

    return Source("index", pieces(), notes)
