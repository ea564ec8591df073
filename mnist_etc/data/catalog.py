"""Datasets of four IDX files: where they lie, what they must hold, and from where the known ones come.

A dataset of these files that can be downloaded is one more row of `DOWNLOADS` and a file in ``conf/data/``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_etc.data import idx
from mnist_etc.data.config import DataConfig, Polarity
from mnist_etc.data.dataset import SIDE, Split
from mnist_etc.data.idx import ExpectedFile
from mnist_etc.data.images import normalize
from mnist_etc.data.locate import Located, locate, near_misses
from mnist_etc.errors import DataError
from mnist_etc.registry import Registry

__all__ = ["DOWNLOADS", "FILES", "Download", "read", "read_split"]

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
"""Of the images and of the labels, by the part of the dataset; each may be gzipped."""


@dataclass(frozen=True, kw_only=True)
class Download:
    """A row of `DOWNLOADS`: a dataset that is fetched where it is missing, and whose content is known."""

    mirrors: tuple[str, ...]
    """Addresses that end in a slash, tried in this order; each serves the files of `FILES` gzipped."""
    files: Mapping[str, ExpectedFile]
    """What each file of `FILES` holds."""
    chose_defaults: bool = False
    """Whether the values in ``conf/`` were chosen by trainings on it, which no guarantee for its images counts."""


def _files(train: int, test: int, *sha256: str) -> dict[str, ExpectedFile]:
    """So many images of each part, and the checksums of the four files in the order of `FILES`."""
    names = [file for files in FILES.values() for file in files]
    return dict(zip(names, map(ExpectedFile, (train, train, test, test), sha256), strict=True))


DOWNLOADS: Registry[Download] = Registry("dataset to download")
"""By ``data.name``, for ``data.kind=idx``."""
DOWNLOADS.add(
    "mnist",
    Download(
        mirrors=(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
        files=_files(
            60_000,
            10_000,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        chose_defaults=True,
    ),
)
DOWNLOADS.add(
    "fashion_mnist",
    Download(
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        files=_files(
            60_000,
            10_000,
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        chose_defaults=True,
    ),
)


def read_split(config: DataConfig, part: str) -> Split:
    """Read the part "train" or "test" of the dataset that ``config`` names; see `read`."""
    return read(Path(config.root), config.name, part, config.side)


def read(root: Path, name: str, part: str, side: int = SIDE) -> Split:
    """Read one part of a dataset in ``<root>/<name>/``, which need not be writable where the files are there.

    The classes of a dataset that is no row of `DOWNLOADS` are the labels that its training images have, by their
    numbers; of its test images alone nobody knows how many there are, so they are numbered up to the last that occurs.

    Args:
        root: folder that holds ``<name>/``.
        name: a row of `DOWNLOADS`, whose files are checked, and downloaded where they are missing; or the user's own.
        part: "train" or "test".
        side: images of another are scaled to it.

    Raises:
        DataError: a file is missing and cannot be downloaded, or is not what it should be.
    """
    image_file, label_file = FILES[part]
    folder = root / name
    expected = DOWNLOADS[name].files if name in DOWNLOADS else {}
    found, labeled = _find(folder, name, image_file), _find(folder, name, label_file)
    images = idx.read_images(found.path, expected.get(image_file), found.member)
    labels = idx.read_labels(labeled.path, expected.get(label_file), labeled.member)
    if len(images) != len(labels):
        raise DataError(
            f"Expected as many labels as images in {folder}; received {len(images):,} images and "
            f"{len(labels):,} labels of {part}. Replace the files."
        )
    scaled = normalize(images, Polarity.light_on_dark, side)
    if name in DOWNLOADS:
        return Split(scaled, labels)
    numbers, labels = (
        np.unique(labels, return_inverse=True) if part == "train" else (np.arange(labels.max() + 1), labels)
    )
    return Split(scaled, labels, names=tuple(map(str, numbers)))


def _find(folder: Path, name: str, file: str) -> Located:
    """The file, packed or not, downloaded first where it is missing and its dataset is known."""
    found = locate([folder], [file])
    if found is not None:
        return found
    zipped = folder / f"{file}.gz"
    reason = "is not there"
    if name in DOWNLOADS:
        from mnist_etc.data import download

        known = DOWNLOADS[name]
        try:
            download.fetch(known.mirrors, file, zipped, known.files[file])
        except DataError as error:
            reason += f", and cannot be downloaded ({error})"
        else:
            return Located(zipped)
    needed = ", ".join(f"{each}.gz" for files in FILES.values() for each in files)
    reason += near_misses([folder], [file])
    raise DataError(f"{zipped} {reason}. Put {needed} into {folder}, or pass data=digits, which needs no file.")
