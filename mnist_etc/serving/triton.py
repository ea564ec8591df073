"""Serve the published model with a real Triton: ``python -m mnist_etc.serving.triton [key=value ...]``."""

from __future__ import annotations

import signal
import sys
import threading
from typing import NoReturn

from mnist_etc.command import run
from mnist_etc.errors import ServingError
from mnist_etc.serving.config import MODEL, ServeCommand, ServingConfig
from mnist_etc.serving.server import TritonServer

__all__ = ["main"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _job(command: ServeCommand) -> None:
    stop = threading.Event()
    for number in SIGNALS:
        signal.signal(number, _give_up)
    with TritonServer(command.serving) as server:
        for number in SIGNALS:
            signal.signal(number, lambda *_: stop.set())
        print(_addresses(command.serving), flush=True)
        while not stop.wait(0.2):
            if server.process.poll() is not None:
                raise ServingError(
                    f"Expected the server to run until it is stopped; received its end, exit code "
                    f"{server.process.returncode}. Start it again."
                )
        print("stopping: requests in flight are answered first", flush=True)
    print("stopped", flush=True)


def _give_up(number: int, _: object) -> NoReturn:
    """Before the server is ready: leave, by way of what stops it."""
    sys.exit(128 + number)


def _addresses(config: ServingConfig) -> str:
    address = f"[{config.address}]" if ":" in config.address else config.address
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


def main() -> None:
    """Console command."""
    run("serve", ServeCommand, _job)


if __name__ == "__main__":
    main()
