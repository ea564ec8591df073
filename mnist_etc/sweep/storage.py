"""The storage that a study is recorded in: a journal file, or a database."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_etc.errors import ArtifactError, ConfigError
from mnist_etc.sweep.study import quiet, requeue

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

__all__ = ["answering", "check_storage", "is_local", "open_storage", "sqlite_file", "without_password"]

ANSWER = 5
"""Seconds that a database has to answer."""
DATABASE = re.compile(r"sqlite:///.|postgres(ql)?(\+psycopg)?://")
"""How the address of one begins."""


class KernelLock:
    """The lock of a journal file, which the kernel frees when the process that holds it dies.

    Args:
        path: of the lock file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._handle = path, -1

    def acquire(self) -> bool:
        """Wait for it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._handle = handle
        return True

    def release(self) -> None:
        """Let others have it."""
        os.close(self._handle)


def is_local(storage: str) -> bool:
    """Whether a storage is a file, which one machine uses."""
    return "://" not in storage or storage.startswith("sqlite:")


def sqlite_file(storage: str) -> Path:
    """The file of a storage that is local: of SQLite, or a journal."""
    return Path(storage.removeprefix("sqlite:///").partition("?")[0])


def check_storage(storage: str) -> None:
    """Refuse what cannot be opened, without loading what opens it.

    Raises:
        ConfigError: there is no such kind of storage, or no folder for its file.
    """
    if re.fullmatch(r"sqlite:/{0,3}(:memory:)?", storage):
        raise ConfigError(
            f"Expected a file in sweep.storage={storage}, such as sqlite:///sweeps.db; received none, and what lies in "
            "memory alone nothing goes on with."
        )
    if "://" in storage and not DATABASE.match(storage):
        raise ConfigError(
            "Expected sweep.storage as a path of a journal file, sqlite:///file.db or postgresql://user@host/database; "
            f"received {without_password(storage)}. Pass one of these, or leave the key out for a journal file."
        )
    if storage.startswith("sqlite:") and not (folder := sqlite_file(storage).parent).is_dir():
        raise ConfigError(
            f"Expected the folder of the file in sweep.storage={storage}; received no folder {folder}. Make it."
        )


def open_storage(storage: str, grace: int) -> BaseStorage:
    """Open a storage, making what it needs.

    Args:
        storage: path of a journal file, or address of a database, that `check_storage` let pass.
        grace: seconds after which a trial without a heartbeat is lost.

    Raises:
        ConfigError: it does not answer, or is none.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with quiet():
            if "://" not in storage:
                from optuna.storages import JournalStorage
                from optuna.storages.journal import JournalFileBackend

                path = Path(storage)
                path.parent.mkdir(parents=True, exist_ok=True)
                lock: Any = KernelLock(path.with_name(f".{path.name}.lock"))
                _cut(path, lock)
                return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
            if storage.startswith("sqlite:///"):
                _refuse_foreign(storage)
            from sqlalchemy.pool import NullPool  # each transaction has a connection of its own, and leaves none open

            server = {"connect_args": {"connect_timeout": ANSWER}, "poolclass": NullPool}
            return optuna.storages.RDBStorage(
                re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", storage),
                engine_kwargs=server if storage.startswith("postgres") else None,
                heartbeat_interval=max(1, grace // 4),
                grace_period=grace,
                heartbeat_stale_trial_callback=requeue,
            )
    except ConfigError:
        raise
    except ImportError as error:
        reason = str(error).rstrip(".")
        raise ConfigError(
            f"Expected sweep.storage={without_password(storage)} with its driver installed; received: {reason}. "
            "Install it: pip install 'mnist-etc[postgres]'"
        ) from None
    except Exception as error:  # noqa: BLE001 - whatever a driver, or a file of something else, raises
        reason = without_password(str(error).partition("\n")[0]) or type(error).__name__
        raise ConfigError(
            f"Expected a storage that answers at sweep.storage={without_password(storage)}; received: {reason}. Start "
            "it, or leave the key out for a journal file."
        ) from None


@contextmanager
def answering(storage: str) -> Iterator[None]:
    """Tell in a line of a storage that stops to answer.

    Raises:
        ArtifactError: it did in the block.
    """
    try:
        yield
    except Exception as error:
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        if not isinstance(error, SQLAlchemyError | StorageInternalError):
            raise
        cause = error.__cause__ or error
        reason = without_password(str(cause).partition("\n")[0]) or type(cause).__name__
        raise ArtifactError(
            f"Expected sweep.storage={without_password(storage)} to answer; received: {reason}. Once it does, the same "
            "command goes on."
        ) from None


def without_password(text: str) -> str:
    """``text`` with the password of an address in it hidden."""
    text = re.sub(r"(?<=://)([^:/@\s]*):\S*@", r"\1:***@", text)
    return re.sub(r"(?<=[?&]password=)[^&\s]+", "***", text)


def _refuse_foreign(storage: str) -> None:
    """Refuse a file of SQLite that holds tables of another program, such as MLflow, before any is added to it."""
    path = sqlite_file(storage)
    if not path.is_file():
        return
    with closing(sqlite3.connect(path)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "studies" not in tables:
        raise ConfigError(
            f"Expected a new file, or one of studies, in sweep.storage={storage}; received another program's, with a "
            f"table {min(tables)}. Pass another file."
        )


def _cut(journal: Path, lock: KernelLock) -> None:
    """Remove the half of a line that a full disk left at the end of a journal; no line could follow it."""
    if not journal.is_file():
        return
    lock.acquire()
    try:
        content = journal.read_bytes()
        if content and not content.endswith(b"\n"):
            os.truncate(journal, content.rfind(b"\n") + 1)
    finally:
        lock.release()
