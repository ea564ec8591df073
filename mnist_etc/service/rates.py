"""How many requests a sender may make, counted by `limits` in this process or in Redis."""

from __future__ import annotations

import time

from limits import RateLimitItem, parse
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from mnist_etc.errors import ConfigError
from mnist_etc.service.problems import Problem

__all__ = ["Rates"]


class Rates:
    """Counts what each sender asks for, in a window that slides.

    Args:
        url: ``memory://``, or ``redis://host:port``.
        rate: Of a sender without one of its own, such as 600/minute; None: no limit.

    Raises:
        ConfigError: There is no such storage, or what it needs is not installed.
    """

    def __init__(self, url: str, rate: str | None) -> None:
        try:
            options = {"implementation": "redispy"} if url.startswith("redis") else {}
            storage = storage_from_string(f"async+{url}", wrap_exceptions=True, **options)
            self._limiter = SlidingWindowCounterRateLimiter(storage)
        except (ConfigurationError, ValueError, NotImplementedError) as error:
            raise ConfigError(
                f"Expected service.rates as memory://, or redis://host:port with the package redis of 5.2 or later; "
                f"received {url!r}: {' '.join(str(error).split()).rstrip('.')}."
            ) from error
        self._items: dict[str, RateLimitItem] = {}
        self._rate = rate

    async def spend(self, sender: str, rate: str | None) -> None:
        """Count a request.

        Args:
            sender: Who asks.
            rate: Its own; None: that of all.

        Raises:
            Problem: Its rate is spent, or the storage does not answer.
        """
        rate = rate or self._rate
        if rate is None:
            return
        item = self._items.get(rate) or self._items.setdefault(rate, parse(rate))
        try:
            if await self._limiter.hit(item, sender):
                return
            stats = await self._limiter.get_window_stats(item, sender)
        except StorageError as error:
            raise Problem(
                "unavailable", "The storage of rates does not answer. Try again.", headers={"Retry-After": "1"}
            ) from error
        wait = max(1, round(stats.reset_time - time.time() + 0.5))
        most = rate.replace("/", " requests a ")
        raise Problem("too-fast", f"Expected at most {most}.", headers={"Retry-After": str(wait)})
