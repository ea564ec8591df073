"""``python -m mnist_etc.sweep``: everything is checked first, then searched, then written down."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_etc.artifacts.remedies import flatten, program
from mnist_etc.artifacts.trial_folder import sweep_folder
from mnist_etc.composition import choices, conf_folder
from mnist_etc.data import load
from mnist_etc.errors import ArtifactError, ConfigError, ExitCode
from mnist_etc.files import exclusive
from mnist_etc.sweep.config import SweepCommand
from mnist_etc.sweep.engines import SWEEP_ENGINES
from mnist_etc.sweep.registry import PRUNERS, SAMPLERS, TARGETS
from mnist_etc.sweep.results import best_of, write_best, write_plots, write_table
from mnist_etc.sweep.search import METRIC, Search
from mnist_etc.sweep.space import Space
from mnist_etc.sweep.storage import (
    answering,
    check_storage,
    is_local,
    open_storage,
    sqlite_file,
    without_password,
)
from mnist_etc.sweep.study import counted, folder_of, open_study
from mnist_etc.sweep.trial import Training
from mnist_etc.tracking.tracker import Tracker
from mnist_etc.training.recipe import standing

if TYPE_CHECKING:
    import optuna

__all__ = ["sweep"]

STATES = {
    "COMPLETE": "finished",
    "PRUNED": "pruned",
    "FAIL": "failed",
    "RUNNING": "running elsewhere",
    "WAITING": "waiting",
}
"""Of trials, in words."""


def sweep(command: SweepCommand) -> int:
    """Search, and write the best configuration, a table and pictures.

    Returns:
        The exit code: 1 where no trial came to an end that keeps to the constraints.

    Raises:
        ArtifactError: trials of another study are there, something cannot be written, or the storage stops to answer.
        BusyError: another search runs in the same folder.
        ConfigError: the space, the storage or the study is not what is asked for.
    """
    asked, target = command.sweep, TARGETS[command.sweep.command]
    if asked.storage is not None:
        check_storage(asked.storage)
    name = asked.name or f"{target.label(command)}_{command.data.name}"
    folder = sweep_folder(command, name)
    work = Training(command, folder)
    space = _checked(_space(command), work)
    storage_name = asked.storage or str(folder / "journal.log")
    local = is_local(storage_name)
    with ExitStack() as stack:
        stack.enter_context(answering(storage_name))
        if local and asked.storage is None:
            stack.enter_context(exclusive(folder / ".lock"))
        storage = open_storage(storage_name, asked.grace)
        if local and asked.storage is not None:
            stack.enter_context(exclusive(_lock(storage_name, name), key="sweep.storage"))
        bounds = {key: getattr(asked, key) for key in ("size_mb", "latency_ms", "epsilon")}
        searched = {"command": " ".join([work.name, *work.settings]), "space": space.content, "constraints": bounds}
        defaults = {group: several[0] for group, several in choices(work.name).items()}
        study = open_study(storage, name, searched, PRUNERS[asked.pruner](), defaults)
        work.place = stack.enter_context(SWEEP_ENGINES[asked.engine].place(command.ray.address))
        work.place.threads(asked.threads, asked.processes)
        _say(f"study {name} in {without_password(storage_name)}, {_so_far(study)}")
        if not counted(study) and (left := sorted(folder.glob("trial_*"))):
            raise ArtifactError(
                f"Expected no trials of another study in {folder}; received {left[0].name}. Pass sweep.name=<another "
                "name>, the sweep.storage that they are recorded in, or remove them."
            )
        private = _private(command, space)
        if private:
            _say(private)
        tracker = stack.enter_context(_tracked(command, name, work))
        Search(
            study,
            storage,
            space,
            work,
            sampler=SAMPLERS[asked.sampler],
            trials=asked.trials,
            processes=asked.processes,
            seed=command.seed,
            timeout=asked.timeout,
            heartbeat=None if local else max(1, asked.grace // 4),
            say=_say,
        ).run()
        return _conclude(command, name, work, study, tracker, private=private is not None)


def _so_far(study: optuna.Study) -> str:
    """The trials that came to their end, and those that did not."""
    trials = counted(study)
    ended = sum(trial.state.is_finished() for trial in trials)
    rest = f", {len(trials) - ended} under way" if ended < len(trials) else ""
    return f"{ended} trial{'s' * (ended != 1)} so far{rest}"


def _conclude(
    command: SweepCommand, name: str, work: Training, study: optuna.Study, tracker: Tracker, *, private: bool
) -> int:
    folder, trials = work.folder, counted(study)
    write_table(study, folder / "trials.csv")
    made = write_plots(study, folder / "plots")
    states = [trial.state.name for trial in trials]
    count = ", ".join(f"{states.count(state)} {word}" for state, word in STATES.items() if state in states)
    print(f"{name}: {count}; {folder}/trials.csv" + f" and {folder}/plots/" * bool(made))
    if command.sweep.timeout is not None and len(trials) < command.sweep.trials:
        print(f"sweep.timeout was over before sweep.trials={command.sweep.trials}; the same command goes on")
    if private:
        given = standing(command, load(command.data))
        print(f"all private trainings on these images, every trial among them: {given.words}")
    best = best_of(study)
    if best is None:
        print(
            "error: Expected a trial that comes to its end and keeps to the constraints; received none. See "
            f"{folder}/trials.csv and the trial.log of each.",
            file=sys.stderr,
        )
        return ExitCode.FAILED
    path = folder / "best.yaml"
    own = work.artifact(folder_of(best), best.params)
    told = f"{METRIC} {best.value:.4f}, the best of {states.count('COMPLETE')} finished trials of {len(trials)}"
    typed = flatten(command, (work.target.schema,))
    write_best(
        path,
        program(work.name),
        [*work.settings, *work.counted_by],
        typed,
        best.params,
        told,
        best.user_attrs.get("threads"),
        secret=private and command.privacy.seed is None,
    )
    tracker.parameters(best.params)
    tracker.metrics({METRIC: float(best.value or 0)})
    print(f"best: {folder_of(best)} with {METRIC} {best.value:.4f}; its model is {own.onnx}")
    print(f"train it by: {program(work.name)} {shlex.quote(f'experiment={path}')}")
    return ExitCode.DONE


def _space(command: SweepCommand) -> Path:
    """The file of the search space."""
    given = command.sweep.space
    if given and ("/" in given or given.endswith((".yaml", ".yml"))):
        if not Path(given).is_file():
            raise ConfigError(f"Expected a file for sweep.space; received {given!r}, which is none.")
        return Path(given)
    folder = conf_folder("sweep") / "sweep" / "space"
    name = given or TARGETS[command.sweep.command].label(command)
    if not given and _is_private(command) and (folder / f"{name}_private.yaml").is_file():
        name = f"{name}_private"
    if not (path := folder / f"{name}.yaml").is_file():
        known = ", ".join(sorted(one.stem for one in folder.glob("*.yaml")))
        raise ConfigError(
            f"Expected a search space for {name}, of which there are {known}; received none. Write {path}, or pass "
            "sweep.space=<a YAML file>."
        )
    return path


def _checked(path: Path, work: Training) -> Space:
    """The search space, each end of which makes a configuration."""
    space = Space.read(path, work.target.schema)
    try:
        work.check(space)
    except ConfigError as error:
        raise ConfigError(f"{error} (in {path})") from None
    return space


def _lock(storage: str, study: str) -> Path:
    """Held by the one search of a study in a file that the user names."""
    path = sqlite_file(storage)
    return path.with_name(f".{path.name}.{''.join(one if one.isalnum() else '-' for one in study)}.lock")


def _say(line: str) -> None:
    print(line, flush=True)


def _private(command: SweepCommand, space: Space) -> str | None:
    """What a private search has to say of itself, if any of its trials is a private training."""
    if not _is_private(command) and not any(key.endswith(".private") for key in space.parameters):
        return None
    return (
        f"private: each trial is a training on the same images and counts in {command.privacy.ledger}, whichever is "
        "chosen; privacy.lifetime_epsilon bounds what they give away together"
    )


def _is_private(command: SweepCommand) -> bool:
    """Whether what is swept is a private training, before any value of a trial."""
    if command.sweep.command != "train":
        return command.model.private
    return command.autoencoder.private or command.classifier.private


@contextmanager
def _tracked(command: SweepCommand, name: str, work: Training) -> Iterator[Tracker]:
    """A run for the search, of which those of the trials are children."""
    from mnist_etc.tracking.mlflow_sink import MlflowSink

    if command.tracking_uri is None:
        yield Tracker()
        return
    sink = MlflowSink(command.tracking_uri)
    tracker = Tracker(
        sink, name=command.run_name or name, tags={"command": "mnist_etc.sweep", "data": command.data.name}
    )
    with tracker.outer():
        work.tags.update(sink.parent())
        yield tracker
