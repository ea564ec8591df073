"""SWEEP_ENGINES, what ``sweep.engine`` may name: where the processes of trials run."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mnist_etc.errors import ConfigError
from mnist_etc.processes import Child, Teller
from mnist_etc.registry import Registry, resolve

__all__ = ["SWEEP_ENGINES", "Place", "SweepEngine", "start_here"]


class Start(Protocol):
    """Starts the process of a trial."""

    def __call__(self, words: Sequence[str], *, log: Path, threads: int, tags: Mapping[str, str]) -> Teller:
        """See `mnist_etc.processes.Child`."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where processes can be started."""

    start: Start
    cores: int
    """Of all machines together."""
    most: int
    """Of the largest machine."""

    def threads(self, asked: int | None, processes: int) -> int:
        """Of one of several processes.

        Raises:
            ConfigError: no machine has as many cores; a process on this machine may ask for more than there are.
        """
        if asked is not None and asked > self.most and self.start is not start_here:
            raise ConfigError(
                f"Expected sweep.threads of at most {self.most}, the cores of the largest node; received {asked}."
            )
        return asked or max(1, min(self.most, self.cores // processes))


@dataclass(frozen=True, kw_only=True)
class SweepEngine:
    """A row of `SWEEP_ENGINES`."""

    help: str
    open: str | Callable[..., object]
    """``module:function``, or the function: ``(address)`` to a context manager of a `Place`."""
    package: str | None = None
    """What must be installed besides, which is the extra of the same name; None: nothing."""

    def require_installed(self) -> None:
        """Refuse an engine whose package is not installed.

        Raises:
            ConfigError: names the package.
        """
        if self.package and importlib.util.find_spec(self.package) is None:
            raise ConfigError(
                f"Expected the package {self.package}, which sweep.engine={self.package} runs on; received an "
                f"environment without it. Install it: pip install 'mnist-etc[{self.package}]'"
            )

    @contextmanager
    def place(self, address: str | None) -> Iterator[Place]:
        """Where trials run, for as long as the block does."""
        with resolve(self.open)(address) as place:
            yield place


def start_here(words: Sequence[str], *, log: Path, threads: int, tags: Mapping[str, str]) -> Teller:
    """Start a process on this machine; see `mnist_etc.processes.Child`."""
    return Child(words, log=log, threads=threads, tags=tags)


@contextmanager
def _here(_address: str | None) -> Iterator[Place]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Place(start=start_here, cores=cores, most=cores)


SWEEP_ENGINES: Registry[SweepEngine] = Registry("sweep engine")
SWEEP_ENGINES.add("local", SweepEngine(help="this machine", open=_here))
SWEEP_ENGINES.add(
    "ray", SweepEngine(help="the nodes of a Ray cluster", open="mnist_etc.sweep.ray_engine:open_cluster", package="ray")
)
