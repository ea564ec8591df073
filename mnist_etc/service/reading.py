"""From the body of a request to images in the form of the model, by the same code as ``infer.py``.

Nothing is written to a disk: what the readers of arrays want as a file is one in memory.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.array_file import DAMAGE
from mnist_etc.data.content import START, describe, describe_archive
from mnist_etc.data.decode import TooManyPixelsError, decode_file
from mnist_etc.data.formats import format_of
from mnist_etc.data.inputs import Batch, prepare_batch
from mnist_etc.data.prepare import in_form
from mnist_etc.data.readers import READERS
from mnist_etc.data.source import InputOptions, Pictures
from mnist_etc.errors import DataError
from mnist_etc.service.config import ServiceConfig
from mnist_etc.service.problems import Problem

__all__ = ["ReadPart", "is_small", "prepare", "read_file", "read_small", "take_formed"]

ARRAYS = ("idx", "zip", "npy")
"""Rows of `READERS` that are read besides pictures."""
MEMBERS = 64
"""Arrays of an archive."""
IDX_IMAGES = b"\0\0\x08\x03"
IDX_HEADER = 16
GZIP = b"\x1f\x8b"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
"""How a PNG begins, up to its size."""
SMALL_BYTES = 4096
"""Which unpack to 4 MB at most, whatever chunks they are."""


@dataclass(slots=True, eq=False)
class ReadPart:
    """Pictures that were decoded, and images in the form of the model.

    A picture that has the model's size waits for `prepare`; any other is prepared as soon as it is decoded, and let go.
    """

    pictures: Pictures
    options: InputOptions
    images: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 0, 0), np.uint8))
    """``(n, side, side)``, light on dark; black where there is no figure."""
    warnings: list[str] = field(default_factory=list)
    """One an image: ``empty``, ``several`` or nothing."""

    def take(self, batch: Batch, row: int | None = None) -> None:
        """Take its images from a batch: all, or one row."""
        rows = slice(None) if row is None else slice(row, row + 1)
        self.images, self.warnings = batch.images[rows], batch.warnings[rows]

    def prepare(self) -> None:
        """Prepare all of its pictures and keep none but those that came out."""
        self.take(prepare_batch(self.pictures, self.options))
        self.pictures = Pictures(self.pictures.names, self.images)

    @property
    def waits(self) -> bool:
        """Whether it is one picture of the model's size, which `prepare` has not had yet."""
        side, images = self.options.side, self.pictures.images
        return not self.warnings and len(images) == 1 and images[0].shape == (side, side)


def read_file(content: bytes, name: str, side: int, config: ServiceConfig) -> list[ReadPart]:
    """Decode one file: a picture of a row of `mnist_etc.data.formats.FORMATS`, or an array: IDX, npz or npy.

    Args:
        content: Its bytes.
        name: For messages and answers; empty where it has none.
        side: Pixels of each side of an image of the model.
        config: The limits, and how pictures become images.

    Raises:
        Problem: It is of another kind, too large, or damaged.
    """
    start, shown = content[:START], name or "the body"
    options = InputOptions(prepare=config.prepare, polarity=config.polarity, side=side)
    try:
        kind = format_of(start)
        if kind is not None:
            picture = decode_file(io.BytesIO(content), shown, config.polarity, most_pixels=config.max_pixels)
            return [_ready(ReadPart(Pictures([name or "image"], [picture.gray]), options))]
        return _read_array(content, start, name, options, config)
    except TooManyPixelsError as error:
        raise Problem("too-large", str(error)) from error
    except DataError as error:
        raise Problem("unreadable", " ".join(str(error).split())) from error


def is_small(body: bytes, side: int) -> bool:
    """Whether a body is a PNG of few bytes whose header states the model's size, and may be read by `read_small`."""
    return len(body) <= SMALL_BYTES and body[:24] == PNG + struct.pack(">2I", side, side)


def read_small(body: bytes, side: int, config: ServiceConfig) -> ReadPart | None:
    """Decode what `is_small`; None: it is no picture of the model's size after all, or refused, as `read_file` says."""
    options = InputOptions(prepare=config.prepare, polarity=config.polarity, side=side)
    try:
        most = min(side * side, config.max_pixels)
        picture = decode_file(io.BytesIO(body), "the body", config.polarity, most_pixels=most)
    except DataError:
        return None
    part = ReadPart(Pictures(["image"], [picture.gray]), options)
    return part if part.waits else None


