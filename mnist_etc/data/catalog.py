"""Datasets of four IDX files: where they lie, what they must hold, and from where the known ones come."""

from __future__ import annotations

from pathlib import Path

from mnist_etc.data import idx
from mnist_etc.data.dataset import SIDE, Split
from mnist_etc.data.idx import Known
from mnist_etc.errors import DataError

__all__ = ["FILES", "KNOWN", "read"]

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
KNOWN = {
    "mnist": {
        "train-images-idx3-ubyte": Known(60_000, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        "train-labels-idx1-ubyte": Known(60_000, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        "t10k-images-idx3-ubyte": Known(10_000, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        "t10k-labels-idx1-ubyte": Known(10_000, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte": Known(60_000, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
        "train-labels-idx1-ubyte": Known(60_000, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
        "t10k-images-idx3-ubyte": Known(10_000, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        "t10k-labels-idx1-ubyte": Known(10_000, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    },
}


def read(root: Path, name: str, part: str) -> Split:
    """Read ``<root>/<name>/``; the folder need not be writable where the files are there.

    Args:
        root: folder that holds ``<name>/``.
        name: a key of `KNOWN`, whose files are checked and downloaded when missing, or the user's own.
        part: "train" or "test".

    Raises:
        DataError: a file is missing and cannot be downloaded, or is not what it should be.
    """
    image_file, label_file = FILES[part]
    known = KNOWN.get(name, {})
    images = idx.read_images(_find(root / name, name, image_file), known.get(image_file))
    labels = idx.read_labels(_find(root / name, name, label_file), known.get(label_file))
    if images.shape[1:] != (SIDE, SIDE):
        raise DataError(
            f"Expected images of 28 x 28 in {root / name / image_file}; "
            f"received {images.shape[1]} x {images.shape[2]}. Resize them."
        )
    if len(images) != len(labels):
        raise DataError(
            f"Expected as many labels as images in {root / name}; received {len(images):,} images and "
            f"{len(labels):,} labels of {part}. Replace the files."
        )
    return Split(images, labels)


def _find(folder: Path, name: str, file: str) -> Path:
    zipped, plain = folder / f"{file}.gz", folder / file
    for path in (zipped, plain):
        if path.is_file():
            return path
    reason = "no such file"
    if name in KNOWN:
        from mnist_etc.data import download

        try:
            download.fetch(name, file, zipped, KNOWN[name][file])
        except DataError as error:
            reason = f"no such file and no download ({error})"
        else:
            return zipped
    needed = ", ".join(f"{each}.gz" for files in FILES.values() for each in files)
    raise DataError(
        f"Expected {zipped}; received {reason}. Put {needed} into {folder}, or pass data=digits, which needs no file."
    )
