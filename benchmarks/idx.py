"""MNIST as arrays, read from ``$MNIST_ETC_DATA``."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt


def mnist(split: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Images ``(n, 28, 28)`` and labels ``(n,)`` of the split ``train`` or ``t10k``.

    Raises:
        SystemExit: they are not there.
    """
    folder = Path(os.environ.get("MNIST_ETC_DATA", "data")) / "mnist"
    if not folder.is_dir():
        sys.exit(f"Expected MNIST in {folder}; received no such folder. Set MNIST_ETC_DATA to the folder above it.")
    images = gzip.decompress((folder / f"{split}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{split}-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28), np.frombuffer(labels, np.uint8, offset=8)