def take_formed(parts: Sequence[ReadPart]) -> None:
    """Prepare those pictures of `read_small` that have the form of the images already; the others still wait."""
    if not parts:
        return
    pictures, options = np.stack([part.pictures.images[0] for part in parts]), parts[0].options
    light, formed = in_form(pictures, options.polarity, options.side)
    for row in np.flatnonzero(formed):
        parts[row].images, parts[row].warnings = light[row : row + 1], [""]


def prepare(parts: Sequence[ReadPart]) -> None:
    """Bring the pictures that wait to the form of the model, all at once."""
    ready = [part for part in parts if part.waits]
    if len(ready) > 1:
        names = [part.pictures.names[0] for part in ready]
        batch = prepare_batch(Pictures(names, np.stack([part.pictures.images[0] for part in ready])), ready[0].options)
        for row, part in enumerate(ready):
            part.take(batch, row)
    for part in parts:
        if not part.warnings:
            part.prepare()


def _ready(part: ReadPart) -> ReadPart:
    """The same, its large pictures prepared and let go: of a request of many, memory holds one."""
    if not part.waits:
        part.prepare()
    return part


def _bound(pixels: int, received: str, shown: str, config: ServiceConfig) -> None:
    if pixels > config.max_pixels:
        raise Problem("too-large", f"Expected at most {config.max_pixels:,} pixels in {shown}; received {received}.")


def _bound_count(count: int, shown: str, config: ServiceConfig) -> None:
    if count > config.max_images:
        raise Problem("too-large", f"Expected at most {config.max_images:,} images in {shown}; received more.")


def _read_array(
    content: bytes, start: bytes, name: str, options: InputOptions, config: ServiceConfig
) -> list[ReadPart]:
    shown = name or "the body"
    reader = next((READERS[row] for row in ARRAYS if READERS[row].fits(Path(), start)), None)
    if reader is None:
        received, remedy = describe(start)
        raise Problem(
            "not-an-image", f"Expected an image or an array in {shown}; received {received}. {remedy}".strip()
        )
    if start.startswith(b"PK"):
        _bound_archive(content, shown, config)
    elif start.startswith((GZIP, IDX_IMAGES)):
        _bound_idx(content, shown, config)
    parts: list[ReadPart] = []
    count = 0
    with _as_path(content) as path:
        try:
            source = reader.open(path, options)
            options = options if source.polarity is None else replace(options, polarity=source.polarity)
            for piece in source.pieces:
                count += len(piece.names)
                _bound_count(count, shown, config)
                parts.append(_ready(ReadPart(_nameless(piece, name), options)))
        except DataError as error:
            raise DataError(str(error).replace(str(path), shown)) from error
    if not count:
        raise Problem("unreadable", f"Expected at least one image in {shown}; received none.")
    return parts


def _nameless(piece: Pictures, name: str) -> Pictures:
    """Named by the file too, without what would be said on a terminal."""
    names: Sequence[str] = [f"{name}:{place}" for place in piece.names] if name else piece.names
    return Pictures(names, piece.images)


def _bound_archive(content: bytes, shown: str, config: ServiceConfig) -> None:
    """An archive by its directory, which the decompressor does not read past."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except DAMAGE as error:
        raise DataError(f"{shown} is no whole archive: {' '.join(str(error).split())}. Save it again.") from error
    if not any(member.filename.endswith(".npy") for member in members):
        received, remedy = describe_archive([member.filename for member in members])
        raise Problem("not-an-image", f"Expected NumPy arrays in {shown}; received {received}. {remedy}")
    if len(members) > MEMBERS:
        raise Problem("too-large", f"Expected at most {MEMBERS} arrays in {shown}; received {len(members):,}.")
    size = sum(member.file_size for member in members)
    if size > 2 * config.max_pixels:
        raise Problem(
            "too-large", f"Expected at most {2 * config.max_pixels:,} bytes unpacked in {shown}; received {size:,}."
        )


def _bound_idx(content: bytes, shown: str, config: ServiceConfig) -> None:
    """Of IDX images by their header; another kind of IDX, or a damaged gzip, is left to the reader."""
    header = content[:IDX_HEADER]
    if content.startswith(GZIP):
        try:
            header = gzip.GzipFile(fileobj=io.BytesIO(content)).read(IDX_HEADER)
        except DAMAGE:
            return
    if len(header) == IDX_HEADER and header.startswith(IDX_IMAGES):
        count, height, width = struct.unpack(">3I", header[4:])
        _bound_count(count, shown, config)
        _bound(math.prod((count, height, width)), f"{count:,} images of {height:,} x {width:,}", shown, config)


@contextmanager
def _as_path(content: bytes) -> Iterator[Path]:
    """A file in memory, which is gone with the block."""
    handle = os.memfd_create("body", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(content)
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
