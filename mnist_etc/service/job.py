"""The job of ``python -m mnist_etc.service``: answer over HTTP until a signal, or add or remove an API key."""

from __future__ import annotations

import ctypes
from pathlib import Path

from mnist_etc.errors import ConfigError
from mnist_etc.service.config import LOOPBACK, ServiceCommand, ServiceConfig

__all__ = ["serve"]

MMAP_THRESHOLD = -3
"""As malloc.h names it."""
LARGE_BYTES = 2**17
"""What glibc begins with."""


def serve(command: ServiceCommand) -> None:
    """Add or remove the key that ``command`` names, else serve.

    Raises:
        ArtifactError: The version in service is damaged, or the file of keys cannot be read or written.
        ConfigError: There are no keys and the address is not loopback, or the file of keys is damaged.
        ServingError: The address cannot be listened on, or the server that runs the model does not answer.
    """
    config = command.service
    if command.add_key is not None or command.remove_key is not None:
        assert config.keys is not None
        _change_keys(command, Path(config.keys))
        return
    _refuse_open(config)
    from mnist_etc.service.server import run

    _give_memory_back()
    run(config)


def _give_memory_back() -> None:
    """Have glibc map each large block by itself, so that it goes back to the system as soon as it is free.

    By default it does so with larger and larger ones alone, and keeps the rest: pictures of many sizes, decoded in
    several threads, leave holes, and a service grew by a fifth in 40,000 damaged files. Other C libraries have no such
    setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGE_BYTES)


def _change_keys(command: ServiceCommand, path: Path) -> None:
    from mnist_etc.service.keys import add_key, remove_key

    if command.remove_key is not None:
        remove_key(path, command.remove_key)
        print(f"removed the key {command.remove_key} from {path}; a service at work knows within service.poll_seconds")
    elif command.add_key is not None:
        key = add_key(path, command.add_key, command.key_rate)
        print(f"the key {command.add_key}, which is shown now and never again; send it as X-API-Key:\n{key}")


def _refuse_open(config: ServiceConfig) -> None:
    from mnist_etc.service.keys import read_keys

    if config.address not in LOOPBACK and not (config.keys is not None and read_keys(Path(config.keys))):
        raise ConfigError(
            f"Expected API keys in service.keys, {config.keys}, to listen on {config.address}, which is reached from "
            "other machines; received none. Add one: python -m mnist_etc.service add_key=<name>"
        )
