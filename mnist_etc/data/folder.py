"""A user's own dataset: ``<root>/{train,test}/<class>/*.{png,jpg,jpeg}``, or a folder for each owner between."""

from __future__ import annotations

import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data import images
from mnist_etc.data.classes import check_names, list_names, natural_order
from mnist_etc.data.config import DataConfig, Polarity
from mnist_etc.data.dataset import Split
from mnist_etc.data.owners import number_owners
from mnist_etc.data.prepare import prepare
from mnist_etc.data.registry import DATASETS
from mnist_etc.errors import DataError

__all__ = ["has_classes", "read_split"]

ARCHIVE = "__MACOSX"
"""A folder that unpacking on another machine leaves beside the classes."""


def read_split(config: DataConfig, part: str) -> Split:
    """Read ``<data.root>/<part>/``, where each image lies in the folder of its class; name what else lies there.

    The names of the training folders are those of the classes, in natural order ("2" before "10"); a test folder of
    another name is refused. Images in no folder are counted on stderr. Each is brought to ``config.side`` as
    ``config.prepare`` says; of a picture with several figures the main one is taken.

    Args:
        config: ``root``, ``side``, ``classes`` and ``prepare`` are heeded, and whether ``owners`` are folders.
        part: "train" or "test".

    Raises:
        DataError: there is no such folder, fewer than two classes or more than 1,000 in it, one without an image, an
            image that cannot be read, or, where owners are folders, a training image that lies in none.
    """
    root = Path(config.root)
    folders, loose = _classes(root / part), _loose(root / part)
    searched = {name: images.search(folder) for name, folder in folders.items()}
    by_class = {name: found.images for name, found in searched.items()}
    passed = images.list_others(sum((found.others for found in searched.values()), Counter[str]()))
    if not any(by_class.values()):
        received = f"none, but {loose:,} in no folder" if loose else "none"
        raise DataError(
            f"Expected images in {root / part}/<class>/*.png or *.jpg; received {received}. Put them there, "
            "or pass data.root=<the folder that holds train/ and test/>."
        )
    names = check_names(_names(config, root, part, by_class), f"the folders in {root / 'train'}")
    found = [(path, names.index(name)) for name, paths in by_class.items() for path in paths]
    owners = None
    if part == "train" and config.owners == DATASETS[config.kind].owners:
        owners = _owners(root / part, [path for path, _ in found])
    if loose:
        print(f"passed over in {root / part}: {loose:,} in no folder; a class is a folder", file=sys.stderr)
    if passed:
        print(f"passed over in {root / part}, which are no images: {passed}", file=sys.stderr)
    pixels, failures = [], []
    for path, _ in found:
        try:
            prepared = prepare(images.read(path, Polarity.auto), config.prepare, side=config.side)
            if not len(prepared.images):
                raise DataError(f"No figure was found in {path}, an empty sheet. Remove it.")
            pixels.append(prepared.images[prepared.main])
        except DataError as error:
            failures.append(error)
    if failures:
        raise DataError(f"{failures[0]} ({len(failures):,} of {len(found):,} images in {root / part} cannot be read.)")
    return Split(np.stack(pixels), np.array([label for _, label in found], np.int64), owners, names)


def has_classes(folder: Path) -> bool:
    """Whether there are folders in ``folder``, each of which is a class."""
    return bool(_classes(folder))


def _owners(folder: Path, paths: list[Path]) -> NDArray[np.int64]:
    """The folder below its label's in which each image lies; one name stands for one person under every label."""
    below = [path.relative_to(folder).parts[1:] for path in paths]
    without = [path for path, parts in zip(paths, below, strict=True) if len(parts) < 2]
    if without:
        raise DataError(
            f"Expected training images in {folder}/<class>/<owner>/ with data.owners=folders; received {without[0]} "
            f"({len(without):,} of {len(paths):,} lie in no owner's folder). Move them, or pass data.owners=null."
        )
    return number_owners([parts[0] for parts in below])


def _classes(folder: Path) -> dict[str, Path]:
    """The folders of the classes by their names, composed (NFC) since systems differ in that, in natural order."""
    folders = [place for place in (folder.iterdir() if folder.is_dir() else ()) if place.is_dir()]
    there = {place.name: place for place in folders if not place.name.startswith(".") and place.name != ARCHIVE}
    return {unicodedata.normalize("NFC", name): there[name] for name in natural_order(there)}


def _names(config: DataConfig, root: Path, part: str, by_class: Mapping[str, Sequence[Path]]) -> list[str]:
    """Of all classes: what ``config.classes`` says, or the training folders, if there are any."""
    if config.classes is not None:
        names, where = list(config.classes), "data.classes"
    else:
        names, where = list(by_class if part == "train" else _classes(root / "train") or by_class), f"{root / 'train'}/"
        if part == "train" and (empty := [name for name, paths in by_class.items() if not paths]):
            raise DataError(
                f"Expected images in each folder of {root / part}, which is a class; received none in "
                f"{list_names(empty)}. Add some, or remove the folder."
            )
    others = [name for name in by_class if name not in names]
    if others:
        raise DataError(
            f"Expected folders in {root / part} of the {len(names):,} classes of {where}, {list_names(names)}; "
            f"received {list_names(others)} too. Move what is no class elsewhere, or train with it."
        )
    return names


def _loose(folder: Path) -> int:
    """How many images lie in ``folder`` itself, and so have no class."""
    places = folder.iterdir() if folder.is_dir() else ()
    named = [place for place in places if place.is_file() and not place.name.startswith(".")]
    return sum(place.name.lower().endswith(images.SUFFIXES) for place in named)
