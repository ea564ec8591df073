"""An input in parts, and the Parquet shard that answers each."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mnist_etc.data import images
from mnist_etc.data.source import InputPart
from mnist_etc.data.tables.columnar import rows_of_groups
from mnist_etc.data.tables.files import CSV, PARQUET, find, is_table
from mnist_etc.errors import DataError
from mnist_etc.files import temporary
from mnist_etc.inference.classification import Classification, open_labels, open_source
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.model import SelectedModel, open_second_judge
from mnist_etc.inference.output import open_parquet
from mnist_etc.predictor import Predictor

__all__ = ["Shard", "ShardClassifier", "counts", "list_shards", "read_counts"]

COUNTS = "mnist_etc.counts"
"""In the metadata of a shard: what it came to, and of which state of its input."""
PICTURES = 4096
"""Of a folder, a part."""
ROWS = 65_536
"""Of a Parquet file, a part, at least: whole row groups."""
MOST = 4 * ROWS
"""And at most: what is left of a larger row group is read again from its beginning for the next part."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A part of the input, and the shard that answers it."""

    name: str
    """Of the file that is written."""
    path: str
    """What is read."""
    part: InputPart
    state: str
    """Of what is read: another one is answered anew."""


class ShardClassifier:
    """A model that is loaded once for all the parts that it answers.

    Raises:
        ArtifactError: ONNX Runtime cannot load the model.
    """

    def __init__(self, config: InferCommand, model: SelectedModel) -> None:
        self._config, self._model = config, model
        self._classifier, self._second = Predictor(model.onnx, config.threads), open_second_judge(config, model)

    def answer(self, shard: Shard) -> str:
        """Answer one part; its shard gets its name when it is whole.

        Returns:
            its name.
        """
        config, classifier = replace(self._config, input=shard.path), self._classifier
        source = open_source(config, classifier.names, shard.part)
        labeler = open_labels(config, source, classifier.names)
        run = Classification(config, self._model, classifier, source, labeler, tells=False, second=self._second)

        def about() -> dict[str, str]:
            return {COUNTS: json.dumps({"state": shard.state, **run.summary.counts(), "labels": labeler.counts()})}

        with temporary(Path(str(config.output), shard.name), key="output") as path, path.open("wb") as file:
            with open_parquet(file, run.columns, run.positions, about) as write:
                run.pour(write)
        return shard.name


def list_shards(path: Path) -> list[Shard]:
    """The parts of a table, of a folder of tables, or of a folder of pictures, in their order.

    Raises:
        DataError: there is nothing to answer, or what there is cannot be read.
    """
    try:
        if not path.is_dir():
            shards = _of_tables([path], path.parent)
        elif is_table(path, b""):
            shards = _of_tables(find(path, PARQUET) or find(path, CSV), path)
        else:
            shards = list(_of_pictures(path))
    except OSError as error:
        raise DataError(f"Cannot read {error.filename or path}: {error.strerror}. Check its permissions.") from error
    if not shards:
        raise DataError(f"Expected images or tables with rows in {path}; received none. Check the path.")
    name, times = Counter(shard.name for shard in shards).most_common(1)[0]
    if times > 1:
        raise DataError(f"Expected a table for each shard of {path}; received {times} for {name}. Rename one of them.")
    return shards


def _of_tables(tables: Sequence[Path], root: Path) -> list[Shard]:
    """Parts of each table that has a row; only a Parquet file tells its rows at its end."""
    pieces = [(table, rows) for table in tables for rows in _rows(table)]
    cut = Counter(table for table, _ in pieces)
    numbers: Counter[Path] = Counter()
    shards = []
    for table, rows in pieces:
        name = str(table.relative_to(root))
        if cut[table] > 1:
            name = f"{name.removesuffix('.parquet')}-{numbers[table]:05}.parquet"
            numbers[table] += 1
        shards.append(
            Shard(
                name=name if name.endswith(".parquet") else f"{name}.parquet",
                path=str(table),
                part=InputPart(rows=rows, like=str(pieces[0][0])),
                state=f"{_state(table)} {rows}",
            )
        )
    return shards


def _rows(table: Path) -> Iterator[tuple[int, int] | None]:
    """The first row of each part of a Parquet file, and the one after its last; of any other file None, for all."""
    with table.open("rb") as file:
        if file.read(4) != b"PAR1":
            yield None
            return
    first, stop = 0, 0
    groups = rows_of_groups(table)
    for rows in groups:
        stop += rows
        while stop - first > MOST:
            yield first, first + MOST
            first += MOST
        if stop - first >= ROWS:
            yield first, stop
            first = stop
    if stop > first:
        yield first, stop


def _of_pictures(folder: Path) -> Iterator[Shard]:
    found = images.find(folder)
    for number, first in enumerate(range(0, len(found), PICTURES)):
        piece = found[first : first + PICTURES]
        yield Shard(
            name=f"part-{number:05}.parquet",
            path=str(folder),
            part=InputPart(files=tuple(str(one.relative_to(folder)) for one in piece)),
            state=hashlib.sha256("".join(map(_state, piece)).encode("utf-8", "surrogateescape")).hexdigest(),
        )


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
