"""The study in its storage: opened, checked to be the one that is asked for, and mended after a parent that was killed.

A trial is lost when the process that ran it is. It is then told as failed, which only one can do, and put into the
queue again as a new trial with the same values and the same folder, in which its training goes on. So what counts is
every trial but the lost ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mnist_etc.errors import ConfigError

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

__all__ = [
    "ERROR",
    "FOLDER",
    "KILLS",
    "RETRY_OF",
    "SURPLUS",
    "counted",
    "folder_of",
    "mend",
    "number_of",
    "open_study",
    "quiet",
    "requeue",
]

ERROR, FOLDER, RETRY_OF, SURPLUS, KILLS = "error", "folder", "retry_of", "surplus", "kills"
"""Attributes of a trial: why it failed, the name of its folder, the lost trial that it repeats, one too many, and how
often its process was killed."""
OWNER = "mnist_etc"
"""Attribute of a study: what it searches."""
PREFIX = "trial_"
"""Of the name of a folder, before the number of the trial."""


def open_study(
    storage: BaseStorage,
    name: str,
    searched: Mapping[str, Any],
    pruner: optuna.pruners.BasePruner,
    defaults: Mapping[str, str] | None = None,
) -> optuna.Study:
    """Open the study ``name``, or make it.

    Args:
        storage: of `open_storage`.
        name: of the study.
        searched: what it searches, as plain JSON types by name.
        pruner: for the trials of this process.
        defaults: value by key of what the words of a command leave out, for messages.

    Raises:
        ConfigError: the study of that name searches something else.
    """
    import optuna

    with quiet():
        study = optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True, pruner=pruner
        )
    there = study.user_attrs.get(OWNER)
    if there is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(OWNER, dict(searched))
    elif there != searched:
        key = next((key for key in searched if (there or {}).get(key) != searched[key]), "space")
        expected, received = _difference(key, searched[key], (there or {}).get(key), defaults or {})
        raise ConfigError(
            f"Expected the study {name} to be of {expected}; received one of {received}. Pass "
            "sweep.name=<another name>."
        )
    return study


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """Every trial but those that were lost."""
    return [
        trial for trial in study.get_trials(deepcopy=False) if not _is_lost(trial) and SURPLUS not in trial.user_attrs
    ]


def folder_of(trial: FrozenTrial | optuna.Trial) -> str:
    """The name of its folder, which a trial that goes on has from the lost one."""
    return str(trial.user_attrs.get(FOLDER, f"{PREFIX}{trial.number:04d}"))


def number_of(trial: FrozenTrial) -> int:
    """The number that users know it by: of its folder."""
    return int(folder_of(trial).removeprefix(PREFIX))


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
        with quiet():
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


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's warnings that a feature is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_lost(trial: FrozenTrial) -> bool:
    return trial.state.name == "FAIL" and not {ERROR, SURPLUS} & trial.user_attrs.keys()


def _difference(key: str, asked: Any, there: Any, defaults: Mapping[str, str]) -> tuple[str, str]:
    """What differs between two commands, spaces or constraints, on either side."""
    one, other = _settings(asked, defaults), _settings(there or {}, defaults)
    keys = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    kind = "constraints" if key == "constraints" else f"a {key}"
    return f"{kind} with {_told(one, keys)}", f"{kind} with {_told(other, keys)}" if there else "another program"


def _settings(searched: Any, defaults: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(searched, str):
        return {key: str(value) for key, value in searched.items()}
    name, *words = searched.split()
    return {
        "sweep.command": name,
        **defaults,
        **{key: value for key, _, value in (one.partition("=") for one in words)},
    }


def _told(settings: Mapping[str, str], keys: list[str]) -> str:
    text = ", ".join(f"{key}={settings[key]}" if key in settings else f"no {key}" for key in keys)
    return text if len(text) <= 200 else f"{text[:200]}..."
