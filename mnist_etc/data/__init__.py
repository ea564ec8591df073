"""Images from files to arrays: `load` for training, `load_test` for the test split alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from mnist_etc.data.config import DataConfig
from mnist_etc.data.dataset import CLASSES, Dataset, Split, check_split, hold_out, scale_pixels
from mnist_etc.data.owners import read_owners
from mnist_etc.data.registry import DATASETS
from mnist_etc.errors import DataError

__all__ = ["Dataset", "Split", "load", "load_test", "scale_pixels"]


def load(config: DataConfig) -> Dataset:
    """Read the whole dataset; it is downloaded first where it is one of the known ones and is not there.

    Classes without a training image are named on stderr.

    Args:
        config: the dataset, and how many of its training images are held out for validation.

    Returns:
        Images uint8 ``(n, 28, 28)``, light on dark, and labels int64 ``(n,)`` of each split; owners int64 ``(n,)`` of
        training and validation images where ``config.owners`` says whose they are.

    Raises:
        DataError: a file is missing, damaged or not of the expected form, or there is one class alone to learn.
        ConfigError: ``config.validation`` is too large for the training images.
    """
    train = _with_owners(config, _read(config, "train"))
    _check_classes(config, train)
    return hold_out(train, _read(config, "test"), validation=config.validation, seed=config.split_seed)


def load_test(config: DataConfig) -> Split:
    """Read the test split; the training files are not touched.

    Args:
        config: the dataset.

    Returns:
        Images uint8 ``(n, 28, 28)``, light on dark, and labels int64 ``(n,)``.

    Raises:
        DataError: a file is missing, damaged or not of the expected form.
    """
    return _read(config, "test")


def _read(config: DataConfig, part: str) -> Split:
    return check_split(DATASETS[config.kind].read(config, part), f"data.kind={config.kind}, part {part}")


def _with_owners(config: DataConfig, train: Split) -> Split:
    """With the owners that ``config.owners`` states, and with none where it is null."""
    if config.owners is None:
        return replace(train, owners=None)
    if config.owners != DATASETS[config.kind].owners:
        return replace(train, owners=read_owners(Path(config.owners), len(train)))
    if train.owners is None:
        raise DataError(
            f"Expected owners of the training images from data.kind={config.kind}, as data.owners={config.owners} asks "
            "for; received none. Return Split(images, labels, owners)."
        )
    return train


def _check_classes(config: DataConfig, train: Split) -> None:
    counts = np.bincount(train.labels, minlength=CLASSES)
    missing = ", ".join(str(label) for label in np.flatnonzero(counts == 0))
    where = config.root or config.name
    if np.count_nonzero(counts) < 2:
        raise DataError(
            f"Expected training images of two classes or more in {where}; received none of {missing}. Add some."
        )
    if missing:
        print(f"no training image of {missing} in {where}: the model cannot learn them", file=sys.stderr)
