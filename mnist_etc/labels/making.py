"""A new database of labels: its tables, its images, the first row of its ledger, all in one transaction or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert, select

from mnist_etc.errors import LabelError
from mnist_etc.labels.database import Database
from mnist_etc.labels.replay import Made
from mnist_etc.labels.tables import ITEMS, METADATA, POOL

__all__ = ["fill", "items_hash", "read_made"]

FORMAT = 1
PIECE = 5000
"""Images that are written at a time."""


def fill(
    connection: Connection,
    *,
    images: NDArray[np.uint8],
    names: Sequence[str],
    labels: NDArray[np.int64] | None,
    dataset: str,
    files: Sequence[str] | None,
    pictures: Sequence[bytes] | None,
) -> Made:
    """Make the tables and write the images; see `mnist_etc.labels.store.LabelStore.create`."""
    METADATA.create_all(connection)
    items: list[dict[str, Any]] = [
        {
            "index": index,
            "image": hashlib.sha256(image.tobytes()).hexdigest(),
            "label": None if labels is None else int(labels[index]),
            "file": None if files is None else files[index],
            "pixels": image.tobytes() if labels is None else None,
            "picture": None if pictures is None else pictures[index],
        }
        for index, image in enumerate(np.ascontiguousarray(images))
    ]
    for start in range(0, len(items), PIECE):
        connection.execute(insert(ITEMS), items[start : start + PIECE])
    told = items_hash((row["index"], row["image"], row["label"], row["file"]) for row in items)
    made = Made(FORMAT, dataset, tuple(names), len(images), int(images.shape[1]), labels is not None, told)
    connection.execute(insert(POOL), {"id": 1, **vars(made), "names": json.dumps(made.names)})
    return made


def items_hash(rows: Iterable[tuple[int, str, int | None, str | None]]) -> str:
    """SHA-256 over the index, image, label and file of each image."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps([*row], separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def read_made(database: Database) -> Made:
    """What a database was made of.

    Raises:
        LabelError: it does not answer, or holds no labels, or those of another version of this program.
    """
    if not database.is_there():
        raise LabelError(
            f"Expected a database of labels at {database.shown}; received none. Make it: python -m mnist_etc labels "
            f"init data=<which> labels.url={database.shown}"
        )
    with database.reading() as connection:
        row = connection.execute(select(POOL).order_by(POOL.c.id)).mappings().first()
    if row is None or row["format"] != FORMAT:
        received = "none" if row is None else row["format"]
        raise LabelError(
            f"Expected a database of labels of format {FORMAT} at {database.shown}; received {received}. Read it with "
            "the version that wrote it."
        )
    try:
        names = tuple(map(str, json.loads(row["names"])))
    except (ValueError, TypeError):
        names = ()
    fields = {name: row[name] for name in Made.__dataclass_fields__}
    return Made(**{**fields, "names": names, "knows": row["knows"] is True})
