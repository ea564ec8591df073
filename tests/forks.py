"""A process that has loaded the libraries and forks the commands under test, sparing each seconds of imports.

Of this project nothing is loaded here: a command imports it anew, in its own folder and environment. Three things
differ from a process of its own: the libraries are loaded whether it needs them or not, they are not taken apart again
at the end, which would take longer than most commands do, and its hash seed is this process's. `processes` says when a
test gets the one, when the other.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import random
import runpy
import socket
import sys
import threading
import types
from pathlib import Path
from typing import Any

LIBRARIES = (
    *("dp_accounting", "h5py", "hydra", "keras", "matplotlib.figure", "onnx", "onnxruntime"),
    *("pyarrow.parquet", "scipy.linalg", "scipy.stats", "sklearn.datasets", "sklearn.linear_model"),
    *("mlflow.pyfunc", "mlflow.store.model_registry.sqlalchemy_store", "mlflow.store.tracking.sqlalchemy_store"),
    *("tensorflow", "tf2onnx.tfonnx", "tqdm"),
)


def send(channel: socket.socket, message: Any) -> None:
    """Write one message."""
    content = json.dumps(message).encode()
    channel.sendall(len(content).to_bytes(4, "big") + content)


def receive(channel: socket.socket) -> Any:
    """Read one message; EOFError where the other side is gone."""

    def exactly(size: int) -> bytes:
        content = b""
        while len(content) < size:
            part = channel.recv(size - len(content))
            if not part:
                raise EOFError
            content += part
        return content

    return json.loads(exactly(int.from_bytes(exactly(4), "big")))


def serve(channel: socket.socket) -> dict[str, Any]:
    """Answer each request with the process forked for it, then with its exit code; return in the forked ones alone."""
    while True:
        try:
            asked: dict[str, Any] = receive(channel)
        except EOFError:
            os._exit(0)
        process = os.fork()
        if not process:
            channel.close()
            return asked
        send(channel, process)
        send(channel, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


def become(words: list[str], cwd: str, env: dict[str, str], outputs: list[str]) -> None:
    """Go on as ``python *words``."""
    for descriptor, path in enumerate(outputs, start=1):
        opened = os.open(path, os.O_WRONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    if "OPENBLAS_NUM_THREADS" in env:  # read as the library was loaded; the others are read where they count
        sys.modules["threadpoolctl"].threadpool_limits(int(env["OPENBLAS_NUM_THREADS"]))
    random.seed()
    sys.modules["numpy"].random.seed()
    sys.orig_argv = [sys.executable, *words]
    first, *rest = words
    sys.argv = [first, *(rest if first.endswith(".py") else rest[1:])]
    if first == "-m":
        sys.path[0] = cwd
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.path[0] = ""
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), vars(main))
    else:
        sys.path[0] = str(Path(first).parent)
        runpy.run_path(first, run_name="__main__")


def end(status: object) -> None:
    """As Python ends a program that returned or raised SystemExit, up to the point where it takes modules apart."""
    if not (status is None or isinstance(status, int)):
        print(status, file=sys.stderr)
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit((status or 0) & 0xFF)


if __name__ == "__main__":
    for library in LIBRARIES:
        __import__(library)
    gc.collect()
    gc.freeze()  # what is never looked through again stays shared, and ends in no time
    asked = serve(socket.socket(fileno=int(sys.argv[1])))
    try:
        become(**asked)
    except SystemExit as ended:
        end(ended.code)
    end(0)
