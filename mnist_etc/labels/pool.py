"""The pool: the images whose labels may be asked, in one order that the database and the training share."""

from __future__ import annotations

import hashlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data import load_training
from mnist_etc.data.classes import check_names
from mnist_etc.data.config import DataConfig
from mnist_etc.errors import DataError

__all__ = ["PoolImages", "fingerprint", "png", "read_pool"]


@dataclass(frozen=True, eq=False)
class PoolImages:
    """All images that may be trained on, in the order of their files, and their labels where the files have them."""

    images: NDArray[np.uint8]
    """``(n, side, side)``, light on dark."""
    names: tuple[str, ...]
    """Of the classes, in the order of their numbers."""
    labels: NDArray[np.int64] | None
    """``(n,)``, for `mnist_etc.labels.store.LabelStore.create` alone; None: nobody knows them yet."""
    dataset: str
    """The `fingerprint` of the images: the ``dataset`` of `mnist_etc.labels.store.LabelStore`."""
    files: tuple[str, ...] | None = None
    """The path of each image below the folder, where no class is known."""
    pictures: tuple[bytes, ...] | None = None
    """Each image as it was before its preparation, made small: a PNG file for people to look at."""


def read_pool(config: DataConfig) -> PoolImages:
    """Read the images that may be trained on, those of the validation split among them; test images are not touched.

    A folder without folders of classes has no labels: pictures in ``<data.root>/train/`` or in ``data.root`` itself,
    however deep. There ``data.classes`` names the classes.

    Args:
        config: the dataset.

    Raises:
        DataError: a file is missing, damaged or not of the expected form, or images without labels have no
            ``data.classes``.
    """
    folder = _unlabeled(config)
    if folder is not None:
        return _read_folder(folder, config)
    split = load_training(config)
    return PoolImages(split.images, split.names, split.labels, fingerprint(split.images))


def fingerprint(images: NDArray[np.uint8]) -> str:
    """SHA-256 of images ``(n, side, side)``, hexadecimal, whatever their labels are."""
    return hashlib.sha256(f"{images.shape}".encode() + np.ascontiguousarray(images).tobytes()).hexdigest()


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of gray levels ``(height, width)``."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _unlabeled(config: DataConfig) -> Path | None:
    """The folder of pictures without classes that ``config`` is of, if it is."""
    if config.kind != "folder":
        return None
    from mnist_etc.data.folder import has_classes

    root = Path(config.root)
    train = root / "train"
    if train.is_dir():
        return None if has_classes(train) else train
    return root if root.is_dir() and not (root / "test").is_dir() else None


def _read_folder(folder: Path, config: DataConfig) -> PoolImages:
    from mnist_etc.data.inputs import EMPTY, InputOptions, open_input

    if config.classes is None:
        raise DataError(
            f"Expected names of the classes for the images in {folder}, which have no labels; received none. Pass "
            f"data.classes=[first,second], or put them into {Path(config.root) / 'train'}/<class>/."
        )
    names = check_names(config.classes, "data.classes")
    stream = open_input(folder, InputOptions(prepare=config.prepare, side=config.side, names=names, originals=True))
    files, images, pictures = [], [], []
    for batch in stream.batches:
        if batch.failures:
            raise DataError(f"{batch.failures[0]} Remove it; nothing can be asked of it.")
        rows = zip(batch.names, batch.images, batch.originals, batch.warnings, strict=True)
        for file, image, original, warning in rows:
            if warning == EMPTY:
                print(f"passed over {folder / file}: no figure in it", file=sys.stderr)
            else:
                files.append(file)
                images.append(image)
                pictures.append(png(original))
    if not images:
        raise DataError(f"Expected images in {folder}; received none. Put them there.")
    pixels = np.stack(images)
    return PoolImages(pixels, names, None, fingerprint(pixels), tuple(files), tuple(pictures))
