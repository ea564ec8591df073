"""Who answers a request: the loop of events what takes it a fraction of a millisecond, a thread all else."""

from __future__ import annotations

import asyncio
import json
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

from mnist_etc.service.engine import TURN, Engine, Observer
from mnist_etc.service.model import ServedModel
from mnist_etc.service.problems import Problem
from mnist_etc.service.reading import is_small
from mnist_etc.service.shelf import Shelf
from mnist_etc.service.source import ModelSource
from mnist_etc.service.sources import load_pretrained

PNG = encoded(digit(7))
LARGE = encoded(np.full((100, 100), 255, np.uint8))
DOTS = np.zeros((28, 28), np.uint8)
DOTS[::5, ::5] = DOTS[1::5, ::5] = DOTS[::5, 1::5] = 255
CORNER = np.roll(digit(7), 5, axis=0)
"""Not in the middle: a figure that has to be cut out and placed, which takes milliseconds."""


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of one bit a pixel, black, with chunks behind its header."""
    rows = zlib.compress(bytes(height * (1 + (width + 7) // 8)))
    header = struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )


def doubled(side: int) -> bytes:
    """A PNG with a second header, which counts."""
    content = png(side, side, (b"IHDR", struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0)))
    first = struct.pack(">2I5B", 28, 28, 1, 0, 0, 0, 0)
    return content[:16] + first + struct.pack(">I", zlib.crc32(b"IHDR" + first)) + content[33:]


class Fixed(ModelSource):
    def __init__(self, model: ServedModel) -> None:
        self.model, self.version = model, 0

    def seen(self) -> int:
        return self.version

    def load(self) -> ServedModel:
        return self.model


def answered(
    folder: Path,
    bodies: list[bytes],
    model: ServedModel,
    *words: str,
    sender: str = "one",
    shelf: Shelf | None = None,
    then: Observer = lambda _: None,
) -> tuple[list[Any], list[str], list[int]]:
    """Answers or problems, the threads that gave the answers, and the images of each run."""
    threads: list[str] = []
    runs: list[int] = []

    def observe(_: Any) -> None:
        threads.append("loop" if threading.current_thread() is threading.main_thread() else "worker")

    engine = Engine(service_config(folder, *words), shelf or Shelf(Fixed(model)), [observe, then])
    engine.on_batch = runs.append

    async def ask() -> list[Any]:
        several = [engine.answer(body, "image/png", explain=False, sender=sender) for body in bodies]
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
    assert {*threads} == {"loop"}
    assert sum(runs) == TURN + 4
    assert 1 < max(runs) <= TURN


@pytest.mark.parametrize(
    ("body", "seconds", "word"),
    [
        (LARGE, 0.0, ""),
        (PNG, math.inf, ""),
        (encoded(digit(7), "GIF"), 0.0, ""),
        (encoded(DOTS), 0.0, ""),
        (encoded(CORNER), 0.0, ""),
        (doubled(1000), 0.0, ""),
        (PNG, 0.0, "service.prepare=mnist"),
    ],
)
def test_what_may_take_long_is_a_thread_s(tmp_path: Path, body: bytes, seconds: float, word: str) -> None:
    words = [word] if word else []
    told, threads, _ = answered(tmp_path, [PNG, body, PNG], replace(load_pretrained(), seconds=seconds), *words)
    assert not any(isinstance(one, Exception) for one in told)
    others = "loop" if seconds == 0 and not word else "worker"
    assert sorted(threads) == sorted(["worker", others, others])


def test_what_the_loop_answers_is_what_a_thread_answers(tmp_path: Path) -> None:
    bodies = [encoded(255 - digit(7)), encoded(digit(0)), PNG, png(28, 28)]
    quick, _, _ = answered(tmp_path, bodies, replace(load_pretrained(), seconds=0))
    slow, threads, _ = answered(tmp_path, bodies, replace(load_pretrained(), seconds=math.inf))
    assert quick == slow
    assert {*threads} == {"worker"}


def test_a_key_is_counted_in_a_thread(tmp_path: Path) -> None:
    _, threads, _ = answered(tmp_path, [PNG], replace(load_pretrained(), seconds=0), sender="key:one")
    assert threads == ["worker"]


def test_what_waits_when_a_slow_model_comes_goes_to_the_threads(tmp_path: Path) -> None:
    quick = replace(load_pretrained(), seconds=0)
    source = Fixed(quick)
    shelf = Shelf(source)

    def swap(_: Any) -> None:
        if source.version == 0:
            source.version, source.model = 1, replace(quick, version=1, seconds=math.inf)
            shelf.look()

    told, threads, _ = answered(tmp_path, [PNG] * (TURN + 4), quick, shelf=shelf, then=swap)
    versions = [json.loads(one)["version"] for one in told]
    assert versions == sorted(versions)
    assert 4 <= sum(versions) == threads.count("worker") < TURN + 4


def test_one_bad_small_body_is_told_so_and_the_others_are_answered(tmp_path: Path) -> None:
    bad = PNG[:60]
    told, _, _ = answered(tmp_path, [PNG, bad, PNG], replace(load_pretrained(), seconds=0))
    assert [isinstance(one, Problem) for one in told] == [False, True, False]
    assert told[1].name == "unreadable"


def test_small_requests_that_wait_are_bounded(tmp_path: Path) -> None:
    model = replace(load_pretrained(), seconds=0)
    told, _, _ = answered(tmp_path, [PNG] * 3, model, "service.max_queue=2")
    assert [getattr(one, "name", None) for one in told] == [None, None, "busy"]


def test_what_is_small() -> None:
    assert is_small(png(28, 28), 28)
    assert is_small(png(64, 64), 64)
    assert not is_small(png(64, 64), 28)
    assert not is_small(png(28, 28)[:20], 28)
    assert not is_small(png(28, 28, (b"zTXt", bytes(4096))), 28)
    assert not is_small(b"", 28)
