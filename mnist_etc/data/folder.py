"""A user's own dataset: ``<root>/{train,test}/<0-9>/*.{png,jpg,jpeg}``, or a folder for each owner between."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data import images
from mnist_etc.data.config import DataConfig, Polarity
from mnist_etc.data.dataset import CLASSES, Split
from mnist_etc.data.owners import number_owners
from mnist_etc.data.prepare import prepare
from mnist_etc.data.registry import DATASETS
from mnist_etc.errors import DataError

__all__ = ["read_split"]

SHOWN = 9


def read_split(config: DataConfig, part: str) -> Split:
    """Read ``<data.root>/<part>/``, where each image lies in the folder of its label; name what else lies there.

    What has no label is named on stderr. Each image is brought to 28x28 as ``config.prepare`` says; of a picture with
    several figures the main one is taken.

    Args:
        config: ``root`` and ``prepare`` are heeded, and whether ``owners`` are folders.
        part: "train" or "test".

    Raises:
        DataError: there is no such folder, no image in it, one that cannot be read, or, where owners are folders, a
            training image that lies in none.
    """
    root = Path(config.root)
    found = [(path, label) for label in range(CLASSES) for path in images.find(root / part / str(label))]
    passed = _passed_over(root / part)
    if not found:
        received = f"none, but {passed}" if passed else "none"
        raise DataError(
            f"Expected images in {root / part}/<0-9>/*.png or *.jpg; received {received}. Put them there, "
            "or pass data.root=<the folder that holds train/ and test/>."
        )
    owners = None
    if part == "train" and config.owners == DATASETS[config.kind].owners:
        owners = _owners(root / part, [path for path, _ in found])
    if passed:
        print(f"passed over in {root / part}: {passed}; a label is a folder 0 to {CLASSES - 1}", file=sys.stderr)
    pixels, failures = [], []
    for path, _ in found:
        try:
            prepared = prepare(images.read(path, Polarity.auto), config.prepare)
            if not len(prepared.images):
                raise DataError(f"No figure was found in {path}, an empty sheet. Remove it.")
            pixels.append(prepared.images[prepared.main])
        except DataError as error:
            failures.append(error)
    if failures:
        raise DataError(f"{failures[0]} ({len(failures):,} of {len(found):,} images in {root / part} cannot be read.)")
    return Split(np.stack(pixels), np.array([label for _, label in found], np.int64), owners)


def _owners(folder: Path, paths: list[Path]) -> NDArray[np.int64]:
    """The folder below its label's in which each image lies; one name stands for one person under every label."""
    below = [path.relative_to(folder).parts[1:] for path in paths]
    without = [path for path, parts in zip(paths, below, strict=True) if len(parts) < 2]
    if without:
        raise DataError(
            f"Expected training images in {folder}/<0-9>/<owner>/ with data.owners=folders; received {without[0]} "
            f"({len(without):,} of {len(paths):,} lie in no owner's folder). Move them, or pass data.owners=null."
        )
    return number_owners([parts[0] for parts in below])


def _passed_over(folder: Path) -> str:
    """The images in ``folder`` without a label, counted for each place; empty where there are none."""
    counts = Counter[str]()
    labels = {str(label) for label in range(CLASSES)}
    for place in folder.iterdir() if folder.is_dir() else ():
        if place.is_dir() and place.name not in labels and not place.name.startswith("."):
            with suppress(DataError):  # one that cannot be listed is none of ours
                counts[f"{place.name}/"] = len(images.find(place))
        elif place.is_file() and place.name.lower().endswith(images.SUFFIXES) and not place.name.startswith("."):
            counts["no folder"] += 1
    shown = [f"{count:,} in {place}" for place, count in sorted(counts.items()) if count]
    return ", ".join(shown[:SHOWN]) + (f" and {len(shown) - SHOWN:,} more folders" if len(shown) > SHOWN else "")
