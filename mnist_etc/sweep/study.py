"""The study in its storage: opened, checked to be the one that is asked for, and mended after a parent that was killed.

A trial is lost when the process that ran it is. It is then told as failed, which only one can do, and put into the
queue again as a new trial with the same values and the same folder, in which its training goes on. So what counts is
every trial but the lost ones.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_etc.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

__all__ = [
    "ERROR",
    "FOLDER",
    "KILLS",
    "SURPLUS",
    "answering",
    "counted",
    "is_local",
    "mend",
    "open_storage",
    "open_study",
    "requeue",
    "without_password",
]

ERROR, FOLDER, RETRY_OF, SURPLUS, KILLS = "error", "folder", "retry_of", "surplus", "kills"
"""Attributes of a trial: why it failed, the name of its folder, the lost trial that it repeats, one too many, and how
often its process was killed."""
OWNER = "mnist_etc"
"""Attribute of a study: what it searches."""
ANSWER = 5
"""Seconds that a database has to answer."""


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


def open_storage(storage: str, grace: int) -> BaseStorage:
    """Open a storage, making what it needs.

    Args:
        storage: path of a journal file, or address of a database.
        grace: seconds after which a trial without a heartbeat is lost.

    Raises:
        ConfigError: it does not answer, or is none.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if re.fullmatch(r"sqlite:/{0,3}(:memory:)?", storage):
        raise ConfigError(
            f"Expected a file in sweep.storage={storage}, such as sqlite:///sweeps.db; received none, and what lies in "
            "memory alone nothing goes on with."
        )
    try:
        with _quiet():
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
            f"Expected sweep.storage={without_password(storage)} with its driver installed; received: {reason}. For "
            "PostgreSQL: pip install 'mnist-etc[postgres]'"
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
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ or error
        reason = without_password(str(cause).partition("\n")[0]) or type(cause).__name__
        raise ArtifactError(
            f"Expected sweep.storage={without_password(storage)} to answer; received: {reason}. Once it does, the same "
            "command goes on."
        ) from None


def open_study(
    storage: BaseStorage, name: str, searched: Mapping[str, Any], pruner: optuna.pruners.BasePruner
) -> optuna.Study:
    """Open the study ``name``, or make it.

    Args:
        storage: of `open_storage`.
        name: of the study.
        searched: what it searches, as plain JSON types by name.
        pruner: for the trials of this process.

    Raises:
        ConfigError: the study of that name searches something else.
    """
    import optuna

    with _quiet():
        study = optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True, pruner=pruner
        )
    there = study.user_attrs.get(OWNER)
    if there is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(OWNER, dict(searched))
    elif there != searched:
        key = next((key for key in searched if (there or {}).get(key) != searched[key]), "space")
        raise ConfigError(
            f"Expected the study {name} to be of {key} {_short(searched[key])}; received one of "
            f"{_short((there or {}).get(key, 'another program'))}. Pass sweep.name=<another name>."
        )
    return study


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """Every trial but those that were lost."""
    return [
        trial for trial in study.get_trials(deepcopy=False) if not _is_lost(trial) and SURPLUS not in trial.user_attrs
    ]


def requeue(study: optuna.Study, trial: FrozenTrial | optuna.Trial) -> None:
    """Have a lost trial run again, in the folder in which its training can go on."""
    if trial.params:
        kept = {key: trial.user_attrs[key] for key in (FOLDER, KILLS) if key in trial.user_attrs}
        study.enqueue_trial(trial.params, user_attrs={RETRY_OF: trial.number, **kept})


def mend(study: optuna.Study, *, alone: bool) -> int:
    """Put lost trials into the queue again.

    Args:
        study: the study.
        alone: nobody else runs trials of it; so whichever run are lost.

    Returns:
        How many.
    """
    import optuna
    from optuna.trial import TrialState

    if not alone:
        with _quiet():
            optuna.storages.fail_stale_trials(study)
        return 0
    for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
    trials = study.get_trials(deepcopy=False)
    repeated = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    lost = [trial for trial in trials if trial.params and _is_lost(trial) and trial.number not in repeated]
    for trial in lost:
        requeue(study, trial)
    return len(lost)


def without_password(text: str) -> str:
    """``text`` with the password of an address in it hidden."""
    text = re.sub(r"(?<=://)([^:/@\s]*):\S*@", r"\1:***@", text)
    return re.sub(r"(?<=[?&]password=)[^&\s]+", "***", text)


def _refuse_foreign(storage: str) -> None:
    """Refuse a file of SQLite that holds tables of another program, such as MLflow, before any is added to it."""
    path = Path(storage.removeprefix("sqlite:///").partition("?")[0])
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


def _is_lost(trial: FrozenTrial) -> bool:
    return trial.state.name == "FAIL" and not {ERROR, SURPLUS} & trial.user_attrs.keys()


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's warnings that a feature is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
