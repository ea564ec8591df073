"""How long a single image takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Latency"]

REPEATS = 5
CALLS, LEAST = 200, 20
"""Of a repeat; fewer, but never fewer than the least, once it has taken its time."""
SECONDS = 1.0
WARM = 20
"""Calls before the first that counts."""
IMAGES = 64
"""That are asked about, in turn."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Milliseconds of an answer to a single image, in several repeats of many calls."""

    calls: tuple[tuple[float, ...], ...]
    """Of each repeat."""

    @classmethod
    def measure(cls, answer: Callable[[NDArray[np.uint8]], object], images: NDArray[np.uint8]) -> Latency:
        """Time ``answer`` on single images, ``(1, side, side)``, once it is warm."""
        single = [images[place : place + 1] for place in range(min(IMAGES, len(images)))]
        for call in range(WARM):
            answer(single[call % len(single)])
        return cls(calls=tuple(_timed(answer, single) for _ in range(REPEATS)))

    @property
    def p99(self) -> tuple[float, ...]:
        """What 99 in 100 calls are within, of each repeat, least first."""
        return tuple(sorted(float(np.quantile(one, 0.99, method="inverted_cdf")) for one in self.calls))

    @property
    def median_p99(self) -> float:
        """The repeat in the middle, which a single hiccup of the machine does not move."""
        return self.p99[len(self.p99) // 2]

    @property
    def p50(self) -> float:
        """The median of all calls."""
        return float(np.median(np.concatenate(self.calls)))


def _timed(answer: Callable[[NDArray[np.uint8]], object], single: list[NDArray[np.uint8]]) -> tuple[float, ...]:
    milliseconds: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(milliseconds) < CALLS and (len(milliseconds) < LEAST or time.perf_counter() < end):
        start = time.perf_counter()
        answer(single[len(milliseconds) % len(single)])
        milliseconds.append(1000 * (time.perf_counter() - start))
    return tuple(milliseconds)
