"""The labels of the images that are classified, as numbers of the model's classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.classes import list_names
from mnist_etc.data.inputs import Batch
from mnist_etc.data.labels import GivenLabels, Labels, NameMatcher
from mnist_etc.errors import DataError

__all__ = ["Labeled", "Labeler", "readable"]

NONE, UNKNOWN = -1, -2
"""In the place of a class: no label; a label that is no class of the model."""
FIGURE = re.compile(r":\d+$")
"""What ``split=true`` puts after the name of a picture."""
LATER = re.compile(r":(?!1$)\d+$")
"""The same after any figure of a picture but the first."""
NUMBER = re.compile(r"\d{1,9}")
FLOAT = re.compile(r"\d{1,9}\.\d*(e[+-]?\d\d)?")
MOST_KEPT = 1000
"""Unknown labels that are told apart."""


@dataclass(frozen=True, eq=False)
class Labeled:
    """The labels of one batch."""

    numbers: NDArray[np.int64]
    """``(n,)``: of the model's classes, or `NONE` or `UNKNOWN`."""
    texts: list[str | None]
    """What a table shows: the name of the class, or the unknown label as it was given; None where there is none."""


@dataclass(eq=False)
class Labeler:
    """Gives each image its label: of a labels file, of a column or array of the input, or of the folder it lies in.

    A label names a class: "7", "A", "boot". Where no class is called so, a whole number is the number of a class,
    unless the names of all classes are numbers themselves.
    """

    names: Sequence[str]
    """Of the model's classes."""
    given: GivenLabels | None = None
    positions: bool = False
    """Whether the images' names are their positions, and not those of files."""
    folder: Path | None = None
    """Whose subfolders may be labels."""
    numbered: bool = False
    """Whether labels are the numbers of the model's classes, whatever these are called."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Images of each label that is no class of the model; past `MOST_KEPT` they are counted under "...". """
    unlabeled: int = 0
    """Images without a label where others may have one."""
    seen: int = 0
    _numbers: dict[str, int] = field(default_factory=dict)
    _pictures: int = 0
    """Read so far; one with several figures is one."""

    def __post_init__(self) -> None:
        """Look at the labels as a whole."""
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._by_number = not all(NUMBER.fullmatch(name) for name in self.names)
        self._matcher = NameMatcher(self.given) if self.given and self.given.named is not None else None
        if self._matcher and self.given and self.positions:
            _refuse_counting_from_one(self.given)
        folders = _subfolders(self.folder) if self.folder and not self.given else []
        self._by_folder = any(name in self._numbers for name in folders)
        self.phrase = ""
        """Why there are no labels, for a summary."""
        if folders and not self._by_folder:
            classes = list_names(list(self.names))
            self.phrase = f"the folders {list_names(folders)} are no classes of the model, {classes}"

    def counts(self) -> dict[str, Any]:
        """What did not fit, as plain JSON types, for `restore`."""
        return {"unknown": dict(self.unknown), "unlabeled": self.unlabeled, "seen": self.seen, "phrase": self.phrase}

    def restore(self, counts: Mapping[str, Any]) -> None:
        """Add what `counts` gave."""
        self.unknown.update(counts["unknown"])
        self.unlabeled += counts["unlabeled"]
        self.seen += counts["seen"]
        self.phrase = self.phrase or counts["phrase"]

    @property
    def complaints(self) -> list[str]:
        """What about the labels does not fit, a phrase each, for the end of a run."""
        said = []
        if self.unknown:
            shown = list_names([repr(name) for name in self.unknown])
            said.append(f"{shown}: no class of the model ({self.unknown.total():,} of {self.seen:,} images)")
        if self.unlabeled:
            said.append(f"none for {self.unlabeled:,} of {self.seen:,} images")
        if self._matcher and self._matcher.unused:
            said.append(f"{self._matcher.unused:,} of {len(self.given or ()):,} name no image that was read")
        return said

    def label(self, batch: Batch) -> Labeled | None:
        """Find the labels of a batch; None where the input has none.

        Raises:
            DataError: the labels file does not fit the images.
        """
        labels = self._labels(batch)
        if labels is None:
            return None
        if isinstance(labels, list):
            texts = labels
            numbers = np.fromiter(map(self._number, texts), np.int64, len(texts))
        elif self.numbered:
            numbers, texts = labels, []
        else:
            distinct, places = np.unique(labels, return_inverse=True)
            found = [self._number(str(one) if one >= 0 else "") for one in distinct.tolist()]
            numbers, texts = np.array(found, np.int64)[places.reshape(-1)], []
        strange = np.flatnonzero(numbers == UNKNOWN).tolist()
        words: list[str | None] = [self.names[number] if number >= 0 else None for number in numbers.tolist()]
        for row in strange:
            words[row] = text = readable(texts[row]) if texts else str(labels[row])
            self.unknown[text if text in self.unknown or len(self.unknown) < MOST_KEPT else "..."] += 1
        self.seen += len(numbers)
        self.unlabeled += int((numbers == NONE).sum())
        return Labeled(numbers, words)

    def check_all(self, unreadable: int) -> None:
        """Hold the number of all pictures, those that could not be read among them, against that of ordered labels.

        Raises:
            DataError: there are more labels than pictures.
        """
        pictures = self._pictures + unreadable
        if self.given and self.given.ordered is not None and len(self.given) != pictures:
            raise self._wrong_count(f"{pictures:,}")

    def _number(self, label: str) -> int:
        text = label.strip()
        if not text:
            return NONE
        for form in (text, _whole(text)):
            if form in self._numbers:
                return self._numbers[form]
            if self._by_number and NUMBER.fullmatch(form) and int(form) < len(self.names):
                return int(form)
        return UNKNOWN

    def _labels(self, batch: Batch) -> Labels | None:
        if self.given and self._matcher:
            return [self._matched(name) for name in batch.names]
        if self.given and self.given.ordered is not None:
            return self._in_order(batch.names, self.given.ordered)
        if batch.labels is not None:
            return batch.label_texts or batch.labels
        return [self._of_folder(name) for name in batch.names] if self._by_folder else None

    def _matched(self, name: str) -> str:
        """The label of the labels file; none for one of several figures, whose label is of the whole picture."""
        assert self._matcher
        return self._matcher.find(name) or ""

    def _in_order(self, names: list[str], ordered: Labels) -> Labels:
        if not self.positions:
            assert self.given
            raise DataError(
                f"Expected the name of each picture beside its label in {self.given.source}; received labels in an "
                "order, which pictures in a folder do not have. Write two columns: file,label."
            )
        self._pictures += sum(not LATER.search(name) for name in names)
        places = [int(name) if NUMBER.fullmatch(name) else -1 for name in names]
        if max(places, default=-1) >= len(ordered):
            raise self._wrong_count("more")
        if isinstance(ordered, list):
            return ["" if place < 0 else ordered[place] for place in places]
        numbers = ordered[places]
        return np.where(np.array(places) < 0, NONE, numbers)

    def _of_folder(self, name: str) -> str:
        """The folder that an image lies in, the one nearest the top that is a class; its first where none is."""
        parts = PurePosixPath(name).parts[:-1]
        if not parts or (FIGURE.search(name) and self.folder and not (self.folder / name).exists()):
            return ""
        return next((part for part in parts if part in self._numbers), parts[0])

    def _wrong_count(self, images: str) -> DataError:
        assert self.given
        return DataError(
            f"Expected a label for each image in {self.given.source}; received {len(self.given):,} labels and {images} "
            "images. Pass the labels of these images."
        )


def readable(name: str) -> str:
    """Return a name as UTF-8 can hold it: bytes of a file's name that are none become their values."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _whole(text: str) -> str:
    """A whole number as `numpy.savetxt` and pandas write it, 7.0 or 7.000000000000000000e+00, without a point."""
    return str(int(float(text))) if FLOAT.fullmatch(text) and float(text).is_integer() else text


def _refuse_counting_from_one(given: GivenLabels) -> None:
    named = given.named or {}
    if "0" not in named and str(len(named)) in named:
        raise DataError(
            f"Expected positions that count from 0 in {given.source}; received 1 to {len(named):,}. "
            "Take 1 off each, or pass the labels alone, one a line."
        )


def _subfolders(folder: Path) -> list[str]:
    """Names of the folders in ``folder``, and of those in them, as ``train`` and ``test`` of a dataset have."""
    names: dict[str, None] = {}
    with suppress(OSError):  # one that cannot be listed is named where its images are read
        above = _folders(folder)
        names = dict.fromkeys(place.name for place in above)
        for place in above:
            names |= dict.fromkeys(below.name for below in _folders(place))
    return list(names)


def _folders(folder: Path) -> list[Path]:
    return sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))
