"""The search: asks the study for trials, runs each in a process of its own, and tells the study what came of them."""

from __future__ import annotations

import selectors
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from mnist_etc.errors import ExitCode
from mnist_etc.processes import Teller
from mnist_etc.sweep.space import Space, Value
from mnist_etc.sweep.study import ERROR, FOLDER, KILLS, SURPLUS, counted, folder_of, mend, requeue

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage

__all__ = ["METRIC", "Search", "Work"]

METRIC = "validation_accuracy"
"""What is maximized; nothing of the test images is looked at."""
FINISHED = (ExitCode.DONE, ExitCode.SOME_SKIPPED)
"""Exit codes of a training that came to its end: 3 of one that a release gate refuses."""
KILLED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
"""And of one that somebody ended, beside the negative ones of signals."""
MOST_KILLS = 3
"""Times that a trial is begun again whose process was killed, so that one too large for this machine ends at last."""
TICK = 1.0
"""Seconds between two looks at what no socket tells."""


class Work(Protocol):
    """What a trial is."""

    def launch(self, folder: str, values: Mapping[str, Value]) -> Teller:
        """Start it.

        Args:
            folder: the name of its own folder.
            values: by key.
        """

    def measure(self, folder: str, values: Mapping[str, Value]) -> tuple[dict[str, float], dict[str, Any]]:
        """Of one that came to its end: constraints, each kept where it is at most 0, and what else is noted."""

    def failed(self, folder: str, code: int) -> str:
        """Why one failed, in a line."""


@dataclass
class Running:
    """A trial under way."""

    trial: optuna.Trial
    child: Teller
    folder: str
    values: dict[str, Value]
    figures: dict[str, float] = field(default_factory=dict)
    reported: set[int] = field(default_factory=set)


