"""Images from files to arrays: `load` for training, `load_test` for the test split alone."""

from __future__ import annotations

from pathlib import Path

from mnist_etc.config import DataConfig, DataKind
from mnist_etc.data.dataset import Dataset, Split, cut, scaled

__all__ = ["Dataset", "Split", "load", "load_test", "scaled"]


def load(config: DataConfig) -> Dataset:
    """Read the whole dataset; download it first where it is one of the known ones and is not there.

    Raises:
        DataError: a file is missing, damaged or not of the expected form.
        ConfigError: ``config.validation`` is too large for the training images.
    """
    return cut(_read(config, "train"), _read(config, "test"), validation=config.validation, seed=config.split_seed)


def load_test(config: DataConfig) -> Split:
    """Read the test split; the training files are not touched.

    Raises:
        DataError: as `load`.
    """
    return _read(config, "test")


def _read(config: DataConfig, part: str) -> Split:
    if config.kind is DataKind.digits:
        from mnist_etc.data import digits

        return digits.read(part)
    if config.kind is DataKind.folder:
        from mnist_etc.data import folder

        return folder.read(Path(config.root), part)
    from mnist_etc.data import catalog

    return catalog.read(Path(config.root), config.name, part)
