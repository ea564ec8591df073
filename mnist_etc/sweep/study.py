"""The study in its storage: opened, checked to be the one that is asked for, and mended after a parent that was killed.

A trial is lost when the process that ran it is. It is then told as failed, which only one can do, and put into the
queue again as a new trial with the same values and the same folder, in which its training goes on. So what counts is
every trial but the lost ones.
"""

from __future__ import annotations

import fcntl
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_etc.errors import ConfigError

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

__all__ = ["ERROR", "FOLDER", "counted", "is_local", "mend", "open_storage", "open_study", "without_password"]

ERROR, FOLDER, RETRY_OF, SURPLUS = "error", "folder", "retry_of", "surplus"
"""Attributes of a trial: why it failed, the name of its folder, the lost trial that it repeats, one too many."""
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
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with _quiet():
            if "://" not in storage:
                from optuna.storages import JournalStorage
                from optuna.storages.journal import JournalFileBackend

                path = Path(storage)
                path.parent.mkdir(parents=True, exist_ok=True)
                lock: Any = KernelLock(path.with_name(f".{path.name}.lock"))
                return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
            postgres = storage.startswith("postgres")
            return optuna.storages.RDBStorage(
                re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", storage),
                engine_kwargs={"connect_args": {"connect_timeout": ANSWER}} if postgres else None,
                heartbeat_interval=max(1, grace // 4),
                grace_period=grace,
                heartbeat_stale_trial_callback=requeue,
            )
    except ImportError as error:
        reason = str(error).rstrip(".")
        raise ConfigError(
            f"Expected sweep.storage={without_password(storage)} with its driver installed; received: {reason}. For "
            "PostgreSQL: pip install 'mnist-etc[postgres]'"
        ) from None
    except (SQLAlchemyError, OSError, ValueError, KeyError, RuntimeError) as error:
        reason = without_password(str(error).partition("\n")[0]) or type(error).__name__
        raise ConfigError(
            f"Expected a storage that answers at sweep.storage={without_password(storage)}; received: {reason}. Start "
            "it, or leave the key out for a journal file."
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


def requeue(study: optuna.Study, trial: FrozenTrial) -> None:
    """Have a lost trial run again, in the folder in which its training can go on."""
    if trial.params:
        kept = {FOLDER: trial.user_attrs[FOLDER]} if FOLDER in trial.user_attrs else {}
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
    lost = [trial for trial in trials if _is_lost(trial) and trial.number not in repeated]
    for trial in lost:
        requeue(study, trial)
    return len(lost)


def without_password(text: str) -> str:
    """``text`` with the password of an address in it hidden."""
    return re.sub(r"(?<=://)([^:/@\s]*):[^@\s]*@", r"\1:***@", text)


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
