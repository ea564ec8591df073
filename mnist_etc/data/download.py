"""Fetch a known file from its mirrors; it gets its name only once its content has been checked."""

from __future__ import annotations

import hashlib
import http.client
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from mnist_etc.data import idx
from mnist_etc.data.idx import ExpectedFile
from mnist_etc.errors import ArtifactError, DataError
from mnist_etc.files import temporary

__all__ = ["fetch", "fetch_file"]

TIMEOUT = 10
"""Seconds to connect, and seconds without a byte."""
LIMIT = 2**26
"""Bytes of one compressed IDX file."""
LARGEST = 2**30
"""Bytes of any file."""
CHUNK = 2**16


def fetch(mirrors: Sequence[str], file: str, final: Path, expected: ExpectedFile) -> None:
    """Download a gzipped IDX file from the first mirror that has it.

    Args:
        mirrors: addresses of folders, with their last slash; tried in this order.
        file: its name there, less ``.gz``.
        final: where it goes.
        expected: what it must hold.

    Raises:
        DataError: no mirror gave the file, or the folder cannot be written; states each mirror's reason, and nothing
            lies under ``final``.
    """
    failures = []
    for mirror in mirrors:
        try:
            _save(_download(f"{mirror}{file}.gz", final.name), final, expected)
        except DataError as error:
            failures.append(f"{mirror}: {error}")
        else:
            return
    raise DataError("; ".join(failures))


def fetch_file(url: str, final: Path, md5: str = "", largest: int | None = None) -> None:
    """Download a file of any kind, piece by piece onto the disk; it gets its name only once its checksum is right.

    Args:
        url: of a row of `PUBLISHED`, or checked by the caller.
        final: where it goes.
        md5: hexadecimal, of the file; empty: not known.
        largest: bytes that it may have; None: `LARGEST`.

    Raises:
        DataError: it cannot be fetched, is larger than ``largest`` or another file, or the folder cannot be written.
    """
    digest, size = hashlib.md5(usedforsecurity=False), 0
    largest = LARGEST if largest is None else largest
    try:
        with temporary(final) as path, path.open("wb") as file:
            for chunk in _chunks(url, final.name):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                if size > largest:
                    raise DataError(f"{url}: more than {largest:,} bytes")
            if md5 and digest.hexdigest() != md5:
                raise DataError(f"{url}: another file than the expected one, of md5 {digest.hexdigest()} and not {md5}")
    except ArtifactError as error:
        raise DataError(f"cannot write {final}: {error.__cause__}; pass data.root=<a folder you can write>") from error


def _download(url: str, title: str) -> bytes:
    content = bytearray()
    for chunk in _chunks(url, title):
        content += chunk
        if len(content) > LIMIT:
            raise DataError(f"more than {LIMIT:,} bytes")
    return bytes(content)


def _chunks(url: str, title: str) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:  # noqa: S310 -- of a row of DOWNLOADS
            total = int(response.headers.get("Content-Length", 0)) or None
            with tqdm(desc=title, total=total, unit="B", unit_scale=True, disable=None, leave=False) as bar:
                while chunk := response.read(CHUNK):
                    bar.update(len(chunk))
                    yield chunk
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DataError(str(getattr(error, "reason", error))) from error


def _save(content: bytes, final: Path, expected: ExpectedFile) -> None:
    reader = idx.read_images if "images" in final.name else idx.read_labels
    try:
        with temporary(final) as path:
            path.write_bytes(content)
            try:
                reader(path, expected)
            except DataError as error:
                raise DataError("another file than the expected one") from error
    except ArtifactError as error:
        raise DataError(f"cannot write {final}: {error.__cause__}; pass data.root=<a folder you can write>") from error
