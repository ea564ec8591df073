"""Serve the published model with a real Triton: ``python -m mnist_etc.serving.triton [key=value ...]``."""

from __future__ import annotations

import signal
import sys
import threading

from mnist_etc.errors import ServingError
from mnist_etc.export.config import MODEL
from mnist_etc.serving.config import ServeCommand, ServingConfig
from mnist_etc.serving.launch import bracketed
from mnist_etc.serving.server import SIGNALS, TritonServer, leave_on_signals

__all__ = ["serve"]


def serve(command: ServeCommand) -> None:
    """Start Triton, print where it answers, and stop it on a signal.

    Raises:
        ServingError: The server does not start, or ends by itself.
    """
    stop = threading.Event()
    leave_on_signals()
    _warn(command.serving.address)
    with TritonServer(command.serving) as server:
        for number in SIGNALS:
            signal.signal(number, lambda *_: stop.set())
        print(_addresses(command.serving), flush=True)
        while not stop.wait(0.2):
            if server.process.poll() is not None:
                raise ServingError(
                    f"The server ended by itself, with exit code {server.process.returncode}; what it said last, if "
                    "anything, is above. Start it again."
                )
        print("stopping: requests in flight are answered first", flush=True)
    if server.process.returncode:
        seconds = command.serving.exit_seconds
        print(f"connections that were busy for {seconds} s more were cut; the server said why", file=sys.stderr)
    print("stopped", flush=True)


def _warn(address: str) -> None:
    if address not in ("127.0.0.1", "::1", "localhost"):
        print(
            f"warning: on {address} whoever reaches this machine may use the server, and perhaps take it over: "
            "this release has known holes (docs/serving.md)",
            file=sys.stderr,
            flush=True,
        )


def _addresses(config: ServingConfig) -> str:
    address = bracketed(config.address)
    return "\n".join(
        [
            f"ready: {MODEL}",
            f"  HTTP     http://{address}:{config.http_port}/v2/models/{MODEL}",
            f"  gRPC     {address}:{config.grpc_port}",
            f"  metrics  http://{address}:{config.metrics_port}/metrics",
            f"  measure  perf_analyzer -m {MODEL} -u localhost:{config.http_port} --concurrency-range 3:6",
            "Ctrl-C stops it",
        ]
    )
