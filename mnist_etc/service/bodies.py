"""Bodies of requests, bounded in bytes and time, each and all together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mnist_etc.service.config import ServiceConfig
from mnist_etc.service.problems import Problem

__all__ = ["Bodies"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
CLOSE = {"Connection": "close"}


class Bodies:
    """Reads bodies, and knows how many bytes of them are held.

    Args:
        config: The limits.
    """

    def __init__(self, config: ServiceConfig) -> None:
        self._config = config
        self.held = 0
        """Bytes of all bodies that were read and not released."""

    async def read(self, scope: MutableMapping[str, Any], receive: Receive) -> bytes:
        """The whole body of a request, to be released later.

        Raises:
            Problem: It is too large, takes too long, or all bodies together are too large.
        """
        for name, value in scope["headers"]:
            if name == b"content-length" and (len(value) > 18 or int(value) > self._config.max_body_bytes):
                raise self._too_large()
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            return await self._rest(body, receive)
        self._hold(len(body), len(body))
        return body

    def release(self, body: bytes) -> None:
        """Forget a body that was read."""
        self.held -= len(body)

    async def _rest(self, first: bytes, receive: Receive) -> bytes:
        parts, size, more = [first], 0, True
        self._hold(len(first), len(first))
        size = len(first)
        try:
            async with asyncio.timeout(self._config.seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Problem("bad-request", "Expected the whole body; received a part.", headers=CLOSE)
                    part: bytes = message.get("body", b"")
                    self._hold(len(part), size + len(part))
                    parts.append(part)
                    size += len(part)
                    more = message.get("more_body", False)
        except TimeoutError:
            self.held -= size
            seconds = self._config.seconds
            raise Problem(
                "slow-body", f"Expected the body within {seconds:g} s; received {size:,} bytes of it.", headers=CLOSE
            ) from None
        except BaseException:
            self.held -= size
            raise
        return b"".join(parts)

    def _hold(self, more: int, size: int) -> None:
        if size > self._config.max_body_bytes:
            raise self._too_large()
        if self.held + more > self._config.max_held_bytes:
            raise Problem(
                "unavailable", "Other requests' bodies fill the memory. Try again.", headers={"Retry-After": "1"}
            )
        self.held += more

    def _too_large(self) -> Problem:
        return Problem("too-large", f"Expected a body of at most {self._config.max_body_bytes:,} bytes.")
