"""Where the answers go: CSV, Parquet or JSON lines, into a file in one step or to standard output as they come."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from json.encoder import encode_basestring
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from mnist_etc.errors import ConfigError
from mnist_etc.evaluation.confusion import COLUMNS as CLASSES
from mnist_etc.evaluation.confusion import NO_ANSWER
from mnist_etc.files import temporary
from mnist_etc.inference.labels import readable
from mnist_etc.inference.table import COLUMNS, DECIMALS, Answers
from mnist_etc.registry import Registry

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "FORMATS",
    "MARK",
    "STANDARD_OUTPUT",
    "Format",
    "check_output",
    "check_target",
    "open_parquet",
    "open_sink",
    "side_files",
]

STANDARD_OUTPUT = "-"
ROW_GROUP = 65_536
"""Rows that are held before Parquet takes them: what a row group holds."""
TYPES = {"class": "int32", "probability": "float32", "distance": "float32"}
"""Of the columns that hold numbers."""
SUMMARY = ".json"
MARK = b"mnist_etc"
"""The key in the metadata of a Parquet file; a summary begins with it too."""
QUOTE, SPECIAL = '"', re.compile(r'[",\r\n]')
"""Of CSV."""
START = 2**20
"""Bytes that tell whose a file is."""
Write = Callable[[Answers], None]
About = Callable[[], dict[str, str]]
"""Gives what the metadata of a table state besides, once it is whole."""
Opened = AbstractContextManager[Write]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A form of the table."""

    open: Callable[[BinaryIO, list[str], bool], Opened]
    """Write the head of a table with these columns, and yield what writes a batch of answers; the flag says whether
    the image's own column holds positions."""
    is_ours: Callable[[Path], bool]
    """Whether a file is a table of this form that this tool wrote; raises OSError or ValueError where it is damaged."""


def check_target(target: str | None, key: str, suffixes: tuple[str, ...], reads: list[str | None], force: bool) -> None:
    """Refuse a file that cannot be written, or that is somebody else's, before anything is read.

    Args:
        target: what the user asked for; None and ``-`` are well.
        key: of the configuration, for the message.
        suffixes: one of which the name must have.
        reads: files that are read, and must not be replaced.
        force: replace a file that this tool did not write.

    Raises:
        ConfigError: names what was expected, and the remedy.
    """
    if target is None or target == STANDARD_OUTPUT:
        return
    path = Path(target)
    expected = f"{key}=<file{'|'.join(suffixes)}>"
    if path.is_dir():
        inside = path / f"answers{suffixes[0]}"
        raise ConfigError(f"Expected {expected}; received the folder {target}. Pass {key}={inside}.")
    if path.suffix.lower() not in suffixes:
        also = f", or {key}=- for standard output"
        raise ConfigError(f"Expected {expected}; received {target!r}. Pass a name that ends in one of them{also}.")
    if not path.parent.is_dir():
        raise ConfigError(f"Expected a folder that is there in {key}={target}; received {path.parent}. Make it first.")
    if not path.exists():
        return
    for one in filter(None, reads):
        if Path(one).exists() and path.samefile(one):
            raise ConfigError(f"Expected {key} apart from what is read; received {target} for both. Pass another name.")
    if not force and not _is_ours(path):
        raise ConfigError(
            f"Expected {key}={target} as a new file or one that this tool wrote; received another's. "
            "Pass another name, or force=true to replace it."
        )


def side_files(table: str) -> list[Path]:
    """List the files beside a table: a row a class, the confusion matrix, and its picture; none of standard output."""
    if table == STANDARD_OUTPUT:
        return []
    stem = Path(table).with_suffix("")
    return [stem.with_name(f"{stem.name}_{what}") for what in SIDE_FILES]


def check_output(output: str | None, reads: list[str | None], force: bool) -> None:
    """Refuse a table that cannot be written, or that is somebody else's, and likewise the files beside it.

    Raises:
        ConfigError: as `check_target`.
    """
    check_target(output, "output", tuple(FORMATS), reads, force)
    for path in [] if output is None or force else side_files(output):
        if path.exists() and not SIDE_FILES[path.name.removeprefix(f"{Path(str(output)).stem}_")](_start(path)):
            raise ConfigError(
                f"Expected {path}, which comes beside output={output}, as a new file or one that this tool wrote; "
                "received another's. Pass another name, or force=true to replace it."
            )


def _format_of(target: str | Path) -> Format:
    """Choose the row of `FORMATS` by the suffix; standard output is CSV."""
    return FORMATS[".csv" if target == STANDARD_OUTPUT else Path(target).suffix.lower()]


@contextmanager
def open_sink(target: str | Path, names: list[str], *, positions: bool, key: str) -> Iterator[Write]:
    """Open the table; the file gets its name when all is written, and not at all where an error comes before.

    Args:
        target: file, or ``-`` for standard output.
        names: of the columns.
        positions: whether the first of them holds whole numbers.
        key: of the configuration, which chooses the folder; for messages.

    Raises:
        ArtifactError: the file cannot be written.
        BrokenPipeError: nobody reads standard output any more.
    """
    form = _format_of(target)
    if target == STANDARD_OUTPUT:
        output = sys.__stdout__
        assert output is not None
        with form.open(cast(BinaryIO, output.buffer), names, positions) as write:

            def write_now(batch: Answers) -> None:
                write(batch)
                output.buffer.flush()

            yield write_now
        return
    with temporary(Path(target), key=key) as path, path.open("wb") as file, form.open(file, names, positions) as write:
        yield write


