"""A running Triton server: started, waited for, stopped."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from mnist_etc.errors import ServingError
from mnist_etc.export.config import MODEL
from mnist_etc.export.repository import COMMAND, ModelRepository
from mnist_etc.serving.config import ServingConfig
from mnist_etc.serving.launch import bracketed, launch, numeric

__all__ = ["SIGNALS", "TritonServer", "leave_on_signals"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

SCRATCH = "mnist_etc_triton_"
TIE = """
import ctypes, os, sys
try:
    ctypes.CDLL(None).prctl(1, 15)
except AttributeError:
    pass
os.getppid() == int(sys.argv[1]) and os.execvp(sys.argv[2], sys.argv[2:])
"""
ENDS_WITH_THIS = [sys.executable, "-I", "-S", "-c", TIE]
"""Runs what follows a process id, and has the kernel send it SIGTERM when that process, its parent, is gone (Linux's
PR_SET_PDEATHSIG; elsewhere a server outlives a wrapper that is killed).
"""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 -- where POSIX puts it
KILL_AFTER = 10
"""Seconds beyond the time that requests in flight get."""


class TritonServer:
    """A server process; used as a context manager, it is ready inside and gone outside.

    Args:
        config: What to serve, and where.
        quiet: Whether to print nothing of how it is run and what it says.
    """

    def __init__(self, config: ServingConfig, *, quiet: bool = False) -> None:
        self.config = config
        self._quiet = quiet
        self._said: deque[str] = deque(maxlen=100)
        self._stack = contextlib.ExitStack()
        self._running = threading.Event()

    def __enter__(self) -> Self:
        """Start the server and wait until every model is ready.

        Raises:
            ServingError: There is nothing to serve, a port is taken, or the server ends or is not ready in time.
        """
        config = self.config
        if ModelRepository(Path(config.repository)).in_service() is None:
            raise ServingError(
                f"Expected a model in {config.repository}; received none. Train one and publish it: {COMMAND} "
                f"repository={config.repository} ..."
            )
        for key in ("http_port", "grpc_port", "metrics_port"):
            _refuse_taken(numeric(config.address), key, getattr(config, key))
        with contextlib.ExitStack() as stack:
            _remove_leftovers()
            prefix = f"{SCRATCH}{os.getpid()}_"
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))
            planned = launch(config, scratch)
            if not self._quiet:
                print(planned.title, flush=True)
            if planned.prepare and subprocess.run(planned.prepare, env=planned.environment, check=False).returncode:
                raise ServingError(
                    f"{' '.join(planned.prepare)} failed with the error above. Remove its cause, or pass "
                    "serving.server=local."
                )
            self.process = subprocess.Popen(
                [*ENDS_WITH_THIS, str(os.getpid()), *planned.command],
                env=planned.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is for this program alone, which stops the server in order
            )
            stack.callback(_remove_shared_memory, scratch.name)
            stack.callback(self._stop)
            reader = threading.Thread(target=self._follow, daemon=True)
            reader.start()
            self._wait()
            self._running.set()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server; requests in flight are answered first, for ``exit_seconds`` at most."""
        self._stack.close()

    def ready(self) -> bool:
        """Whether the model is ready, and gRPC and metrics, which open after HTTP, answer too."""
        address = "127.0.0.1" if self.config.address == "0.0.0.0" else self.config.address  # noqa: S104 -- compared
        connection = http.client.HTTPConnection(address, self.config.http_port, timeout=2)
        try:
            connection.request("GET", f"/v2/models/{MODEL}/ready")
            if connection.getresponse().status != http.client.OK:
                return False
            for port in (self.config.grpc_port, self.config.metrics_port):
                socket.create_connection((address, port), timeout=2).close()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def cpu_seconds(self) -> float:
        """The CPU time in seconds that the server and its backends, of which none may have ended, spent so far."""
        import psutil

        server = psutil.Process(self.process.pid)
        return float(sum(sum(one.cpu_times()[:2]) for one in (server, *server.children(recursive=True))))

    def _wait(self) -> None:
        deadline = time.monotonic() + self.config.ready_seconds
        while not self.ready():
            if self.process.poll() is not None:
                raise ServingError(
                    f"The server ended before it was ready: {self._reason()}. Remove the cause and start it again."
                )
            if time.monotonic() > deadline:
                raise ServingError(
                    f"The server was not ready after {self.config.ready_seconds} s: {self._reason()}. "
                    "Pass serving.ready_seconds=<more>."
                )
            time.sleep(0.05)

    def _reason(self) -> str:
        time.sleep(0.1)
        said = [line for line in self._said if "cuda" not in line.lower()]
        errors = [line for line in said if re.match(r"E\d|error:", line)]
        return " ".join([*errors, *said, "it said nothing"][0].split()).rstrip(".")

    def _follow(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                if line.strip():
                    self._said.append(line.strip())
                    if self._running.is_set() and not self._quiet:
                        print(line, end="", file=sys.stderr, flush=True)

    def _stop(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self.process.poll() is None:
                self.process.terminate()
                self.process.wait(self.config.exit_seconds + KILL_AFTER)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # backends outlive a server that was killed or ran out of time
        self.process.wait()


def leave_on_signals() -> None:
    """Have SIGINT, SIGTERM and SIGHUP end this program by way of what stops its server."""

    def leave(number: int, _: object) -> NoReturn:
        sys.exit(128 + number)

    for number in SIGNALS:
        signal.signal(number, leave)


def _listener(port: int) -> str:
    """Who listens on a port of this machine, as far as this user may see it."""
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.pid and tuple(connection.laddr)[1:2] == (port,):
                return f" (process {connection.pid}, {psutil.Process(connection.pid).name()})"
    return ""


def _refuse_taken(address: str, key: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise ServingError(
                f"Expected to listen on {bracketed(address)}:{port}; received: {error.strerror}{_listener(port)}. "
                f"Stop what listens there, or pass serving.{key}=<another port>."
            ) from error


def _remove_leftovers() -> None:
    """The folders, and the shared memory of the same name, of wrappers of this user that are dead."""
    import psutil

    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*_????????"):
        number = folder.name.removeprefix(SCRATCH).partition("_")[0]
        with contextlib.suppress(OSError):
            if number.isdecimal() and not psutil.pid_exists(int(number)) and folder.lstat().st_uid == os.getuid():
                _remove_shared_memory(folder.name)
                shutil.rmtree(folder, ignore_errors=True)


def _remove_shared_memory(prefix: str) -> None:
    """What a killed server left behind."""
    if SHARED_MEMORY.is_dir():
        for path in SHARED_MEMORY.glob(f"{prefix}*"):
            path.unlink(missing_ok=True)
