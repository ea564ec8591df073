"""The secret numbers that a private training draws from."""

from __future__ import annotations

import secrets
import zlib
from typing import NamedTuple

import numpy as np

__all__ = ["Seeds"]


class Seeds(NamedTuple):
    """Each below 2**63; who knows one can undo what it hides."""

    sampling: int
    noise: int
    moments: int
    """Of the noise on the second moments."""

    @classmethod
    def draw(cls, given: int | None, label: str) -> Seeds:
        """From the operating system, or from a given seed; no two trainings, by their labels, share them."""
        if given is None:
            return cls(*(secrets.randbits(63) for _ in cls._fields))
        words = np.random.SeedSequence([given, zlib.crc32(label.encode())]).generate_state(len(cls._fields), np.uint64)
        return cls(*(int(word >> np.uint64(1)) for word in words))
