"""Images from files to arrays: `load` for training, `load_test` or `load_training` for one part alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from mnist_etc.data.classes import list_names
from mnist_etc.data.config import DataConfig, Polarity
from mnist_etc.data.dataset import Dataset, Split, check_split, hold_out, scale_pixels
from mnist_etc.data.owners import read_owners
from mnist_etc.data.registry import DATASETS
from mnist_etc.errors import DataError

__all__ = ["Dataset", "Split", "load", "load_test", "load_training", "scale_pixels"]


def load(config: DataConfig) -> Dataset:
    """Read the whole dataset; it is downloaded first where it is one of the known ones and is not there.

    Classes that ``config.classes`` names and that have no training image are named on stderr.

    Args:
        config: the dataset, and how many of its training images are held out for validation.

    Returns:
        Images uint8 ``(n, side, side)`` of ``config.side``, light on dark, and labels int64 ``(n,)`` of each split, by
        the names of the training images' classes; owners int64 ``(n,)`` of training and validation images where
        ``config.owners`` says whose they are.

    Raises:
        DataError: a file is missing, damaged or not of the expected form, there is one class alone to learn or one
            without an image, or a test image is of a class that no training image is of.
        ConfigError: ``config.validation`` is too large for the training images.
    """
    train = load_training(config)
    test = _read(config, "test").renumbered(train.names, "the training images")
    return hold_out(train, test, validation=config.validation, seed=config.split_seed)


def load_training(config: DataConfig) -> Split:
    """Read all images that may be trained on, of which no validation split is held out; test files are not touched.

    Args:
        config: the dataset.

    Returns:
        As `load` has its splits.

    Raises:
        DataError: see `load`.
    """
    train = _with_owners(config, _read(config, "train"))
    _check_classes(config, train)
    return train


def load_test(config: DataConfig) -> Split:
    """Read the test split; the training files are not touched.

    Args:
        config: the dataset.

    Returns:
        Images uint8 ``(n, side, side)`` of ``config.side``, light on dark, and labels int64 ``(n,)``. Its names are
        those that its own files tell: a model may hold more of them, in another order; see `Split.renumbered`.

    Raises:
        DataError: a file is missing, damaged or not of the expected form.
    """
    return _read(config, "test")


def _read(config: DataConfig, part: str) -> Split:
    """The part at the side that is asked for, its classes those of ``config.classes`` where they are given."""
    from mnist_etc.data import images

    split = check_split(DATASETS[config.kind].read(config, part), f"data.kind={config.kind}, part {part}")
    if split.side != config.side:
        split = replace(split, images=images.normalize(split.images, Polarity.light_on_dark, config.side))
    return split if config.classes is None else split.renumbered(config.classes, "data.classes")


def _with_owners(config: DataConfig, train: Split) -> Split:
    """With the owners that ``config.owners`` states, and with none where it is null."""
    if config.owners is None:
        return replace(train, owners=None)
    if DATASETS[config.kind].owner_columns and train.owners is not None:
        return train
    if config.owners != DATASETS[config.kind].owners:
        return replace(train, owners=read_owners(Path(config.owners), len(train)))
    if train.owners is None:
        raise DataError(
            f"Expected owners of the training images from data.kind={config.kind}, as data.owners={config.owners} asks "
            "for; received none. Return Split(images, labels, owners)."
        )
    return train


def _check_classes(config: DataConfig, train: Split) -> None:
    counts, where = np.bincount(train.labels, minlength=len(train.names)), config.root or config.name
    missing = [train.names[number] for number in np.flatnonzero(counts == 0)]
    if len(train.names) - len(missing) < 2:
        raise DataError(
            f"Expected training images of two classes or more in {where}; received none of {list_names(missing)}. "
            "Add some."
        )
    if missing and config.classes is None:
        raise DataError(
            f"Expected training images of each class in {where}; received none of {list_names(missing)}. Add some, "
            "leave the class out, or name all classes that there are: data.classes=[...]."
        )
    if missing:
        print(f"no training image of {list_names(missing)} in {where}: the model cannot learn them", file=sys.stderr)
