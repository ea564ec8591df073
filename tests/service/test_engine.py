"""Who answers a request: the loop of events what takes it a fraction of a millisecond, a thread all else."""

from __future__ import annotations

import asyncio
import math
import struct
import threading
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import digit, encoded, service_config

from mnist_etc.service.engine import TURN, Engine
from mnist_etc.service.model import ServedModel
from mnist_etc.service.problems import Problem
from mnist_etc.service.reading import is_small
from mnist_etc.service.shelf import Shelf
from mnist_etc.service.source import ModelSource
from mnist_etc.service.sources import load_pretrained

PNG = encoded(digit(7))
LARGE = encoded(np.full((100, 100), 255, np.uint8))


class Fixed(ModelSource):
    def __init__(self, model: ServedModel) -> None:
        self._model = model

    def seen(self) -> int:
        return 0

    def load(self) -> ServedModel:
        return self._model


def answered(folder: Path, bodies: list[bytes], model: ServedModel, *words: str) -> tuple[list[Any], list[str], Any]:
    """Answers or problems, the threads that gave the answers, and the images of each run."""
    threads: list[str] = []
    runs: list[int] = []
    engine = Engine(
        service_config(folder, *words),
        Shelf(Fixed(model)),
        [lambda _: threads.append("loop" if threading.current_thread() is threading.main_thread() else "worker")],
    )
    engine.on_batch = runs.append

    async def ask() -> list[Any]:
        several = [engine.answer(body, "image/png", explain=False, sender="one") for body in bodies]
        return await asyncio.gather(*several, return_exceptions=True)

    engine.start()
    try:
        return asyncio.run(ask()), threads, runs
    finally:
        engine.stop()


def test_small_requests_of_one_turn_are_one_run_in_the_loop(tmp_path: Path) -> None:
    model = replace(load_pretrained(), seconds=0)
    told, threads, runs = answered(tmp_path, [PNG] * (TURN + 4), model)
    assert [b'"digit": 7' in one for one in told] == [True] * (TURN + 4)
    assert (set(threads), runs) == ({"loop"}, [TURN, 4])


@pytest.mark.parametrize(("body", "seconds"), [(LARGE, 0.0), (PNG, math.inf), (encoded(digit(7), "GIF"), 0.0)])
def test_what_may_take_long_is_a_thread_s(tmp_path: Path, body: bytes, seconds: float) -> None:
    _, threads, _ = answered(tmp_path, [body], replace(load_pretrained(), seconds=seconds))
    assert threads == ["worker"]


def test_one_bad_small_body_is_told_so_and_the_others_are_answered(tmp_path: Path) -> None:
    bad = PNG[:60]
    told, _, _ = answered(tmp_path, [PNG, bad, PNG], replace(load_pretrained(), seconds=0))
    assert [isinstance(one, Problem) for one in told] == [False, True, False]
    assert told[1].name == "unreadable"


def test_small_requests_that_wait_are_bounded(tmp_path: Path) -> None:
    model = replace(load_pretrained(), seconds=0)
    told, _, _ = answered(tmp_path, [PNG] * 3, model, "service.max_queue=2")
    assert [getattr(one, "name", None) for one in told] == [None, None, "busy"]


def test_what_unpacks_to_much_is_not_small() -> None:
    def header(width: int, height: int) -> bytes:
        chunk = b"IHDR" + struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))

    assert is_small(header(64, 64))
    assert not is_small(header(65, 64))
    assert not is_small(header(2**31, 2**31))
    assert not is_small(header(28, 28)[:20])
    assert not is_small(header(28, 28) + bytes(4096))
    assert not is_small(b"")
