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
    """Finds the image that a file means: by its SHA-256, by its own file's name, or by its index in the pool.

    Args:
        items: of the pool.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._by_hash = {item.image: item.index for item in items}
        twice = Counter(PurePosixPath(item.file).name for item in items if item.file)
        self._by_file = {item.file: item.index for item in items if item.file}
        for item in items:
            if item.file and twice[name := PurePosixPath(item.file).name] == 1:
                self._by_file.setdefault(name, item.index)
        self._size = len(items)

    def find(self, named: Mapping[str, Any], place: str) -> int:
        """The index of an image by ``sha256``, ``file``, ``index`` or, of a task, ``image``: the first of these given.

        Raises:
            DataError: names ``place``; none is given, or it is of no image.
        """
        given = {key: named[key] for key in ("sha256", "file", "index", "image") if named.get(key) not in (None, "")}
        for key, value in given.items():
            found = None
            if key == "sha256":
                found = self._by_hash.get(str(value))
            elif key == "index" and str(value).isdecimal() and int(value) < self._size:
                found = int(value)
            elif key in ("file", "image"):
                found = self._by_file.get(str(value), self._by_file.get(PurePosixPath(str(value)).name))
            if found is None:
                raise DataError(f"Expected an image of the pool in {place}; received {key} {str(value)[:80]!r}.")
            return found
        raise DataError(f"Expected sha256, file or index of an image in {place}; received none. Nothing was taken.")


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
