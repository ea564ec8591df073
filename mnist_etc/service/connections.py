"""Connections, bounded in number and in the time and bytes of a request's head, whichever parser uvicorn has."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from mnist_etc.service.config import ServiceConfig
from mnist_etc.service.problems import MEDIA_TYPE, body

__all__ = ["HEAD_BYTES", "bounded_protocol"]

HEAD_BYTES = 2**16
"""Of a request's head that has not ended: httptools, unlike h11, would hold as many as are sent."""

BASE: Any = AutoHTTPProtocol


class _BoundedHead(BASE):  # type: ignore[misc]
    """The protocol of uvicorn, with a size for the head, and refusals in the form of all others."""

    head_held: int | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.head_held is None:
            return
        self.head_held += len(data)
        if self.head_held <= HEAD_BYTES or self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.send_400_response(f"Expected a request's head of at most {HEAD_BYTES:,} bytes.")
        else:  # a request behind another, in whose answer no second one can be written
            self.transport.abort()

    def on_message_begin(self) -> None:
        self.head_held = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.head_held = None
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        content = body("bad-request", msg)
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(content)}\r\n"
            "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        self.transport.close()


def bounded_protocol(config: ServiceConfig) -> type[asyncio.Protocol]:
    """The protocol of uvicorn, with ``config.connections`` of them at most, a time and a size for the head.

    Of more connections the one that has been idle longest is closed: whoever opens thousands and says nothing loses
    his own, and a probe always finds a place.
    """
    most, seconds = config.connections, config.seconds
    idle: dict[Any, None] = {}  # in the order in which they became so

    class Bounded(_BoundedHead):
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            idle[self] = None
            self._head = self.loop.call_later(seconds, self._late)
            if len(self.connections) > most and len(idle) > 1:
                oldest = next(iter(idle))
                del idle[oldest]
                oldest.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            idle.pop(self, None)
            self._head.cancel()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                idle.pop(self, None)
                self._head.cancel()

        def on_response_complete(self) -> None:
            idle[self] = None
            self._head = self.loop.call_later(self.timeout_keep_alive + seconds, self._late)
            super().on_response_complete()

        def _late(self) -> None:
            self.transport.abort()

    return Bounded
