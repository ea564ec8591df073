"""The server around the application: listening, its limits on connections, and a graceful stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sys
import threading
from collections.abc import Generator
from types import FrameType

import uvicorn
from fastapi import FastAPI

from mnist_etc.errors import ServingError
from mnist_etc.service.app import create_app
from mnist_etc.service.config import ServiceConfig
from mnist_etc.service.connections import bounded_protocol

__all__ = ["build_server", "listen", "run"]

BACKLOG = 4096
"""Connections that the kernel holds until they are accepted, as far as it lets it be so many."""
KEEP_ALIVE = 20
"""Seconds that a connection may be silent between two requests."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(config: ServiceConfig) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are answered first, for up to ``config.exit_seconds``.

    Raises:
        ServingError: The address cannot be listened on; also what `create_app` raises.
    """
    with listen(config) as listener:
        server = build_server(create_app(config), config, listener)
        server.run([listener])
    print("stopped", flush=True)


def build_server(app: FastAPI, config: ServiceConfig, listener: socket.socket) -> uvicorn.Server:
    """The server of ``app``, to be run on ``listener``."""
    logging.getLogger("uvicorn.error").addFilter(_is_no_end)
    model = app.state.shelf.current
    return _Server(
        uvicorn.Config(
            app,
            http=bounded_protocol(config),
            ws="none",
            lifespan="on",
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=config.exit_seconds,
        ),
        started=f"ready: {_url(listener)}  ({model.name}, version {model.version}, {model.policy}; how to ask: /docs; "
        "Ctrl-C stops it)",
    )


def listen(config: ServiceConfig) -> socket.socket:
    """A socket on the address and the port of ``config``.

    Raises:
        ServingError: It cannot be had.
    """
    family = socket.AF_INET6 if ":" in config.address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((config.address, config.port))
        listener.set_inheritable(False)
    except (OSError, UnicodeError) as error:
        listener.close()
        foreign = isinstance(error, socket.gaierror | UnicodeError) or error.errno == errno.EADDRNOTAVAIL
        remedy = "address=<one of this machine>" if foreign else "port=<another>, or 0 for any that is free"
        raise ServingError(
            f"Expected to listen on {config.address}, port {config.port}; received: "
            f"{getattr(error, 'strerror', None) or error}. Pass service.{remedy}."
        ) from error
    return listener


def _is_no_end(record: logging.LogRecord) -> bool:
    """Whether a record is of anything but a request that a stop cut off, which is no fault to show a traceback of."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class _Server(uvicorn.Server):
    """Says when it is ready, and ends with exit code 0 after a signal, as every server of this project."""

    def __init__(self, config: uvicorn.Config, started: str) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Print the address once requests are answered."""
        await super().startup(sockets)
        if self.started:
            print(self._started, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the application in order also after a second signal, of which uvicorn leaves it to be cancelled."""
        await super().shutdown(sockets)
        if self.force_exit:
            await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take the signals, and put back what took them before."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop accepting, and end what is in flight; a second signal ends at once."""
        again, self.should_exit = self.should_exit, True
        self.force_exit = again
        if not again:  # last: another signal may come while it is written
            print("stopping: requests in flight are answered first", file=sys.stderr, flush=True)
