"""Commands in processes of their own, as one of several: what comes out of each is told to the process that started it.

Both ends hold a socket. Down it the parent says nothing: a child that reads its end ends too, so that a parent that is
killed leaves no training behind. Up it go lines of JSON, see `tell`.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

__all__ = ["Child", "Teller", "follow", "tags", "tell"]

SOCKET, TAGS = "MNIST_ETC_PARENT", "MNIST_ETC_TAGS"
"""Environment variables of a child: the number of its socket, and tags of its tracked run."""
PATIENCE = 20.0
"""Seconds that a child has to end after SIGTERM."""
THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)


class Teller(ABC):
    """The parent's end of a socket by which a child tells what comes of it.

    Args:
        end: the socket.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._socket.setblocking(False)
        self._rest = b""
        self.closed = False
        """Whether it has said all that it will."""
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def fileno(self) -> int:
        """Of the socket, which becomes readable when there is something to read, or the child has ended."""
        return self._socket.fileno()

    def told(self) -> Iterator[dict[str, Any]]:
        """What it told since this was asked last."""
        with suppress(BlockingIOError):
            while part := self._receive():
                self._rest += part
            self.closed = True
        *lines, self._rest = self._rest.split(b"\n")
        yield from map(json.loads, lines)

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65_536)
        except ConnectionError:
            return b""

    @abstractmethod
    def wait(self) -> int:
        """Wait for its end, and return the exit code."""

    @abstractmethod
    def stop(self) -> None:
        """End it."""

    def close(self) -> None:
        """End it, and let go of the socket."""
        self.stop()
        self._socket.close()


class Child(Teller):
    """A command that runs in a process of its own.

    Args:
        words: of the command line, without the interpreter.
        log: where its output goes, which it holds as long as it lives: a child of a parent that was killed, which still
            ends, is waited for; None: where this process' own does.
        threads: that its numeric libraries may use; None: as many as they like.
        tags: of its tracked run.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        log: Path | None = None,
        threads: int | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        ours, theirs = socket.socketpair()
        limited = {} if threads is None else dict.fromkeys(THREADS, str(threads))
        told = {SOCKET: str(theirs.fileno()), TAGS: json.dumps(dict(tags or {}))}
        output = None if log is None else log.open("ab")
        try:
            if output is not None:
                _hold(output)
            self._process = subprocess.Popen(
                [sys.executable, *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output and subprocess.STDOUT,
                env=os.environ | limited | told,
                pass_fds=[theirs.fileno()],
                start_new_session=log is not None,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            if output is not None:
                output.close()
        super().__init__(ours)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def wait(self) -> int:
        """Wait for its end, and return the exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """End it, by SIGTERM, or after `PATIENCE` by SIGKILL."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _hold(log: IO[bytes]) -> None:
    """Lock a log for the process that gets it as its output; the kernel frees it when that process is dead."""
    deadline = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < deadline:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        except OSError:  # a file system without locks
            return
        else:
            return


def follow() -> None:
    """End when the process that started this one as one of several does, if one did."""
    if SOCKET in os.environ:
        threading.Thread(target=_follow, daemon=True).start()


def tell(**content: Any) -> None:
    """Tell the process that started this one as one of several, if one did."""
    if SOCKET in os.environ:
        with suppress(OSError):  # its end is `follow`'s
            os.write(int(os.environ[SOCKET]), (json.dumps(content) + "\n").encode())


def tags() -> dict[str, str]:
    """Those that the tracked run of this process has from the one that started it."""
    return dict(json.loads(os.environ.get(TAGS, "{}")))


def _follow() -> None:
    with suppress(OSError):
        while os.read(int(os.environ[SOCKET]), 1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os.kill(os.getpid(), signal.SIGKILL)
