"""Images from files to arrays: `load` for training, `load_test` for the test split alone."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mnist_etc.data.config import DataConfig, DataKind
from mnist_etc.data.dataset import CLASSES, Dataset, Split, cut, scaled
from mnist_etc.errors import DataError

__all__ = ["Dataset", "Split", "load", "load_test", "scaled"]


def load(config: DataConfig) -> Dataset:
    """Read the whole dataset; download it first where it is one of the known ones and is not there.

    Classes without a training image are named on stderr.

    Raises:
        DataError: a file is missing, damaged or not of the expected form, or there is one class alone to learn.
        ConfigError: ``config.validation`` is too large for the training images.
    """
    train = _read(config, "train")
    _check_classes(config, train)
    return cut(train, _read(config, "test"), validation=config.validation, seed=config.split_seed)


def load_test(config: DataConfig) -> Split:
    """Read the test split; the training files are not touched.

    Raises:
        DataError: as `load`.
    """
    return _read(config, "test")


def _check_classes(config: DataConfig, train: Split) -> None:
    counts = np.bincount(train.labels, minlength=CLASSES)
    missing = ", ".join(str(label) for label in np.flatnonzero(counts == 0))
    if np.count_nonzero(counts) < 2:
        raise DataError(
            f"Expected training images of two classes or more in {config.root}; received none of {missing}. Add some."
        )
    if missing:
        print(f"no training image of {missing} in {config.root}: the model cannot learn them", file=sys.stderr)


def _read(config: DataConfig, part: str) -> Split:
    if config.kind is DataKind.digits:
        from mnist_etc.data import digits

        return digits.read(part)
    if config.kind is DataKind.folder:
        from mnist_etc.data import folder

        return folder.read(Path(config.root), part, config.prepare)
    from mnist_etc.data import catalog

    return catalog.read(Path(config.root), config.name, part)
