"""Weights that follow from this code alone, no data and no configuration: kept once they are computed."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from mnist_etc import homes
from mnist_etc.errors import ArtifactError
from mnist_etc.files import temporary

__all__ = ["kept"]

LIBRARIES = ("keras", "numpy", "scikit-learn", "tensorflow")
Weights = list[npt.NDArray[np.float32]]


def kept(name: str, sources: Sequence[ModuleType], make: Callable[[], Weights]) -> Weights:
    """What ``make`` returned, in this process or an earlier one of the same code and libraries.

    It lies in ``$XDG_CACHE_HOME/mnist_etc/weights`` (``~/.cache`` where that is not set); a folder that cannot be
    written, or a damaged file, costs the time to compute it, and nothing else.

    Args:
        name: of the file, before what tells versions apart.
        sources: the modules that ``make`` follows from.
        make: computes the arrays.
    """
    digest = hashlib.sha256()
    for module in sources:
        digest.update(Path(str(module.__file__)).read_bytes())
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    path = Path(homes.cache(), "weights", f"{name}_{digest.hexdigest()[:16]}.npz")
    try:
        with path.open("rb") as opened, np.load(opened) as file:
            return [file[one] for one in file.files]
    except (EOFError, OSError, ValueError, zipfile.BadZipFile):
        weights = make()
    try:
        with temporary(path) as draft, draft.open("wb") as written:
            np.savez(written, *weights)
    except ArtifactError:
        pass
    return weights
