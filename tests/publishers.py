"""Files of the datasets by name, tiny, each written as its publisher writes it; no file of theirs is copied."""

from __future__ import annotations

import bz2
import gzip
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from samples import idx_bytes

__all__ = ["write_emnist", "write_kmnist_idx", "write_kuzushiji_npz", "write_medmnist", "write_qmnist", "write_usps"]

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]


def write_emnist(folder: Path, split: str, part: str, images: Images, labels: Labels, *, zipped: bool) -> None:
    """NIST: gzip.zip of ``gzip/emnist-<split>-<part>-*.gz``; rows and columns exchanged."""
    files = {
        f"emnist-{split}-{part}-images-idx3-ubyte.gz": gzip.compress(idx_bytes(images.transpose(0, 2, 1))),
        f"emnist-{split}-{part}-labels-idx1-ubyte.gz": gzip.compress(idx_bytes(labels)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if zipped:
            with zipfile.ZipFile(folder / "gzip.zip", "a") as archive:
                archive.writestr(f"gzip/{name}", content)
        else:
            (folder / name).write_bytes(content)


def write_kmnist_idx(folder: Path, part: str, images: Images, labels: Labels) -> None:
    """ROIS-CODH: the names of MNIST's files."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = {"train": "train", "test": "t10k"}[part]
    (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
    (folder / f"{stem}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))


def write_kuzushiji_npz(folder: Path, name: str, part: str, images: Images, labels: Labels) -> None:
    """ROIS-CODH: ``numpy.savez_compressed(file, array)``, so that the array is ``arr_0``."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"{name}-{part}-imgs.npz", images)
    np.savez_compressed(folder / f"{name}-{part}-labels.npz", labels)


def write_qmnist(folder: Path, part: str, images: Images, labels: Labels) -> None:
    """Facebook Research: eight columns of int32, the class, then NIST's series, writer, digit, class, two more, 0."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = np.zeros((len(labels), 8), ">i4")
    columns[:, 0] = labels
    columns[:, 1:] = [4, 2100, 17, 48, 3, 1012, 0]
    content = b"\0\0\x0c\x02" + np.array(columns.shape, ">u4").tobytes() + columns.tobytes()
    (folder / f"qmnist-{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
    (folder / f"qmnist-{part}-labels-idx2-int.gz").write_bytes(gzip.compress(content))


def write_usps(folder: Path, part: str, images: Images, labels: Labels) -> None:
    """LIBSVM: a line an image, its label counted from 1, then ``place:value`` in [-1, 1]; bzip2."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for image, label in zip(images, labels, strict=True):
        values = image.reshape(-1) / 127.5 - 1
        pairs = " ".join(f"{place}:{value:.6g}" for place, value in enumerate(values, 1))
        lines.append(f"{label + 1} {pairs} \n")
    name = {"train": "usps.bz2", "test": "usps.t.bz2"}[part]
    (folder / name).write_bytes(bz2.compress("".join(lines).encode()))


def write_medmnist(folder: Path, name: str, parts: dict[str, tuple[Images, Labels]]) -> None:
    """Zenodo: one npz of all parts, labels ``(n, 1)``."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[np.uint8]] = {}
    for part, (images, labels) in parts.items():
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = images, labels[:, None]
    np.savez_compressed(folder / f"{name}.npz", **arrays)  # type: ignore[arg-type]
