"""What the tests of shards share: the test images of the digits in tables, and what a folder of answers holds."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from samples import data_config

from mnist_etc.data import load_test

DIGITS = ("data=digits", "artifacts=out")
TEST = load_test(data_config("digits", "digits"))


def write(path: Path, part: slice, group: int = 1000) -> None:
    images, labels = TEST.images[part], TEST.labels[part]
    pixels = pa.FixedSizeListArray.from_arrays(pa.array(images.ravel()), TEST.images[0].size)
    pq.write_table(pa.table({"image": pixels, "label": labels}), path, row_group_size=group)


def answers(path: Path) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = pq.read_table(path).to_pydict()
    return columns


def finished(here: Path) -> list[Path]:
    """Shards that have their names; each is a whole table."""
    found = [path for path in (here / "shards").rglob("*.parquet") if not path.name.startswith(".")]
    for path in found:
        assert pq.read_table(path).num_rows
    return found


def all_are_there(here: Path) -> None:
    """Each image is answered once, and nothing of a killed run is left."""
    left = sorted(str(path.relative_to(here / "shards")) for path in (here / "shards").rglob("*"))
    assert left == [".lock", "_answers.json", "a.parquet", "b.parquet", "more", "more/a.parquet"]
    each_is_answered_once(here)


def each_is_answered_once(here: Path) -> None:
    assert [len(answers(path)["predicted"]) for path in sorted(finished(here))] == [100, 100, 160]
