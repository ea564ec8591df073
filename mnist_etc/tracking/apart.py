"""MLflow in a process of its own: it takes seconds to load and to write, which the training need not wait for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_etc.tracking.codes import Codes, Pixels
from mnist_etc.tracking.mlflow_sink import MlflowSink

__all__ = ["Apart"]


class Apart:
    """An `MlflowSink` that hands on what it is told; see `mnist_etc.tracking.tracker.Sink`.

    What fails there is raised by a later call here, at the latest when the outermost run ends, which waits for all that
    was told. A run whose training was killed ends as ``KILLED``.

    Args:
        uri: see `MlflowSink`.
    """

    def __init__(self, uri: str) -> None:
        self._name = str(MlflowSink(uri))
        self._open = 0
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
                pass_fds=[theirs.fileno()],
            )
        self._connection.send(uri)  # a command line is everybody's to read, and it may hold a password

    def __str__(self) -> str:
        """What a warning calls it."""
        return self._name

    def close(self) -> None:
        """Let the process go; at once where no run was opened."""
        self._connection.close()
        if self._process.poll() is None and self._open == 0:
            self._process.kill()
        self._process.wait()

    def start(self, name: str | None, tags: Mapping[str, str]) -> None:
        """Start a run inside the one that is open, if one is."""
        self._open += 1
        self._tell("start", name, dict(tags))

    def end(self, status: str) -> None:
        """End the innermost open run as ``FINISHED``, ``FAILED`` or ``KILLED``; of the outermost one, wait for it."""
        self._open -= 1
        self._tell("end", status)
        if not self._open:
            self._tell("done")
            self._hear()

    def parameters(self, settings: Mapping[str, Any]) -> None:
        """Log settings by their dotted keys."""
        self._tell("parameters", dict(settings))

    def tag(self, name: str, words: str) -> None:
        """Tag the innermost open run."""
        self._tell("tag", name, words)

    def metrics(self, values: Mapping[str, float], epoch: int | None) -> None:
        """Log metrics by name, of an epoch or of the whole run."""
        self._tell("metrics", dict(values), epoch)

    def pictures(self, folder: Path, epoch: int | None) -> None:
        """Log every file of a folder."""
        self._tell("pictures", folder.absolute(), epoch)

    def picture(self, name: str, make: Callable[[], Pixels], epoch: int | None) -> None:
        """Log a picture."""
        self._tell("drawn", name, make(), epoch)

    def codes(self, name: str, make: Callable[[], Codes]) -> None:
        """Nothing: it has no view of them."""

    def model(
        self,
        name: str,
        path: Path,
        example: npt.NDArray[np.float32],
        answer: npt.NDArray[np.float32],
        tags: Mapping[str, str],
    ) -> None:
        """Log and register an ONNX file, as it is now."""
        self._tell("content", name, path.read_bytes(), example, answer, dict(tags))

    def _tell(self, *message: Any) -> None:
        try:
            if self._connection.poll():
                self._hear()
            self._connection.send(message)
        except OSError:
            self._hear()

    def _hear(self) -> None:
        """Wait until all is done; raise what failed."""
        try:
            failure = self._connection.recv()
        except (EOFError, OSError):
            failure = f"its process ended (exit code {self._process.wait()})"
        if failure:
            raise RuntimeError(failure)


class _Served(MlflowSink):
    """The other end: what cannot be handed on as it is, it makes itself."""

    def drawn(self, name: str, pixels: Pixels, epoch: int | None) -> None:
        self.picture(name, lambda: pixels, epoch)

    def content(self, name: str, content: bytes, *rest: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="mnist_etc-registered-") as folder:
            path = Path(folder, "model.onnx")
            path.write_bytes(content)
            self.model(name, path, *rest)


def _serve(connection: Connection, sink: _Served) -> None:
    """Do what is told until it is done, something fails, or the training is gone."""
    opened = 0
    while True:
        try:
            method, *arguments = connection.recv()
        except (EOFError, OSError):
            with suppress(Exception):  # nobody is left to hear of it
                for _ in range(opened):
                    sink.end("KILLED")
            return
        if method == "done":
            connection.send(None)
            continue
        try:
            getattr(sink, method)(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever a store raises
            connection.send(str(error) or type(error).__name__)
            return
        opened += {"start": 1, "end": -1}.get(method, 0)


if __name__ == "__main__":
    for one in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):  # it is told what ends, and ends after the training
        signal.signal(one, signal.SIG_IGN)
    told = Connection(int(sys.argv[1]))
    with suppress(EOFError):
        _serve(told, _Served(told.recv()))
