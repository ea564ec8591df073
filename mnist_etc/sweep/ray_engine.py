"""Trials as tasks of Ray: each starts the process of its trial on the node where it runs, and passes on what it tells.

Only the search itself knows the study; so any storage does, and a node that dies is no more than a trial that was
killed, which goes on from its checkpoint elsewhere.
"""

from __future__ import annotations

import json
import os
import select
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import ray

from mnist_etc.cluster import joined
from mnist_etc.files import appended
from mnist_etc.processes import Child, Teller
from mnist_etc.sweep.engines import Place

__all__ = ["open_cluster"]

TICK = 0.2
"""Seconds between two looks at whether the task was cancelled."""
PATIENCE = 30.0
"""Seconds that a cancelled task has to end its process."""
LOST = -9
"""Exit code of a process whose node is gone."""


@contextmanager
def open_cluster(address: str | None) -> Iterator[Place]:
    """See `mnist_etc.sweep.engines.SweepEngine`.

    Raises:
        ConfigError: there is no cluster at ``address``.
    """
    with joined(address):
        cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        yield Place(start=RayChild, cores=max(1, sum(cores)), most=max(1, *cores, 1))


class RayChild(Teller):
    """See `mnist_etc.processes.Child`; every node needs this package and the same paths, as on a shared file system."""

    def __init__(self, words: Sequence[str], *, log: Path, threads: int, tags: Mapping[str, str]) -> None:
        ours, self._theirs = socket.socketpair()
        super().__init__(ours)
        self._log, self._code = log, LOST
        task = ray.remote(_run).options(num_cpus=threads, max_retries=0)
        self._task: Any = task.remote(list(words), str(log), threads, dict(tags), str(Path.cwd()))
        self._passing = threading.Thread(target=self._pass_on, daemon=True)
        self._passing.start()

    def _pass_on(self) -> None:
        try:
            for reference in self._task:
                told = ray.get(reference)
                self._code = told.pop("code", self._code)
                if told:
                    self._theirs.sendall(f"{json.dumps(told)}\n".encode())
        except ray.exceptions.RayTaskError as error:
            self._code = 1
            with suppress(Exception), appended(self._log) as log:
                log.write(f"error: {str(error).strip().splitlines()[-1]}\n")
        except (ray.exceptions.RayError, OSError):  # cancelled, or its node is gone; or nobody listens any more
            pass
        finally:
            self._theirs.close()

    def wait(self) -> int:
        """See `mnist_etc.processes.Child`; negative where its node is gone."""
        self._passing.join()
        return self._code

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        if self._passing.is_alive():
            with suppress(Exception):
                ray.cancel(self._task, force=False)
            self._passing.join(PATIENCE)


def _run(words: list[str], log: str, threads: int, tags: dict[str, str], folder: str) -> Iterator[dict[str, Any]]:
    """On a node: the process of a trial, what it tells, and at last its exit code."""
    os.chdir(folder)
    with closing(Child(words, log=Path(log), threads=threads, tags=tags)) as child:
        while not child.closed:
            if select.select([child], [], [], TICK)[0]:
                yield from child.told()
        yield {"code": child.wait()}
