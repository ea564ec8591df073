"""Keras weights in HDF5."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import h5py
import keras
from keras.src.legacy.saving.legacy_h5_format import save_model_to_hdf5

from mnist_etc.errors import ArtifactError

__all__ = ["read_h5", "write_h5"]


def write_h5(model: keras.Model, path: Path) -> None:
    """Write ``model`` to ``path``; `read_h5`, ``load_weights`` and ``keras.saving.load_model`` read it back.

    The same weights give the same bytes. The file is made in memory, since HDF5 dies of a full disk.
    """
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        save_model_to_hdf5(model, file)
    path.write_bytes(content.getvalue())


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
