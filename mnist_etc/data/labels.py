"""The labels of a user's own images, from a file beside them: a table ``file,label``, a list, IDX or npy."""

from __future__ import annotations

import codecs
import csv
import io
import posixpath
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.content import START, describe
from mnist_etc.errors import DataError

__all__ = ["GivenLabels", "Labels", "NameMatcher", "normalized", "read_labels_file"]

Labels = NDArray[np.int64] | list[str]
"""Numbers of classes, or what a user calls them."""
NAMES = {"file", "filename", "file_name", "image", "img", "path", "name", "index", "id", "image_id", "imageid"}
LABELS = {"label", "labels", "class", "target", "category", "digit", "y"}
"""Names of the columns, in small letters."""
LIMIT = 2**29
"""Bytes of a file."""
FORMS = "Pass two columns file,label (or index,label), one label a line, an IDX or an npy file."


@dataclass(frozen=True, eq=False)
class GivenLabels:
    """What a labels file says: labels in the order of the images, or each beside the name of its image."""

    source: Path
    ordered: Labels | None = None
    named: dict[str, str] | None = None
    """By the normalized name of the image: a path, or its position."""

    def __len__(self) -> int:
        """The number of labels."""
        if self.named is not None:
            return len(self.named)
        return 0 if self.ordered is None else len(self.ordered)


def read_labels_file(path: Path) -> GivenLabels:
    """Read labels from a file, told by its content.

    A table has two columns (comma, semicolon or tab), or more where the first line names them: ``file`` or ``index``
    (or ``filename``, ``image``, ``path``, ``name``, ``id``), and ``label`` (or ``class``, ``target``, ``category``,
    ``digit``). One column is a list in the order of the images.

    Args:
        path: of the file, whatever its name.

    Raises:
        DataError: it cannot be read, is of another form, or gives two labels to one image.
    """
    try:
        with path.open("rb") as file:
            start = file.read(START)
        if path.stat().st_size > LIMIT:
            raise DataError(f"Expected at most {LIMIT:,} bytes in labels={path}; received more. Split the file.")
    except OSError as error:
        raise DataError(f"Cannot read labels={path}: {error.strerror}. Check the path and its permissions.") from error
    if start.startswith((b"\x1f\x8b", b"\0\0")):
        from mnist_etc.data import idx

        return GivenLabels(path, ordered=idx.read_labels(path))
    if start.startswith(b"\x93NUMPY"):
        return GivenLabels(path, ordered=_read_npy(path))
    text = _decoded(path)
    if text is None:
        received = describe(start)[0]
        raise DataError(f"Expected labels in {path}; received {received}. {FORMS}")
    return _read_text(path, text)


def normalized(name: str) -> str:
    """Bring the name of an image to one form: no ``./``, forward slashes, composed accents."""
    return unicodedata.normalize("NFC", posixpath.normpath(name.strip().replace("\\", "/")))


def _read_npy(path: Path) -> Labels:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError, MemoryError) as error:
        cause = " ".join(str(error).split())
        raise DataError(f"{path} is no npy file of labels: {cause}. Save it by numpy.save of plain numbers.") from error
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    elif array.ndim == 2 and array.dtype.kind in "iufb" and ((array != 0).sum(axis=1) == 1).all():
        array = array.argmax(axis=1)
    if array.dtype.kind == "f" and array.ndim == 1 and (array == np.round(array)).all():
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iuU" or not len(array):
        raise DataError(
            f"Expected labels of shape (n,), whole numbers or texts, in {path}; received {array.dtype} of shape "
            f"{array.shape}. Correct them."
        )
    return list(map(str, array.tolist())) if array.dtype.kind == "U" else array.astype(np.int64)


def _decoded(path: Path) -> str | None:
    content = path.read_bytes()
    coding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(coding, "surrogateescape" if coding == "utf-8-sig" else "strict")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _read_text(path: Path, text: str) -> GivenLabels:
    first = text.lstrip().partition("\n")[0]
    delimiter = next((mark for mark in "\t;" if mark in first), ",")
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if any(row)]
    except csv.Error as error:
        raise DataError(f"Expected a table of labels in {path}; received a damaged one: {error}. {FORMS}") from error
    if not rows:
        raise DataError(f"Expected labels in {path}; received an empty file. {FORMS}")
    header = [word.strip().lower() for word in rows[0]]
    width = len(header)
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise DataError(
                f"Expected {width} columns in each row of {path}; received {len(row)} in row {number:,}. Correct it."
            )
    name = next((place for place, word in enumerate(header) if word in NAMES), None)
    label = next((place for place, word in enumerate(header) if word in LABELS), None)
    if width == 1:
        return GivenLabels(path, ordered=[row[0].strip() for row in rows[0 if label is None else 1 :]])
    if name is not None and label is not None:
        rows = rows[1:]
    elif width == 2:
        name, label = 0, 1
        if header[0] in NAMES or header[1] in LABELS:
            rows = rows[1:]
    else:
        shown = ", ".join(map(repr, rows[0][:6]))
        raise DataError(f"Expected columns file and label in {path}; received {shown}. Name them in the first line.")
    return GivenLabels(path, named=_by_name(path, [(row[name], row[label].strip()) for row in rows]))


def _by_name(path: Path, pairs: list[tuple[str, str]]) -> dict[str, str]:
    named: dict[str, str] = {}
    for name, label in pairs:
        key = normalized(name)
        if named.setdefault(key, label) != label:
            raise DataError(
                f"Expected one label an image in {path}; received {named[key]!r} and {label!r} for {name!r}. "
                "Correct it."
            )
    return named


class NameMatcher:
    """Finds the label of an image by its name, though the labels file may say more or less of the path.

    Args:
        given: what the file says, by name.
    """

    def __init__(self, given: GivenLabels) -> None:
        self._given = given
        self._named = given.named or {}
        tails = Counter(PurePosixPath(key).name for key in self._named)
        self._by_tail = {PurePosixPath(key).name: key for key in self._named if tails[PurePosixPath(key).name] == 1}
        self._used: dict[str, str] = {}

    @property
    def unused(self) -> int:
        """Labels that no image has asked for yet."""
        return len(self._named) - len(self._used)

    def find(self, name: str) -> str | None:
        """Return the label of the image ``name``, None where there is none.

        Raises:
            DataError: the label of another image would be taken, since their paths end alike.
        """
        key = self._key(normalized(name))
        if key is None:
            return None
        if self._used.setdefault(key, name) != name:
            raise DataError(
                f"Expected the path of each image in {self._given.source}; received {key!r} for {self._used[key]!r} "
                f"and {name!r}. Write the paths below the folder of input=."
            )
        return self._named[key]

    def _key(self, name: str) -> str | None:
        stem = name.removesuffix(PurePosixPath(name).suffix)
        for candidate in (name, stem):
            if candidate in self._named:
                return candidate
        for candidate in (name, stem):
            key = self._by_tail.get(PurePosixPath(candidate).name)
            if key and (candidate.endswith(f"/{key}") or key.endswith(f"/{candidate}")):
                return key
        return None
