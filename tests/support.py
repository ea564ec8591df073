"""What the tests share: the real command line, and what every refusal has in common."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parents[1]
NOT_INHERITED = ("PYTHON", "HYDRA_", "MLFLOW_", "DVC_", "PIP_", "TF_")
COVERAGE = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
TINY = ["data=digits", "autoencoder.epochs=1", "classifier.epochs=1", "data.validation=700", "tracking_uri=null"]
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
    ) -> Completed: ...


def environment(changes: Mapping[str, str | None] | None = None, *, timed: bool = False) -> dict[str, str]:
    """This process's environment without what changes how Python and the libraries behave; None removes a name."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(NOT_INHERITED)}
    asked = {"PYTHONPATH": str(ROOT)} | dict.fromkeys(COVERAGE if timed else ()) | dict(changes or {})
    return {key: value for key, value in {**kept, **asked}.items() if value is not None}


def refused(done: Completed, *words: str, code: int = 1) -> None:
    """Assert one line on stderr with all ``words``, that exit code, and no stack trace."""
    assert done.returncode == code, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: Expected ")
    for word in (*words, "eceived"):
        assert word in lines[0], lines[0]
