"""Keras weights in HDF5."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
from absl import logging

from mnist_etc.errors import ArtifactError

__all__ = ["read_h5", "write_h5"]


def write_h5(model: keras.Model, path: Path) -> None:
    """Write ``model`` to ``path``, which ends in ``.h5``; `read_h5` and ``load_weights`` read it back."""
    level = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # Keras calls the format, which users rely on, legacy
    try:
        model.save(path)
    finally:
        logging.set_verbosity(level)


def read_h5(model: keras.Model, path: Path) -> None:
    """Fill ``model`` with the weights in ``path``.

    Raises:
        ArtifactError: the file is no HDF5 or holds weights of other shapes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"Expected {path} to hold weights of {model.name}; received: {reason}.") from error
