"""A database by its address: transactions of one writer at a time, and what a driver raises told in a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from mnist_etc.errors import ConfigError, LabelError
from mnist_etc.labels.tables import POOL

__all__ = ["Database", "address"]

ANSWER = 5
"""Seconds that a server has to answer a new connection."""
TURN = 60
"""Seconds that a writer waits for its turn."""
BEGIN = "label_begin"


class Database:
    """A database of labels at an address; every transaction opens a connection of its own, so processes may fork.

    Args:
        url: as SQLAlchemy has it.

    Raises:
        ConfigError: it is no address, of a database in memory, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._url = _parsed(url)
        self.shown = self._url.render_as_string(hide_password=True)
        """The address, without its password."""
        self._engine = _engine(self._url, self.shown)

    @property
    def file(self) -> Path | None:
        """Where it is a file of SQLite, that."""
        return Path(str(self._url.database)) if self._url.get_backend_name() == "sqlite" else None

    def is_there(self) -> bool:
        """Whether the tables are.

        Raises:
            LabelError: it does not answer.
        """
        if self.file is not None and not self.file.is_file():
            return False
        with self.reading() as connection:
            return bool(inspect(connection).has_table(POOL.name))

    def make_folder(self) -> None:
        """Make the folder of a file of SQLite.

        Raises:
            LabelError: it cannot be made.
        """
        try:
            if self.file is not None:
                self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabelError(
                f"Expected a folder that can be written for {self.shown}; received: {error.strerror}. Pass another "
                "labels.url."
            ) from None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection; each statement on it sees one state.

        Raises:
            LabelError: the database does not answer.
        """
        self._require_file()
        with self._told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, new: bool = False) -> Iterator[Connection]:
        """Yield a connection on whose commit, at the end of the block, all is written or nothing.

        No other writer is between its begin and its end: on SQLite by ``BEGIN IMMEDIATE``, elsewhere by a lock on the
        one row of `POOL`.

        Args:
            new: the tables are yet to be made.

        Raises:
            LabelError: the database does not answer, or refuses.
        """
        if not new:
            self._require_file()
        with self._told(), self._engine.execution_options(**{BEGIN: "IMMEDIATE"}).begin() as connection:
            if not new and connection.dialect.name != "sqlite":
                connection.execute(select(POOL.c.id).with_for_update())
            yield connection

    def _require_file(self) -> None:
        """SQLite would make an empty one."""
        if self.file is not None and not self.file.is_file():
            raise LabelError(
                f"Expected a database of labels at {self.shown}; received no such file. Make it: python -m mnist_etc "
                f"labels init data=<which> labels.url={self.shown}"
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            reason = _plain(str(getattr(error, "orig", None) or error)) or type(error).__name__
            raise LabelError(
                f"Expected the database of labels at {self.shown} to do as it is asked; received: {reason}. Nothing "
                "was written; once it answers, the same command goes on."
            ) from None


def address(file: Path) -> str:
    """Of a file of SQLite, whatever its path is made of."""
    return URL.create("sqlite", database=str(file)).render_as_string()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url))
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise ConfigError(
            f"Expected labels.url as sqlite:///labels.db or postgresql://user@host/database; received {_plain(url)!r}."
        ) from None
    if backend == "sqlite" and (parsed.database or ":memory:") == ":memory:":
        raise ConfigError(
            f"Expected a file in labels.url={url}, such as sqlite:///labels.db; received none, and what lies in memory "
            "alone nobody else can ask."
        )
    return parsed


def _engine(url: URL, shown: str) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    timeout: dict[str, Any] = {"timeout": TURN} if sqlite else {}
    if url.get_backend_name() == "postgresql":
        timeout = {"connect_timeout": ANSWER}
    try:
        engine = create_engine(url, poolclass=NullPool, connect_args=timeout)
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigError(
            f"Expected labels.url={shown} with its driver installed; received: {_plain(str(error))}. For PostgreSQL: "
            "pip install 'mnist-etc[postgres]'"
        ) from None
    if sqlite:
        event.listen(engine, "connect", _no_begin_of_its_own)
        event.listen(engine, "begin", _begin)
    return engine


def _no_begin_of_its_own(connection: Any, _: object) -> None:
    """Python's driver begins where it likes; see SQLAlchemy's page on SQLite, "Serializable isolation"."""
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get(BEGIN, '')}")


def _plain(text: str) -> str:
    """The first line, without the password of an address in it."""
    text = " ".join(text.strip().partition("\n")[0].split()).rstrip(".")
    return re.sub(r"(?<=[?&]password=)[^&\s]+", "***", re.sub(r"(?<=://)([^:/@\s]*):\S*@", r"\1:***@", text))
