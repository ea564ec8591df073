"""What a dataset by name is (``data=emnist_letters``): its files, its checksums, its license, its quirks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.locate import Located
from mnist_etc.registry import Registry

__all__ = ["PUBLISHED", "Published", "RemoteFile"]

Find = Callable[["RemoteFile"], Located]
"""Where a file lies, once it has been fetched if need be; raises `DataError`."""
Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images ``(n, height, width)`` and labels ``(n,)``, from 0 up."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file of a published dataset."""

    names: tuple[str, ...]
    """Names under which it is known, less the suffix of its packing."""
    url: str = ""
    """From where it is fetched; empty: its publisher states no license, so a user has to."""
    saved_as: str = ""
    """Name of what ``url`` serves: the file itself, or an archive that holds it."""
    md5: str = ""
    """Hexadecimal, of what ``url`` serves; empty: nobody states one, so its structure is what is checked."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A row of `PUBLISHED`."""

    reader: str | Callable[[Published, str, Find], Arrays]
    """A function, or ``module:function``: the row, "train" or "test", and how to find a file, to images uint8 ``(n,
    height, width)`` and labels int64 ``(n,)`` from 0 up."""
    files: Mapping[str, tuple[RemoteFile, ...]]
    """By the part of the dataset, in the order in which the reader takes them."""
    names: tuple[str, ...]
    """Of the classes, in the order of their numbers."""
    counts: Mapping[str, tuple[int, ...]]
    """How many images a part may have; publishers corrected some of them."""
    shape: tuple[int, int] = (28, 28)
    folders: tuple[str, ...] = ()
    """Below ``data.root``, besides the one of the dataset's name: where its files may lie with those of others."""
    transposed: bool = False
    """Rows and columns are exchanged in the files."""
    first_label: int = 0
    """The number of the first class in the files."""
    page: str = ""
    """Where the publisher tells about it."""
    license: str = ""


PUBLISHED: Registry[Published] = Registry("dataset by name")
"""Its rows are in `published_rows`: a dataset is one more of them and a file in ``conf/data/``."""