class Search:
    """A search until ``trials`` came to an end, this one's and those of others on the same study.

    Args:
        study: where trials are recorded.
        storage: of the study.
        space: from which values are drawn.
        work: what a trial is.
        sampler: makes one, given a seed.
        trials: how many.
        processes: how many at a time.
        seed: of the sampler; the same seed draws the same values, where one process at a time runs.
        timeout: seconds after which no trial is begun.
        heartbeat: seconds between two signs of life; None: nobody else looks.
        say: prints a line.
    """

    def __init__(
        self,
        study: optuna.Study,
        storage: BaseStorage,
        space: Space,
        work: Work,
        *,
        sampler: Callable[[int | None], BaseSampler],
        trials: int,
        processes: int = 1,
        seed: int = 0,
        timeout: float | None = None,
        heartbeat: float | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.study, self._storage, self._space, self._work = study, storage, space, work
        self._sampler, self._trials, self._processes, self._seed = sampler, trials, processes, seed
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._heartbeat, self._beaten, self._say = heartbeat, 0.0, say
        self._running: dict[int, Running] = {}
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Search. Whatever ends it early also ends the trials under way, which another search goes on with."""
        with ExitStack() as stack:
            stack.callback(self._close)
            if lost := mend(self.study, alone=self._heartbeat is None):
                several = (
                    "trial of a search that was ended goes" if lost == 1 else "trials of a search that was ended go"
                )
                self._say(f"{lost} {several} on")
            while True:
                while len(self._running) < self._processes and self._wanted():
                    self._start()
                if not self._running and not self._others():
                    return
                for key, _ in self._selector.select(TICK):
                    self._listen(key.data)
                self._beat()

    def _wanted(self) -> bool:
        if self._deadline is not None and time.monotonic() > self._deadline:
            return False
        trials = counted(self.study)
        return len(trials) < self._trials or any(trial.state.name == "WAITING" for trial in trials)

    def _others(self) -> bool:
        """Whether trials of other machines are under way, whose end, or death, has to be waited for."""
        expired = self._deadline is not None and time.monotonic() > self._deadline
        if self._heartbeat is None or expired:
            return False
        return any(trial.state.name in ("RUNNING", "WAITING") for trial in counted(self.study))

    def _start(self) -> None:
        self.study.sampler = self._sampler(self._draw())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self.study.ask()
            self._record(trial.number)
            values = self._space.suggest(trial)
        before = [one for one in counted(self.study) if one.number < trial.number]
        if self._heartbeat is not None and len(before) >= self._trials:  # another one asked at the same time
            trial.set_user_attr(SURPLUS, True)
            self._tell(trial, "FAIL")
            return
        folder = folder_of(trial)
        trial.set_user_attr(FOLDER, folder)
        child = self._work.launch(folder, values)
        running = Running(trial, child, folder, values)
        self._running[trial.number] = running
        self._selector.register(child, selectors.EVENT_READ, running)
        self._beat(force=True)

    def _draw(self) -> int | None:
        """A seed of its own for each trial, so that a search that goes on draws no value again; by chance for many."""
        import numpy as np

        if self._heartbeat is not None:
            return None
        return int(
            np.random.SeedSequence([self._seed, len(self.study.get_trials(deepcopy=False))]).generate_state(1)[0]
        )

    def _listen(self, running: Running) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            self._hear(running)
        except UpdateFinishedTrialError:  # this machine slept, or lost the database, for longer than the others wait
            self._end(running, "FAIL", "gave no sign of life for too long: goes on elsewhere")

    def _hear(self, running: Running) -> None:
        for told in running.child.told():
            running.figures |= told.get("figures", {})
            if "result" in told:
                running.figures[METRIC] = told["result"]
            epoch, value = told.get("epoch"), told.get("metrics", {}).get(METRIC)
            if epoch is not None and value is not None and epoch not in running.reported:
                running.reported.add(epoch)
                running.trial.report(value, epoch)
                if running.trial.should_prune():
                    running.child.stop()
                    self._end(running, "PRUNED", f"pruned after epoch {epoch} at {value:.4f}")
                    return
        if running.child.closed:
            self._finish(running, running.child.wait())

    def _finish(self, running: Running, code: int) -> None:
        trial, value = running.trial, running.figures.get(METRIC)
        kills = int(trial.user_attrs.get(KILLS, 0))
        if (code < 0 or code in KILLED) and kills < MOST_KILLS:
            trial.set_user_attr(KILLS, kills + 1)
            self._end(running, "FAIL", f"killed (exit code {code}): goes on")
            requeue(self.study, trial)
            return
        if code not in FINISHED or value is None:
            reason = self._work.failed(running.folder, code)
            trial.set_user_attr(ERROR, reason)
            self._end(running, "FAIL", f"failed: {reason}")
            return
        constraints, notes = self._work.measure(running.folder, running.values)
        for name, note in (notes | {"seconds": round(running.child.seconds, 1)}).items():
            trial.set_user_attr(name, note)
        for name, excess in constraints.items():
            trial.set_constraint(name, excess)
        over = [name for name, excess in constraints.items() if excess > 0]
        self._end(running, "COMPLETE", f"{METRIC} {value:.4f}" + f", over {', '.join(over)}" * bool(over), value)

    def _end(self, running: Running, state: str, words: str, value: float | None = None) -> None:
        self._selector.unregister(running.child)
        running.child.close()
        del self._running[running.trial.number]
        self._tell(running.trial, state, value)
        shown = " ".join(
            f"{key}={one:.4g}" if isinstance(one, float) else f"{key}={one}" for key, one in running.values.items()
        )
        self._say(f"{running.folder}  {words}  {shown}")

    def _tell(self, trial: optuna.Trial, state: str, value: float | None = None) -> None:
        from optuna.trial import TrialState

        self.study.tell(trial, value, state=TrialState[state], skip_if_finished=True)

    def _beat(self, *, force: bool = False) -> None:
        """Record a sign of life, and look for trials whose process gives none any more."""
        now = time.monotonic()
        if self._heartbeat is None or (not force and now - self._beaten < self._heartbeat):
            return
        self._beaten = now
        for number in self._running:
            self._record(number)
        mend(self.study, alone=False)

    def _record(self, number: int) -> None:
        """Record a sign of life of a trial: one that never gave any is not looked for."""
        if self._heartbeat is None:
            return
        from optuna.storages import RDBStorage

        assert isinstance(self._storage, RDBStorage)
        study = self._storage.get_study_id_from_name(self.study.study_name)
        self._storage.record_heartbeat(self._storage.get_trial_id_from_study_id_trial_number(study, number))

    def _close(self) -> None:
        for running in self._running.values():
            running.child.close()
        self._selector.close()
