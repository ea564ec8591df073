"""Contenders: processes of ``benchmarks/peers`` that answer requests for one measurement, so that rounds interleave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import median
from typing import IO, Any

from common import ROOT, progress

__all__ = ["Contender", "Script", "compare", "peers_python", "start", "sweep"]

BENCHMARKS = ROOT / "benchmarks"
ENVIRONMENT = BENCHMARKS / ".venv-bench"


@dataclass(frozen=True, kw_only=True)
class Script:
    """How a contender is started, and how much of it can be borne."""

    name: str
    file: str
    """In ``benchmarks/peers``."""
    ours: bool = False
    """Runs in this project's environment; else in the peers'."""
    arguments: tuple[str, ...] = ()
    most_steps: int | None = None
    """In one measurement; None: as many as the images asked for make."""
    most_batch: int | None = None
    """Batch size above which it is not measured."""


@dataclass(kw_only=True)
class Contender:
    """A running process and the best it showed."""

    script: Script
    process: subprocess.Popen[str]
    log: IO[str]
    variants: list[str] = field(default_factory=list)
    versions: str = ""
    sweep: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def name(self) -> str:
        """What the tables call it."""
        return self.script.name

    def receive(self) -> dict[str, Any]:
        """Its next answer.

        Raises:
            SystemExit: it has ended; its last lines are shown.
        """
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            sys.exit(f"Expected an answer of {self.name}; received the end of its process.\n{self.log.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def measure(self, variant: str, batch_size: int, images: int) -> float:
        """Images per second of one epoch."""
        assert self.process.stdin
        images = min(images, batch_size * (self.script.most_steps or images))
        request = {"variant": variant, "batch_size": batch_size, "images": images}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        speed = float(self.receive()["images_per_second"])
        progress(f"{self.name:13} {variant:16} batch {batch_size:4} {speed:9,.0f} images/s")
        return speed

    def fits(self, batch_size: int) -> bool:
        """Whether it is measured at that batch size."""
        return batch_size <= (self.script.most_batch or batch_size)

    def fastest(self, batch_size: int | None = None) -> tuple[str, int]:
        """The variant and batch size that swept fastest, of all or of one batch size."""
        cells = [cell for cell in self.sweep if batch_size in (None, cell[1])]
        return max(cells, key=lambda cell: median(self.sweep[cell]))


@contextmanager
def start(script: Script, python: Path, *arguments: str) -> Iterator[Contender]:
    """Run a contender until the block ends, with more arguments than the script's own."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{BENCHMARKS}", "TF_CPP_MIN_LOG_LEVEL": "2"}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [python, BENCHMARKS / "peers" / script.file, *script.arguments, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
        with process:
            try:
                contender = Contender(script=script, process=process, log=log)
                hello = contender.receive()
                contender.variants, contender.versions = hello["variants"], ", ".join(hello["versions"])
                yield contender
            finally:
                process.terminate()


def peers_python() -> Path:
    """The interpreter of ``.venv-bench``, made from ``requirements.txt`` where it is missing or was another."""
    python, done = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".installed"
    requirements = BENCHMARKS / "requirements.txt"
    if not done.exists() or done.read_text() != requirements.read_text():
        progress(f"Installing the peers into {ENVIRONMENT}, once.")
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", str(requirements)], check=True)
        done.write_text(requirements.read_text())
    return python


def sweep(contenders: Sequence[Contender], batch_sizes: Sequence[int], rounds: int, images: int) -> None:
    """Every variant at every batch size, contender after contender within a batch size."""
    for _, batch_size, contender in product(range(rounds), batch_sizes, contenders):
        for variant in contender.variants if contender.fits(batch_size) else ():
            contender.sweep[variant, batch_size].append(contender.measure(variant, batch_size, images))


def compare(
    contenders: list[Contender],
    rounds: int,
    images: int,
    cells: Callable[[Contender], Mapping[str, tuple[str, int]]],
) -> dict[tuple[str, str], list[float]]:
    """Speeds by round of each contender in each of its cells; another one begins each round.

    Args:
        contenders: all of them.
        rounds: how many.
        images: an epoch.
        cells: variant and batch size by a key of the caller's.
    """
    speeds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for number in range(rounds):
        first = number % len(contenders)
        for contender in contenders[first:] + contenders[:first]:
            wanted = cells(contender)
            measured = {cell: contender.measure(*cell, images) for cell in dict.fromkeys(wanted.values())}
            for key, cell in wanted.items():
                speeds[contender.name, key].append(measured[cell])
    return speeds
