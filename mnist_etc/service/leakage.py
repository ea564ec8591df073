"""What answers about near-identical images may tell one sender in a day: so many bits, then the label, then nothing.

Ten photos of a page are ten answers, whose bits add up (docs/reconstruction.md); a sender who may ask without end
could average the policy away.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from hashlib import blake2b
from secrets import token_bytes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.service.likeness import NEAR, NUMBERS, describe, secret_rotation

__all__ = ["DAY", "LeakageBudget", "Verdict"]

DAY = 86_400.0
FULL_SHARE = 0.75
"""Of the budget that whole answers may spend; the rest is for the label alone."""
PAGES, SENDERS = 1024, 256
"""That are remembered at most: of each sender, and in all. Together some 45 MB."""


class Verdict(Enum):
    """What may be told of an image."""

    full = "full"
    """What the policy tells."""
    label = "label"
    """The class alone."""
    refused = "refused"
    """Nothing."""


class LeakageBudget:
    """Counts, by sender and page, the bits that answers have told; safe for threads.

    **What is kept**, in memory alone: of each page, 36 numbers that describe its blurred ink, turned by a rotation that
    was drawn when this object was made; how many bits were told about it; and when the last were. A page is forgotten a
    window after the last answer about it, and all are when the process ends. Senders are kept under a salted hash of
    their names. No image, label or answer is kept.

    A page's bits are counted from its first answer to a whole window without one, so no window of time, wherever it
    begins, holds more than the budget. An image near to several pages counts against each of them. Beyond `PAGES` of a
    sender, the page that least was told about is forgotten first: to have one forgotten that the budget is spent on, a
    sender must spend as much on each of a thousand others. Beyond `SENDERS`, whoever has not asked for longest is.

    Args:
        bits: that may be told about near-identical images.
        window: seconds that they count.
        pages: that are remembered of a sender.
        senders: that are remembered.
        clock: seconds, ever more.
    """

    def __init__(
        self,
        bits: float,
        window: float = DAY,
        *,
        pages: int = PAGES,
        senders: int = SENDERS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.bits, self.window = bits, window
        self._pages, self._most, self._clock = pages, senders, clock
        self._salt, self._rotation = token_bytes(16), secret_rotation()
        self._senders: OrderedDict[bytes, _Pages] = OrderedDict()
        self._lock = threading.Lock()

    def spend(
        self, sender: str, images: NDArray[np.floating[Any]], bits: float, *, label_bits: float = math.log2(10)
    ) -> list[Verdict]:
        """Say what may be told of each image, and count it as told; where one is refused, none of the call is counted.

        Args:
            sender: the name of a key, or an address.
            images: ``(n, side, side)`` in [0, 1], as the model sees them. One without ink is no page.
            bits: that an answer tells at most, the policy's ``leakage_bits``.
            label_bits: that the class alone tells, log2 of the number of classes. Where an answer tells no more than
                that, as one with noise does, the label alone is never told in its place.
        """
        seen = describe(images, self._rotation)
        name = blake2b(sender.encode(), key=self._salt, digest_size=16).digest()
        with self._lock:
            now = self._clock()
            pages = self._senders.setdefault(name, _Pages(self._pages))
            self._senders.move_to_end(name)
            while len(self._senders) > self._most:
                self._senders.popitem(last=False)
            pages.forget(now - self.window)
            return self._judged(pages, seen, bits, label_bits, now)

    def _judged(
        self, pages: _Pages, seen: NDArray[np.float32], bits: float, label_bits: float, now: float
    ) -> list[Verdict]:
        known, alike = pages.seen @ seen.T >= NEAR, seen @ seen.T >= NEAR
        most = self.bits if bits <= label_bits else FULL_SHARE * self.bits
        spent, fresh, verdicts = pages.spent.copy(), dict[int, float](), []
        for row, one in enumerate(seen):
            if not one.any():
                verdicts.append(Verdict.full)
                continue
            near, new = np.flatnonzero(known[:, row]), [other for other in fresh if alike[row, other]]
            before = max(float(spent[near].max(initial=0)), *(fresh[other] for other in new), 0.0)
            verdict, told = Verdict.refused, 0.0
            if before + bits <= most:
                verdict, told = Verdict.full, bits
            elif bits > label_bits and before + label_bits <= self.bits:
                verdict, told = Verdict.label, label_bits
            verdicts.append(verdict)
            spent[near] += told
            fresh |= {other: fresh[other] + told for other in new}
            if not len(near) and not new:
                fresh[row] = told
        if Verdict.refused not in verdicts:
            pages.update(spent, seen[list(fresh)], list(fresh.values()), now)
        return verdicts


class _Pages:
    """Those of one sender, a row each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.seen = np.empty((0, NUMBERS), np.float32)
        self.spent, self._last = np.empty(0), np.empty(0)

    def update(self, spent: NDArray[np.float64], seen: NDArray[np.float32], fresh: list[float], now: float) -> None:
        """Set what was spent on each page ``(n,)``, and add those described by ``seen`` ``(m, 36)``."""
        self._last[spent > self.spent] = now
        self.spent = spent
        if fresh:
            self.seen = np.concatenate([self.seen, seen])
            self.spent = np.append(self.spent, fresh)
            self._last = np.append(self._last, np.full(len(fresh), now))
        if len(self.spent) > self._most:
            least = np.lexsort((self._last, self.spent))[: len(self.spent) - self._most + self._most // 16]
            self._keep(np.setdiff1d(np.arange(len(self.spent)), least))

    def forget(self, before: float) -> None:
        """Forget the pages that nothing was told about since ``before``."""
        if len(self._last) and self._last.min() <= before:
            self._keep(np.flatnonzero(self._last > before))

    def _keep(self, rows: NDArray[np.intp]) -> None:
        self.seen, self.spent, self._last = self.seen[rows], self.spent[rows], self._last[rows]
