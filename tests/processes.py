"""Python in another process: forked from one that has loaded the libraries, or begun on its own."""

from __future__ import annotations

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import forks
from support import COVERAGE, Completed, environment

from mnist_etc.processes import THREADS

OWN = "MNIST_ETC_"
"""Variables that begin so are read by this project alone, of which a fork has loaded nothing."""


def python(
    *words: str,
    cwd: Path,
    env: Mapping[str, str | None] | None = None,
    timeout: float = 300,
    timed: bool = False,
    fresh: bool = False,
) -> Completed:
    """Run ``python *words``, as a rule forked from a process that has loaded the libraries.

    Args:
        words: a script by its path, or options of Python.
        cwd: its folder.
        env: changes to this process's environment.
        timeout: seconds until it is killed.
        timed: leave coverage out, for tests that judge its speed.
        fresh: begin a process of its own, for tests that judge its memory or what it loads, or need other hashes. So it
            is, too, where it is timed, has options, an environment or other threads of its own, or where coverage is
            asked for.
    """
    usual = words[0] in ("-m", "-c") or words[0].endswith(".py")
    changed = any(not name.startswith(OWN) for name in env or {})
    forked = usual and not (fresh or timed or changed or any(name in os.environ for name in COVERAGE))
    start = time.perf_counter()
    done = (_forked if forked else _begun)(list(words), cwd, environment(env, timed=timed), timeout)
    return Completed(done.returncode, done.stdout, done.stderr, time.perf_counter() - start)


def killed_once(met: Callable[[], bool], *words: str, cwd: Path, timeout: float = 200) -> None:
    """Run ``python *words`` as `python` does, and SIGKILL it as soon as ``met()`` holds, asked each millisecond.

    Raises:
        AssertionError: it ended before, or ``timeout`` seconds passed.
    """
    with _fork(list(words), cwd, environment()) as (process, channel, _):
        deadline = time.monotonic() + timeout
        try:
            while (
                not (held := met()) and not select.select([channel], [], [], 0.001)[0] and time.monotonic() < deadline
            ):
                pass
        finally:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            code = forks.receive(channel)
    assert held, f"{words} ended by {code} before what it was to be killed upon"


def _begun(words: list[str], cwd: Path, env: dict[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def _forked(words: list[str], cwd: Path, env: dict[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    with _fork(words, cwd, env) as (process, channel, outputs):
        in_time, _, _ = select.select([channel], [], [], timeout)
        if not in_time:
            os.kill(process, signal.SIGKILL)
        code = forks.receive(channel)
        stdout, stderr = (path.read_text() for path in outputs)
    if not in_time:
        raise subprocess.TimeoutExpired(words, timeout, stdout, stderr)
    return subprocess.CompletedProcess(words, code, stdout, stderr)


@contextmanager
def _fork(words: list[str], cwd: Path, env: dict[str, str]) -> Iterator[tuple[int, socket.socket, list[Path]]]:
    """Its process id, the channel that tells its exit code once it has ended, and the files of its two outputs."""
    channel = _channel()
    with tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder, name) for name in ("stdout", "stderr")]
        for path in outputs:
            path.touch()
        forks.send(channel, {"words": words, "cwd": str(cwd), "env": env, "outputs": [*map(str, outputs)]})
        yield forks.receive(channel), channel, outputs


@cache
def _channel() -> socket.socket:
    """To the process with the libraries, which ends with this one."""
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, forks.__file__, str(its.fileno())],
            env=environment(
                {
                    "TF_CPP_MIN_LOG_LEVEL": "2",
                    "TF_ENABLE_ONEDNN_OPTS": "1",  # as `mnist_etc.homes`
                    **dict.fromkeys(THREADS),
                }
            ),
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours
