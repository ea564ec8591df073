"""Read a dataset by name (``data=emnist_letters``): a row of `PUBLISHED`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data import download
from mnist_etc.data.config import DataConfig, Polarity
from mnist_etc.data.dataset import Split
from mnist_etc.data.images import normalize
from mnist_etc.data.locate import Located, locate, near_misses
from mnist_etc.data.published import Published, RemoteFile
from mnist_etc.data.published_rows import PUBLISHED
from mnist_etc.errors import DataError
from mnist_etc.registry import resolve

__all__ = ["read_split"]


def read_split(config: DataConfig, part: str) -> Split:
    """Read the part "train" or "test" of the dataset ``config.name``; fetch its files where they are missing.

    Args:
        config: ``name``, ``root`` and ``side`` are heeded.
        part: "train" or "test".

    Raises:
        ConfigError: the name is no row of `PUBLISHED`.
        DataError: a file is missing and cannot be fetched, or its content is not that of the dataset.
    """
    row = PUBLISHED[config.name]
    folders = [Path(config.root) / name for name in (config.name, *row.folders)]
    images, labels = resolve(row.reader)(row, part, lambda file: _find(row, config.name, folders, file))
    _check(row, f"data={config.name} in {folders[0]}, part {part}", part, images, labels)
    upright = np.ascontiguousarray(images.transpose(0, 2, 1)) if row.transposed else images
    if upright.shape[1:] != (config.side, config.side):
        upright = normalize(upright, Polarity.light_on_dark, config.side)
    return Split(upright, labels, names=row.names)


def _find(row: Published, name: str, folders: Sequence[Path], file: RemoteFile) -> Located:
    found = locate(folders, file.names)
    reason = "is not there"
    if found is None and file.url:
        try:
            download.fetch_file(file.url, folders[0] / file.saved_as, file.md5)
            found = locate(folders, file.names)
            reason = f"is not in {file.saved_as}"
        except DataError as error:
            reason += f", and cannot be downloaded ({error})"
    if found is not None:
        return found
    near = near_misses(folders, file.names)
    wanted = file.saved_as or file.names[0]
    raise DataError(
        f"Expected {wanted} of data={name} in {folders[0]}; it {reason}{near}. Put it there from {row.page}, or pass "
        "data=digits, which needs no file."
    )


def _check(row: Published, source: str, part: str, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    """Refuse what the dataset's publisher did not publish, as far as counts, shapes and labels tell."""
    if images.shape[1:] != row.shape or len(images) not in row.counts[part] or len(images) != len(labels):
        counts = " or ".join(f"{count:,}" for count in row.counts[part])
        raise DataError(
            f"Expected {counts} images of {row.shape[0]} x {row.shape[1]} and as many labels from {source}; received "
            f"{len(images):,} of {images.shape[1]} x {images.shape[2]} and {len(labels):,}. Replace the files."
        )
    if labels.min() < 0 or labels.max() >= len(row.names):
        first = row.first_label
        raise DataError(
            f"Expected labels {first} to {first + len(row.names) - 1} from {source}; received {labels.min() + first} "
            f"to {labels.max() + first}. Replace the files: these are another dataset's."
        )