def _is_ours(path: Path) -> bool:
    try:
        if path.suffix.lower() == SUMMARY:
            return MARK in _start(path)
        return path.stat().st_size == 0 or FORMATS[path.suffix.lower()].is_ours(path)  # mktemp makes an empty one
    except (OSError, ValueError):
        return False


@contextmanager
def _open_csv(file: BinaryIO, names: list[str], _: bool) -> Iterator[Write]:
    # A file's name that is no UTF-8 goes out as the bytes that came in.
    def put(text: str) -> None:
        file.write(text.encode("utf-8", "surrogateescape"))

    def write(batch: Answers) -> None:
        columns = [_texts(name, column, "", str) for name, column in zip(names, batch.values(), strict=True)]
        put("\n".join([*map(",".join, zip(*map(_quoted, columns), strict=True)), ""]))

    put(",".join(names) + "\n")
    yield write


def _texts(name: str, column: list[Any], unknown: str, text: Callable[[Any], str]) -> list[str]:
    """A column as texts: numbers with a point in the digits of `DECIMALS`, any other value as ``text`` says."""
    places = DECIMALS.get(_kind(name))
    if places is not None:
        form = f"%.{places}f"
        return [unknown if value is None else form % value for value in column]
    return [unknown if value is None else text(value) for value in column]


def _quoted(column: list[str]) -> list[str]:
    """With quotation marks around what would else be read as several values (RFC 4180)."""
    if not SPECIAL.search("\t".join(column)):
        return column
    return [f'"{value.replace(QUOTE, QUOTE * 2)}"' if SPECIAL.search(value) else value for value in column]


@contextmanager
def _open_jsonl(file: BinaryIO, names: list[str], positions: bool) -> Iterator[Write]:
    row = "{" + ", ".join(f"{encode_basestring(name)}: %s" for name in names) + "}"

    def write(batch: Answers) -> None:
        columns = [
            _texts(name, column, "null", str if _kind(name) in TYPES else encode_basestring)
            for name, column in zip(names[1:], batch.values()[1:], strict=True)
        ]
        own = batch.names if positions else [encode_basestring(name) for name in _own(batch.names, False)]
        file.write("\n".join([*map(row.__mod__, zip(own, *columns, strict=True)), ""]).encode())

    yield write


@contextmanager
def open_parquet(file: BinaryIO, names: list[str], positions: bool, about: About = dict) -> Iterator[Write]:
    """Begin a Parquet table with these columns; see `Format.open`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    own = [(names[0], pa.int64() if positions else pa.string())]
    others = [(name, pa.type_for_alias(TYPES.get(_kind(name), "string"))) for name in names[1:]]
    schema = pa.schema([*own, *others], metadata={MARK: b"answers"})
    held: list[pa.RecordBatch] = []

    def flush(writer: Any) -> None:
        if held:
            writer.write_table(pa.Table.from_batches(held, schema))
            held.clear()

    with pq.ParquetWriter(file, schema, compression="zstd") as writer:

        def write(batch: Answers) -> None:
            columns = batch.values()
            columns[0] = _own(batch.names, positions)
            arrays = [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
            held.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
            if sum(len(one) for one in held) >= ROW_GROUP:
                flush(writer)

        yield write
        flush(writer)
        writer.add_key_value_metadata(about())


def _own(names: list[str], positions: bool) -> list[Any]:
    """Positions as numbers; names as UTF-8, which these forms are."""
    if positions:
        return [int(name) for name in names]
    return [name if name.isascii() else readable(name) for name in names]


def _kind(name: str) -> str:
    """``probability_2`` is of the kind of ``probability``."""
    return name.rstrip("0123456789").removesuffix("_")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(START)


def _is_our_csv(path: Path) -> bool:
    return _start(path).partition(b"\n")[0].decode("utf-8", "replace").split(",")[1:7] == list(COLUMNS)


def _is_our_jsonl(path: Path) -> bool:
    row = json.loads(_start(path).partition(b"\n")[0])
    return isinstance(row, dict) and list(row)[1:7] == list(COLUMNS)


def _is_our_parquet(path: Path) -> bool:
    import pyarrow.parquet as pq

    return MARK in (pq.read_schema(path).metadata or {})


SIDE_FILES: dict[str, Callable[[bytes], bool]] = {
    "classes.csv": lambda start: start.startswith(",".join(CLASSES).encode()),
    "confusion.csv": lambda start: start.startswith(b"label,") and NO_ANSWER.encode() in start.partition(b"\n")[0],
    "confusion.png": lambda start: MARK in start,
}
"""After the table's own name; each with how its first bytes tell that this tool wrote it."""
FORMATS: Registry[Format] = Registry("form of a table")
FORMATS.add(".csv", Format(open=_open_csv, is_ours=_is_our_csv))
FORMATS.add(".parquet", Format(open=open_parquet, is_ours=_is_our_parquet))
FORMATS.add(".jsonl", Format(open=_open_jsonl, is_ours=_is_our_jsonl))
