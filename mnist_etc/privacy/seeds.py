"""The secret numbers that a private training draws from."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["BITS", "Seeds", "secret_numbers"]

BITS = 128


class Seeds(NamedTuple):
    """Each below 2**128; who knows one can undo what it hides."""

    sampling: int
    noise: int
    moments: int
    """Of the noise on the second moments."""

    @classmethod
    def draw(cls, given: int | None, identity: Mapping[str, Any]) -> Seeds:
        """From the operating system, or from a given seed and what the training is; see `secret_numbers`."""
        return cls(*secret_numbers(given, identity, len(cls._fields)))

    @property
    def fingerprint(self) -> str:
        """A name of the training that tells none of them, 32 hexadecimal digits: BLAKE2b cannot be turned back."""
        words = b"".join(seed.to_bytes(BITS // 8, "big") for seed in self)
        return hashlib.blake2b(words, digest_size=16, person=b"mnist_etc name").hexdigest()


def secret_numbers(given: int | None, identity: Mapping[str, Any], count: int) -> list[int]:
    """So many numbers below 2**128: the operating system's, or repeatable ones that follow from a given seed.

    Two trainings whose noises are equal, or multiples of one another, give the difference of their sums away without
    noise, to whoever does not even know the seed. So they follow from all that a training is, by HMAC-SHA-512: with
    another image, epsilon or encoder they are as far apart as two of the operating system's.

    Args:
        given: the seed; None: the operating system's numbers.
        identity: all that the training's result depends on, its data among it, as JSON types; not read without a seed.
        count: how many.
    """
    if given is None:
        return [secrets.randbits(BITS) for _ in range(count)]
    words = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return [
        int.from_bytes(hmac.digest(str(given).encode(), f"{number} {words}".encode(), "sha512")[: BITS // 8], "big")
        for number in range(count)
    ]
