"""The action ``serve``: the page, until Ctrl-C."""

from __future__ import annotations

import socket
from contextlib import closing

from mnist_etc.errors import ConfigError, LabelError
from mnist_etc.labels.actions.config import LabelsCommand
from mnist_etc.labels.store import LabelStore

__all__ = ["serve"]

HOST = "127.0.0.1"


def serve(command: LabelsCommand) -> None:
    """Serve the page on this machine, until it is stopped.

    Raises:
        LabelError: the database is down, not there, altered, or knows the labels itself.
        ConfigError: the port is taken.
    """
    store = LabelStore.open(command.labels.url)
    if store.knows:
        raise LabelError(
            f"Expected a database whose questions people answer at {store.place}; received one that knows its labels. "
            "Make one: python -m mnist_etc labels init data=<the same> labels.known=false "
            "labels.url=<another>"
        )
    with closing(_listen(command.port)) as listener:
        import uvicorn

        from mnist_etc.labels.page.app import create_app
        from mnist_etc.labels.page.desk import Desk

        desk = Desk(store, batch=command.batch)
        config = uvicorn.Config(create_app(desk, command.who), log_level="warning", lifespan="off")
        print(f"label on http://{HOST}:{listener.getsockname()[1]}/ (Ctrl-C ends it)", flush=True)
        try:
            uvicorn.Server(config).run([listener])
        finally:
            desk.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()  # whoever opens the page before the server is up waits for it
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"Expected a free port; received port={port}: {error.strerror}. Pass another, or port=0 for any."
        ) from None
    return listener
