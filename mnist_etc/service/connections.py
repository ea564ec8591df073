"""Connections, bounded in number and in the time that a request's head may take, whichever parser uvicorn has."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from mnist_etc.service.config import ServiceConfig
from mnist_etc.service.problems import MEDIA_TYPE, body

__all__ = ["bounded_protocol"]


def bounded_protocol(config: ServiceConfig) -> type[asyncio.Protocol]:
    """The protocol of uvicorn, with ``config.connections`` of them at most and a time for the head.

    Of more connections the one that has been idle longest is closed: whoever opens thousands and says nothing loses
    his own, and a probe always finds a place.
    """
    base: Any = AutoHTTPProtocol
    most, seconds = config.connections, config.seconds
    idle: dict[Any, None] = {}  # in the order in which they became so

    class Bounded(base):  # type: ignore[misc]
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

        def send_400_response(self, msg: str) -> None:
            content = body("bad-request", msg)
            head = (
                f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(content)}\r\n"
                "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + content)
            self.transport.close()

        def _late(self) -> None:
            self.transport.abort()

    return Bounded
