"""Answers as files have them: how an image is named in one, and the two formats."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from mnist_etc.data.classes import list_names
from mnist_etc.errors import DataError
from mnist_etc.labels.view import Item

__all__ = ["Answer", "Images", "csv_of", "from_csv", "from_tasks", "tasks_of"]

FROM, TO, TYPE = "label", "image", "choices"
"""Names of the two tags in Label Studio's configuration: ``<Choices name="label" toName="image">``, ``<Image
name="image" value="$image"/>``."""


@dataclass(frozen=True)
class Answer:
    """One that stands."""

    item: Item
    who: str
    name: str
    """Of the class."""


class Images:
    """Finds the image that a file means: by its SHA-256, its own file's name, or its index in the pool.

    Args:
        items: of the pool, by their index.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._by_hash: dict[str, int] = {}
        for item in items:
            self._by_hash.setdefault(item.image, item.index)
        counts = Counter(PurePosixPath(item.file).name for item in items if item.file)
        self._by_file = {PurePosixPath(item.file).name: item.index for item in items if item.file}
        self._by_file = {name: index for name, index in self._by_file.items() if counts[name] == 1}
        self._by_file |= {item.file: item.index for item in items if item.file}

    def find(self, named: Mapping[str, Any], place: str) -> int:
        """The index of an image by ``index``, ``file``, ``sha256`` or, of a task, ``image``: the first of these given.

        A ``sha256`` beside an index or a file has to be that image's; where it is not, it counts alone.

        Raises:
            DataError: names ``place``; none is given, or it is of no image.
        """
        given = {
            key: str(named[key]) for key in ("index", "file", "sha256", "image") if named.get(key) not in (None, "")
        }
        for key, value in given.items():
            found = self._one(key, value)
            if found is not None and given.get("sha256", self._items[found].image) == self._items[found].image:
                return found
            if "sha256" not in given or key == "sha256":
                raise DataError(f"Expected an image of the pool in {place}; received {key} {value[:80]!r}.")
        raise DataError(f"Expected sha256, file or index of an image in {place}; received none. Nothing was taken.")

    def _one(self, key: str, value: str) -> int | None:
        if key == "index":
            number = int(value) if value.isdecimal() and len(value) <= 12 else len(self._items)
            return number if number < len(self._items) else None
        if key == "sha256":
            return self._by_hash.get(value)
        return self._by_file.get(value, self._by_file.get(PurePosixPath(value).name))


def tasks_of(answers: Iterable[Answer]) -> str:
    """Label Studio's tasks, each with its annotations, as JSON; people's answers to one image in one task."""
    tasks: dict[int, dict[str, Any]] = {}
    for answer in answers:
        item = answer.item
        task = tasks.setdefault(
            item.index,
            {"id": item.index + 1, "data": _data(item), "annotations": [], "predictions": []},
        )
        result = {
            "id": f"{item.image[:10]}",
            "from_name": FROM,
            "to_name": TO,
            "type": TYPE,
            "value": {TYPE: [answer.name]},
        }
        task["annotations"].append(
            {"result": [result], "was_cancelled": False, "ground_truth": False, "who": answer.who}
        )
    return json.dumps([*tasks.values()], indent=1, ensure_ascii=False) + "\n"


def from_tasks(content: bytes, images: Images) -> dict[int, str]:
    """The name of the class by the index of each image that has an annotation; the last one that was not cancelled.

    Raises:
        DataError: it is no list of tasks, a task is of no image, or an annotation is not one choice.
    """
    try:
        tasks = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"Expected a list of tasks in JSON; received {error}. Export it again.") from None
    if not isinstance(tasks, list):
        raise DataError(f"Expected a list of tasks in JSON; received {type(tasks).__name__}. Export it again.")
    found: dict[int, str] = {}
    for number, task in enumerate(tasks, 1):
        try:
            kept = [one for one in task["annotations"] if not one.get("was_cancelled")]
            choices = [one["value"][TYPE] for one in kept[-1]["result"] if one["type"] == TYPE] if kept else []
            data = dict(task["data"])
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise DataError(
                f"Expected data and annotations in task {number:,}; received none of the form: {error!r}. Export it as "
                "JSON."
            ) from None
        if kept:
            if len(choices) != 1 or not isinstance(choices[0], list) or len(choices[0]) != 1:
                raise DataError(f"Expected one choice in task {number:,}; received {choices!r:.80}. Choose one.")
            found[images.find(data, f"task {number:,}")] = str(choices[0][0])
    return found


def csv_of(answers: Iterable[Answer]) -> str:
    """A table of the answers, one a line."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["index", "file", "sha256", "label", "who"])
    rows.writerows([one.item.index, one.item.file or "", one.item.image, one.name, one.who] for one in answers)
    return file.getvalue()


def from_csv(content: bytes, images: Images) -> dict[int, str]:
    """The name of the class by the index of each image; the last where an image has two.

    Raises:
        DataError: there is no column ``label``, or a line is of no image.
    """
    try:
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
        columns = list(rows.fieldnames or ())
        if "label" not in columns:
            raise DataError(
                f"Expected columns label, and sha256, file or index; received {list_names(columns) or 'none'}."
            )
        return {
            images.find(row, f"line {rows.line_num}"): row["label"] for row in rows if row["label"] not in (None, "")
        }
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"Expected a CSV file in UTF-8; received {error}. Save it as such.") from None


def _data(item: Item) -> dict[str, Any]:
    """What a task is about; the picture itself, where the database holds it."""
    from mnist_etc.labels.pool import png

    content = item.picture or (None if item.pixels is None else png(item.pixels))
    shown = item.file or str(item.index)
    image = shown if content is None else f"data:image/png;base64,{base64.b64encode(content).decode()}"
    file = {} if item.file is None else {"file": item.file}
    return {"image": image, "index": item.index, "sha256": item.image, **file}
