"""Images in a NumPy file, in any of the forms in which people hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.array_file import ArrayFile, list_arrays, open_array
from mnist_etc.data.layout import Layout, find_layout, to_gray
from mnist_etc.data.levels import Levels, guess
from mnist_etc.data.source import InputOptions, Pictures, Source
from mnist_etc.errors import DataError

__all__ = ["LABELS_OF", "open_npy", "open_npz", "to_labels"]

LABELS_OF = {
    "images": ("labels", "label", "targets", "target", "y"),
    "x_test": ("y_test",),
    "X_test": ("y_test", "Y_test"),
    "test_images": ("test_labels",),
    "test_x": ("test_y",),
    "test_data": ("test_labels",),
    "x": ("y", "labels"),
    "X": ("y", "Y", "labels"),
    "data": ("target", "targets", "labels", "label"),
    "image": ("label", "labels"),
    "pixels": ("labels", "label"),
    "features": ("labels", "label", "targets"),
    "inputs": ("targets", "labels"),
    "val_images": ("val_labels",),
    "x_val": ("y_val",),
    "X_val": ("y_val",),
    "x_train": ("y_train",),
    "X_train": ("y_train", "Y_train"),
    "train_images": ("train_labels",),
    "arr_0": ("arr_1",),
    "arr_1": ("arr_0",),
}
"""Usual names of arrays of images, the first of which is taken; and those of their labels."""
LABELS = ("labels", "label", "targets", "target", "y", "classes", "class")
"""Names of labels, whatever their case, beside images of any name."""
SHOWN = 6


def open_npy(path: Path, options: InputOptions) -> Source:
    """Open the images in an npy file, which is mapped and never copied whole.

    Raises:
        DataError: the file is damaged, holds Python objects, or what it holds are no images.
    """
    return _open(open_array(path), None, options)


def open_npz(path: Path, options: InputOptions) -> Source:
    """Open the images, and their labels where there are any, in an npz archive.

    The images are the array that ``options.key`` names, the first one of a usual name (`LABELS_OF`), or the only one
    that has the shape of images.

    Raises:
        DataError: as `open_npy`; or it cannot be told which array holds the images.
    """
    names = list_arrays(path)
    image_name, note = _choose(names, path, options.key)
    images = open_array(path, image_name)
    label_name = next((name for name in LABELS_OF.get(image_name, ()) if name in names), None)
    if label_name is None:
        beside = [name for name in names if name != image_name and _is_beside(path, name, images)]
        named = [name for name in beside if name.lower() in LABELS]
        label_name = named[0] if len(named) == 1 else None
        if beside and label_name is None and not note:
            note = f"{path}: {_list(beside)} is not read; save labels under the name 'labels'"
    source = _open(images, None if label_name is None else open_array(path, label_name), options)
    return Source(source.key, source.pieces, [note] * bool(note) + list(source.notes))


def to_labels(labels: NDArray[Any], count: int, title: str, names: Sequence[str]) -> list[str | int]:
    """Labels in any of the forms in which people hold them.

    Args:
        labels: whole numbers or names, ``(n,)`` or ``(n, 1)``; or one-hot, ``(n, classes)``.
        count: how many there must be.
        title: names the array in messages.
        names: of the classes.

    Returns:
        The number or the name of each image's class.

    Raises:
        DataError: they are of another form or number, or one is outside of the classes.
    """
    if labels.shape in ((count, 1), (1, count)):
        labels = labels.reshape(count)
    if labels.ndim == 2 and len(labels) == count and labels.dtype.kind in "buif":
        hot = (labels == 1).sum(axis=1)
        if (hot == 1).all() and (np.count_nonzero(labels, axis=1) == 1).all():
            labels = labels.argmax(axis=1)
    if labels.shape == (count,) and labels.dtype.kind in "US":
        return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in labels.tolist()]
    if labels.shape != (count,) or labels.dtype.kind not in "buif" or (labels != np.trunc(labels)).any():
        received = f"{labels.dtype} of shape {labels.shape}"
        raise DataError(f"Expected {count:,} integer labels in {title}; received {received}. Correct them.")
    wrong = (labels < 0) | (labels >= len(names))
    if wrong.any():
        at = int(np.argmax(wrong))
        received = f"{labels[at]} at position {at}"
        raise DataError(f"Expected labels 0 to {len(names) - 1} in {title}; received {received}. Correct them.")
    return [int(label) for label in labels]


def _choose(names: list[str], path: Path, key: str | None) -> tuple[str, str]:
    """The array of the images, and a note where another one fits too."""
    if key is not None:
        if key not in names:
            raise DataError(
                f"Expected an array {key} in {path}; received {_list(names)}. Pass input_key=<one of them>."
            )
        return key, ""
    usual = [name for name in LABELS_OF if name in names]
    usual = [name for name in usual if _fits(path, name)] or usual
    fitting = usual or [name for name in names if _fits(path, name)]
    if len(fitting) == 1:
        return fitting[0], ""
    if usual:
        return usual[0], f"{path} holds {_list(usual)}: {usual[0]} is read; input_key=<name> reads another"
    if len(names) == 1:
        return names[0], ""
    remedy = "Pass input_key=<the images' name>, or save them as numpy.savez('mine.npz', images=..., labels=...)."
    raise DataError(f"Expected one array of images in {path}; received {_list(fitting or names)}. {remedy}")


def _fits(path: Path, name: str) -> bool:
    """Whether an array has the shape of images, several of them."""
    try:
        array = open_array(path, name)
        return len(array.shape) > 1 and array.dtype.kind in "buif" and not find_layout(array.shape, name).single
    except DataError:
        return False


def _is_beside(path: Path, name: str, images: ArrayFile) -> bool:
    """Whether an array holds a number or a name, or a row of them, for each image."""
    try:
        array = open_array(path, name)
    except DataError:
        return name.lower() in LABELS
    return len(array.shape) in (1, 2) and array.shape[0] == images.shape[0]


def _list(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _open(array: ArrayFile, labels: ArrayFile | None, options: InputOptions) -> Source:
    layout = find_layout(array.shape, array.title)
    if array.dtype.kind not in "buif":
        raise DataError(f"Expected numbers in {array.title}; received {array.dtype}. Save the pixels as uint8.")
    levels = _find_levels(array)
    notes = [layout.note] * bool(layout.note)
    if not levels.obvious or (array.dtype == np.uint8 and levels.white != 255):
        notes.append(f"{array.title}: {levels}")
    known = None
    if labels is not None:
        known = to_labels(labels.whole(), 1 if layout.single else array.shape[0], labels.title, options.names)
    return Source("index", _pieces(array, layout, levels, known), notes)


def _find_levels(array: ArrayFile) -> Levels:
    """The range of the numbers, in one pass over the array, which also finds any damage before the first answer."""
    low, high, whole = np.inf, -np.inf, True
    for piece in array.pieces():
        low, high = np.minimum(low, piece.min()), np.maximum(high, piece.max())
        whole = whole and (piece.dtype.kind != "f" or bool((piece == np.trunc(piece)).all()))
        if array.dtype == np.uint8 and not array.member and high > 1:
            break
    if array.dtype == np.uint8 and high > 1:
        return Levels(0, 255)
    return guess(float(low), float(high), whole=whole, title=array.title)


def _pieces(array: ArrayFile, layout: Layout, levels: Levels, labels: list[str | int] | None) -> Iterator[Pictures]:
    start = 0
    for piece in [array.whole()] if layout.single else array.pieces():
        gray = to_gray(levels.to_uint8(layout.arrange(piece)))
        names = [str(place) for place in range(start, start + len(gray))]
        yield Pictures(names, gray, None if labels is None else labels[start : start + len(gray)])
        start += len(gray)
