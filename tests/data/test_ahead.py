"""Reading ahead: order, faults in their place, a bound, and no thread left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from mnist_etc.data.ahead import read_ahead


def test_in_order_and_by_another_thread() -> None:
    def items() -> Iterator[tuple[int, int]]:
        for number in range(50):
            yield number, threading.get_ident()

    found = list(read_ahead(items(), 3))
    assert [number for number, _ in found] == list(range(50))
    assert {thread for _, thread in found}.isdisjoint({threading.get_ident()})


def test_a_fault_comes_after_what_was_read_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(2)
        raise ValueError("damaged")

    ahead = read_ahead(items(), 4)
    assert [next(ahead), next(ahead)] == [0, 1]
    with pytest.raises(ValueError, match="damaged"):
        next(ahead)


def test_it_waits_for_the_caller_and_ends_with_it() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    before = threading.active_count()
    ahead = read_ahead(items(), 3)
    assert next(ahead) == 0
    time.sleep(0.1)
    assert len(taken) == 4
    ahead.close()  # type: ignore[attr-defined] # it is a generator
    assert threading.active_count() == before
    assert len(taken) == 4
