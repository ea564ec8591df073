"""The name of the training data in what a private model leaves: one that nobody else can check a guess against.

A plain checksum is an exact function of the training images: who knows all of them but one confirms the last by it, and
no epsilon holds beside it. So the name is an HMAC under a key that stays on this machine.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from mnist_etc.errors import ArtifactError
from mnist_etc.files import exclusive, read_limited, write_bytes

__all__ = ["HMAC", "SHA256", "DataKey", "named"]

SHA256, HMAC = "dataset_sha256", "dataset_hmac_sha256"
"""Where a manifest, a checkpoint and a tracked run say which data it was: in the open, and under the key."""
OWNER_ONLY = 0o600
BYTES = 32


@dataclass(frozen=True)
class DataKey:
    """A secret key in a file that its owner alone may read, made on first use; it is published nowhere."""

    path: Path

    def name(self, dataset_sha256: str) -> str:
        """The HMAC-SHA-256 of a dataset's checksum, in hexadecimal.

        Raises:
            ArtifactError: the key cannot be written, or what lies there is none.
        """
        if not self.path.exists():
            with exclusive(self.path.with_name(f"{self.path.name}.lock"), key="privacy.ledger", wait=True):
                if not self.path.exists():
                    write_bytes(self.path, f"{secrets.token_hex(BYTES)}\n".encode(), OWNER_ONLY, key="privacy.ledger")
        return self._digest(dataset_sha256)

    def known_name(self, dataset_sha256: str, remedy: str) -> str:
        """The same by a key that was used before.

        Raises:
            ArtifactError: it is lost; ``remedy`` says what to do without it.
        """
        if not self.path.exists():
            raise ArtifactError(
                f"Expected {self.path}, the key under which private models name their data; received no such file. "
                f"Put it back, pass the privacy.ledger beside which it lies, or {remedy}."
            )
        return self._digest(dataset_sha256)

    def _digest(self, words: str) -> str:
        key = read_limited(self.path, 2 * BYTES + 2).decode("ascii", "replace").strip()
        if not re.fullmatch(f"[0-9a-f]{{{2 * BYTES}}}", key):
            raise ArtifactError(
                f"Expected {2 * BYTES} hexadecimal digits in {self.path}; received something else. Put back the key "
                "under which private models name their data."
            )
        return hmac.digest(bytes.fromhex(key), words.encode(), "sha256").hex()


def named(dataset_sha256: str, key: DataKey, *, private: bool) -> dict[str, str]:
    """How to state the data, as an entry of a manifest or a tag: under the key, where a private training read them."""
    return {HMAC: key.name(dataset_sha256)} if private else {SHA256: dataset_sha256}
