"""The application in a test client, or on a port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import browser, page
from fastapi.testclient import TestClient
from served import HOME, Serve, Served, service_config

from mnist_etc.service.app import create_app
from mnist_etc.service.server import build_server, listen

__all__ = ["browser", "client", "page", "serve"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The application on the packaged network."""
    with TestClient(create_app(service_config(tmp_path_factory.mktemp("service"))), base_url=HOME) as client:
        yield client


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve on a free port until the test ends; the words are of the command line."""
    running = []

    def start(*words: str, **options: Any) -> Served:
        config = service_config(tmp_path, *words)
        listener = listen(config)
        app = create_app(config, **options)
        server = build_server(app, config, listener)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        running.append((server, thread, listener))
        deadline = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        port = listener.getsockname()[1]
        return Served(f"http://127.0.0.1:{port}", port, app)

    yield start
    for server, thread, listener in running:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
        listener.close()
