"""What the tests share: the real command line, and what every refusal has in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import h5py
from numpy.typing import NDArray

from mnist_etc.__main__ import COMMANDS
from mnist_etc.processes import THREADS
from mnist_etc.registry import resolve

ROOT = Path(__file__).resolve().parents[1]
NOT_INHERITED = ("PYTHON", "HYDRA_", "MLFLOW_", "DVC_", "PIP_", "TF_")
COVERAGE = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
ONE_THREAD = dict.fromkeys(THREADS, "1")
"""For commands under test: two workers share two cores, and threads that wait for each other cost a fifth of both."""
SCHEMAS = {name: resolve(command.schema) for name, command in COMMANDS.items()}
"""The configuration of each command."""
TINY_MODEL = ["data=digits", "autoencoder.epochs=1", "classifier.epochs=1", "data.validation=700"]
TINY = [*TINY_MODEL, "tracking_uri=null"]
"""``train.py`` at toy size."""


@dataclass(frozen=True)
class Completed:
    """What a command left behind, and how long it took from start to exit."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float


class Run(Protocol):
    """The `run` fixture."""

    def __call__(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        timeout: float = 300,
        timed: bool = False,
        fresh: bool = False,
    ) -> Completed: ...


def environment(changes: Mapping[str, str | None] | None = None, *, timed: bool = False) -> dict[str, str]:
    """This process's environment without what changes how Python and the libraries behave; None removes a name.

    With `ONE_THREAD`, unless it is ``timed``.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(NOT_INHERITED)}
    usual = dict.fromkeys(COVERAGE) if timed else ONE_THREAD
    asked = {**kept, "PYTHONPATH": str(ROOT), **usual, **(changes or {})}
    return {key: value for key, value in asked.items() if value is not None}


def refused(done: Completed, *words: str, code: int = 1, plain: bool = False) -> None:
    """Assert one line on stderr with all ``words``, that exit code, and no stack trace.

    The line reads "Expected X; received Y" unless it is a ``plain`` one, about no value.
    """
    assert done.returncode == code, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: " if plain else "error: Expected ")
    for word in words if plain else (*words, "eceived"):
        assert word in lines[0], lines[0]


def writer(content: bytes) -> Callable[[Path], None]:
    """What publishes ``content``, given the path to write."""

    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def weights(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of an h5 file, by its place in it."""
    arrays: dict[str, NDArray[Any]] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return arrays


def same_weights(first: Path, second: Path) -> bool:
    """Whether two h5 files hold the same arrays, to the bit."""
    ours, theirs = weights(first), weights(second)
    return ours.keys() == theirs.keys() and all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
