"""An input in parts, and the Parquet shard that answers each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mnist_etc.data import images
from mnist_etc.data.source import Part
from mnist_etc.data.tables.columnar import rows_of_groups
from mnist_etc.data.tables.files import CSV, PARQUET, find, is_table
from mnist_etc.errors import DataError
from mnist_etc.files import temporary
from mnist_etc.inference.classification import Classification, open_labels, open_source
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.model import Classifier, SelectedModel
from mnist_etc.inference.output import open_parquet

__all__ = ["Shard", "classify_shard", "counts", "list_shards", "read_counts"]

COUNTS = "mnist_etc.counts"
"""In the metadata of a shard: what it came to, and of which state of its input."""
PICTURES = 4096
"""Of a folder, a part."""
ROWS = 65_536
"""Of a Parquet file, a part, at least."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A part of the input, and the shard that answers it."""

    name: str
    """Of the file that is written."""
    path: str
    """What is read."""
    part: Part
    state: str
    """Of what is read: another one is answered anew."""


def classify_shard(config: InferCommand, model: SelectedModel, classifier: Classifier, shard: Shard) -> str:
    """Answer one part; its shard gets its name when it is whole.

    Returns:
        its name.
    """
    command = replace(config, input=shard.path)
    source = open_source(command, classifier.names, shard.part)
    labeler = open_labels(command, source, classifier.names)
    run = Classification(command, model, classifier, source, labeler, tells=False)

    def about() -> dict[str, str]:
        return {COUNTS: json.dumps({"state": shard.state, **run.summary.counts(), "labels": labeler.counts()})}

    with temporary(Path(str(config.output), shard.name), key="output") as path, path.open("wb") as file:
        with open_parquet(file, run.columns, run.positions, about) as write:
            run.pour(write)
    return shard.name


def list_shards(path: Path) -> list[Shard]:
    """The parts of a table, of a folder of tables, or of a folder of pictures, in their order."""
    if path.is_dir() and is_table(path, b""):
        tables = find(path, PARQUET) or find(path, CSV)
        like = str(tables[0])
        return [
            Shard(
                name=_parquet(str(table.relative_to(path))),
                path=str(table),
                part=Part(like=like),
                state=_state(table),
            )
            for table in tables
        ]
    if path.is_dir():
        found = images.find(path)
        if not found:
            raise DataError(f"Expected images or tables in {path}; received none. Check the path.")
        pieces = [found[first : first + PICTURES] for first in range(0, len(found), PICTURES)]
        return [
            Shard(
                name=f"part-{number:05}.parquet",
                path=str(path),
                part=Part(files=tuple(str(one.relative_to(path)) for one in piece)),
                state=hashlib.sha256("".join(map(_state, piece)).encode()).hexdigest(),
            )
            for number, piece in enumerate(pieces)
        ]
    return list(_shards_of_file(path))


def _shards_of_file(path: Path) -> Iterator[Shard]:
    """Whole row groups of a Parquet file; any other file is one part."""
    state, first, rows = _state(path), 0, 0
    with path.open("rb") as file:
        groups = rows_of_groups(path) if file.read(4) == b"PAR1" else []
    if not groups:
        yield Shard(name=_parquet(path.name), path=str(path), part=Part(), state=state)
    for number, count in enumerate(groups):
        rows += count
        if rows >= ROWS or number == len(groups) - 1:
            part = Part(row_groups=(first, number + 1), like=str(path))
            yield Shard(name=f"{path.stem}-{first:05}.parquet", path=str(path), part=part, state=state)
            first, rows = number + 1, 0


def _parquet(name: str) -> str:
    return name if name.endswith(".parquet") else f"{name}.parquet"


def _state(path: Path) -> str:
    about = path.stat()
    return f"{path.name} {about.st_size} {about.st_mtime_ns}"


def counts(path: Path, shard: Shard) -> dict[str, Any] | None:
    """What a finished shard came to; None where it is not there, or answers another state of its input."""
    found = read_counts(path)
    return found if found is not None and found.get("state") == shard.state else None


def read_counts(path: Path) -> dict[str, Any] | None:
    """What a shard came to; None where the file is none, or is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return dict(json.loads(pq.read_metadata(path).metadata[COUNTS.encode()]))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None
