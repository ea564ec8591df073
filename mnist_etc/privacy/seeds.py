"""The secret numbers that a private training draws from."""

from __future__ import annotations

import secrets
import zlib
from typing import NamedTuple

import numpy as np

__all__ = ["Seeds", "secret_numbers"]


class Seeds(NamedTuple):
    """Each below 2**63; who knows one can undo what it hides."""

    sampling: int
    noise: int
    moments: int
    """Of the noise on the second moments."""

    @classmethod
    def draw(cls, given: int | None, label: str) -> Seeds:
        """From the operating system, or from a given seed; no two trainings, by their labels, share them."""
        return cls(*secret_numbers(given, label, len(cls._fields)))


def secret_numbers(given: int | None, label: str, count: int) -> list[int]:
    """So many numbers below 2**63: the operating system's, or repeatable ones that follow from a seed and a label."""
    if given is None:
        return [secrets.randbits(63) for _ in range(count)]
    words = np.random.SeedSequence([given, zlib.crc32(label.encode())]).generate_state(count, np.uint64)
    return [int(word >> np.uint64(1)) for word in words]
