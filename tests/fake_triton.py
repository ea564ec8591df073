"""A server that answers as Triton does, and as a real one does seldom."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np


class Fake:
    """An HTTP server that answers as Triton does, but with ``statuses`` first; each answer's class is its pixel."""

    def __init__(self, statuses: list[int], **changes: Any) -> None:
        self.statuses, self.asked, self.classes, self.sent = statuses, 0, 10, slice(None)
        self.config = {
            "max_batch_size": 64,
            "input": [{"name": "input", "data_type": "TYPE_UINT8", "dims": [28, 28, 1]}],
            "output": [{"name": "output", "data_type": "TYPE_FP32", "dims": [10]}],
            **changes,
        }

    def answer(self, body: bytes, header: int) -> tuple[int, bytes, int | None]:
        if not header:
            return 200, json.dumps(self.config).encode(), None
        self.asked += 1
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            return status, b'{"error": "not now"}', None
        pixels = np.frombuffer(body[header:], np.uint8).reshape(-1, 784)
        logits = np.eye(10, self.classes, dtype=np.float32)[pixels[:, 0]] * 20
        output = {"name": "output", "datatype": "FP32", "shape": logits.shape}
        content = logits.tobytes()[self.sent]
        head = json.dumps({"outputs": [{**output, "parameters": {"binary_data_size": len(content)}}]}).encode()
        return 200, head + content, len(head)


@contextmanager
def listening(fake: Fake, port: int = 0) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content, head = fake.answer(body, int(self.headers.get("Inference-Header-Content-Length", 0)))
            self.send_response(status)
            if head:
                self.send_header("Inference-Header-Content-Length", str(head))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 -- the name that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
