"""API keys: named, with a rate of their own where one is given, and kept as hashes in a file."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from mnist_etc.errors import ConfigError
from mnist_etc.files import read_limited, write_bytes
from mnist_etc.service.config import RATE

__all__ = ["HEADER", "ApiKey", "Keys", "add_key", "read_keys", "remove_key"]

HEADER = b"x-api-key"
LIMIT = 2**22
PREFIX = "me_"
"""Of every key, so that a scanner of repositories can tell one."""
OWNER_ALONE = 0o600


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key, without itself: it has 256 bits of chance, so a plain hash of it tells nobody anything."""

    name: str
    sha256: str
    rate: str | None
    """None: ``service.rate``."""
    created: str


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """The keys in a file; none where there is no file.

    Raises:
        ArtifactError: It cannot be read.
        ConfigError: It is damaged.
    """
    if not path.exists():
        return ()
    try:
        content = json.loads(read_limited(path, LIMIT))
        keys = tuple(ApiKey(**one) for one in content["keys"])
        for key in keys:
            if len(bytes.fromhex(key.sha256)) != 32 or not (key.rate is None or RATE.fullmatch(key.rate)):
                raise ValueError(f"a key {key.name!r} without a hash or with a rate of no such form")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        cause = " ".join(str(error).split())
        raise ConfigError(
            f"Expected API keys in {path}, as add_key= writes them; received: {cause}. Move it away and add them again."
        ) from error
    return keys


def add_key(path: Path, name: str, rate: str | None) -> str:
    """Make a key and add its hash to a file, which its owner alone may read.

    Returns:
        The key, which is kept nowhere.

    Raises:
        ConfigError: There is one of that name, or the file is damaged.
        ArtifactError: The file cannot be written.
    """
    keys = read_keys(path)
    if any(key.name == name for key in keys):
        raise ConfigError(f"Expected add_key of a new name; received {name}, which is in {path}. See remove_key={name}")
    key = PREFIX + secrets.token_urlsafe(32)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    _write(path, (*keys, ApiKey(name=name, sha256=_digest(key.encode()).hex(), rate=rate, created=created)))
    return key


def remove_key(path: Path, name: str) -> None:
    """Remove the key of a name from a file.

    Raises:
        ConfigError: There is none, or the file is damaged.
        ArtifactError: The file cannot be written.
    """
    keys = read_keys(path)
    kept = tuple(key for key in keys if key.name != name)
    if len(kept) == len(keys):
        known = ", ".join(key.name for key in keys) or "no key"
        raise ConfigError(f"Expected remove_key of a key in {path}; received {name}. There is: {known}.")
    _write(path, kept)


class Keys:
    """The keys of a file, read again when it changes.

    Args:
        path: Of the file; None: there are none.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self._seen = path, self._stat(path)
        self._keys = [(bytes.fromhex(key.sha256), key) for key in (read_keys(path) if path else ())]
        self.required = bool(self._keys)
        """Whether there are keys, or were since the start: one that is removed opens nothing."""

    def look(self) -> None:
        """Read the file again if it is another; once there were keys, a file that is gone or empty lets nobody in.

        Raises:
            ConfigError: It is damaged; the keys stay as they were.
        """
        seen = self._stat(self._path)
        if seen == self._seen or self._path is None:
            return
        self._seen = seen
        self._keys = [(bytes.fromhex(key.sha256), key) for key in read_keys(self._path)]
        self.required |= bool(self._keys)

    def find(self, given: bytes) -> ApiKey | None:
        """The key that ``given`` is, compared with all in a time that tells nothing; None: it is none."""
        digest, found = _digest(given), None
        for known, key in self._keys:
            if hmac.compare_digest(known, digest):
                found = key
        return found

    @staticmethod
    def _stat(path: Path | None) -> tuple[int, int, int] | None:
        try:
            stat = path.stat() if path else None
        except OSError:
            return None
        return (stat.st_ino, stat.st_mtime_ns, stat.st_size) if stat else None


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _write(path: Path, keys: tuple[ApiKey, ...]) -> None:
    content = json.dumps({"keys": [asdict(key) for key in keys]}, indent=2) + "\n"
    write_bytes(path, content.encode(), OWNER_ALONE, key="service.keys")
