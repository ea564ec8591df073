"""A search whose trials are no trainings: ``toy.py <folder> <trials> <processes>``; a trial is the same file run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EPOCHS = 3


def value_of(x: float, epoch: int = EPOCHS) -> float:
    """What a trial comes to: best at 0.3."""
    return (1 - (x - 0.3) ** 2) * epoch / EPOCHS


def note(folder: Path, line: str) -> None:
    """Append a line that all processes see."""
    handle = os.open(folder / "events", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


class Toy:
    """See `mnist_etc.sweep.search.Work`; values above ``most`` break a constraint, those above ``fails`` fail."""

    start: Any = None
    """Starts a process; None: `mnist_etc.sweep.engines.start_here`."""

    def __init__(self, folder: Path, *, seconds: float = 0.03, most: float = 1.0, fails: float = 1.0) -> None:
        self.folder, self.seconds, self.most, self.fails = folder, seconds, most, fails

    def launch(self, folder: str, values: Mapping[str, Any]) -> Any:
        """See `mnist_etc.sweep.search.Work`."""
        from mnist_etc.sweep.engines import start_here

        (self.folder / folder).mkdir(exist_ok=True)
        note(self.folder, f"launched {folder}")
        words = [__file__, folder, str(self.folder), str(values["x"]), str(self.seconds), str(self.fails)]
        return (self.start or start_here)(words, log=self.folder / folder / "log", threads=1, tags={})

    def measure(self, folder: str, values: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
        """See `mnist_etc.sweep.search.Work`."""
        return {"size": values["x"] - self.most}, {"told": folder}

    def failed(self, folder: str, code: int) -> str:
        """See `mnist_etc.sweep.search.Work`."""
        return f"exit code {code} in {folder}"


def trial(name: str, folder: Path, x: float, seconds: float, fails: float) -> None:
    """The process of a trial."""
    from mnist_etc.processes import follow, tell

    follow()
    for epoch in range(1, EPOCHS + 1):
        time.sleep(seconds)
        tell(epoch=epoch, metrics={"validation_accuracy": value_of(x, epoch)})
    if x > fails:
        sys.exit(1)
    note(folder, f"finished {name}")
    tell(figures={"validation_accuracy": value_of(x)})


def search(folder: Path, trials: int, processes: int) -> None:
    """The process of a search."""
    from mnist_etc.sweep.registry import PRUNERS, SAMPLERS
    from mnist_etc.sweep.search import Search
    from mnist_etc.sweep.space import Parameter, Space
    from mnist_etc.sweep.storage import open_storage
    from mnist_etc.sweep.study import open_study

    storage = open_storage(str(folder / "journal.log"), 10)
    study = open_study(storage, "toy", {"command": "toy"}, PRUNERS["none"]())
    space = Space({"x": Parameter(type="float", low=0.0, high=1.0)}, {})
    Search(
        study, storage, space, Toy(folder), sampler=SAMPLERS["random"], trials=trials, processes=processes, seed=1
    ).run()


if __name__ == "__main__":
    first, *rest = sys.argv[1:]
    if first.startswith("trial_"):
        trial(first, Path(rest[0]), *map(float, rest[1:]))
    else:
        search(Path(first), int(rest[0]), int(rest[1]))
