"""A cluster of Ray: what names it, and the way in."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mnist_etc.errors import ConfigError
from mnist_etc.schema import text

__all__ = ["RayConfig", "joined"]

SECONDS = 5
"""For a connection."""
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Variables of Ray: nothing is sent to anybody, and no advice about accelerators is printed."""
HERE = "local"
"""Ray's word for a cluster of its own; without it, it would join one that happens to run on this machine."""


@dataclass(kw_only=True)
class RayConfig:
    """The Ray cluster of ``engine=ray``."""

    address: str | None = text(null="one on this machine, for as long as the command runs")
    """``auto``, ``ray://host:10001`` or ``host:6379``; null: one on this machine, for as long as the command runs."""


@contextmanager
def joined(address: str | None) -> Iterator[None]:
    """Join the cluster at ``address``, or start one on this machine for as long as the block runs.

    Raises:
        ConfigError: there is none.
    """
    import ray

    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    _reach(address)
    ended = signal.getsignal(signal.SIGTERM)
    try:
        try:
            ray.init(address or HERE, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"Expected a Ray cluster at ray.address={address}; received: {str(error).splitlines()[0]} "
                "Check the address, or pass ray.address=null for this machine."
            ) from error
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, ended)  # Ray's own ends the program without a word, by code 15
        yield
    finally:
        ray.shutdown()


def _reach(address: str | None) -> None:
    """Refuse an address where nobody listens, for which Ray itself would wait five minutes."""
    found = re.fullmatch(r"(?:ray://)?(.+):(\d{1,5})", address or "")
    if not found:
        return
    try:
        socket.create_connection((found[1], int(found[2])), timeout=SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"Expected a Ray cluster at ray.address={address}; received: {error}. Check the address, or pass "
            "ray.address=null for this machine."
        ) from error
