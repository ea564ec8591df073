"""Images per second of autoencoder training: "before", this project, PyTorch, JAX, side by side in one run.

First every variant of every contender at every batch size; then, for several rounds and in turn, each
contender at batch 32 and at its best batch size, with the variant that was fastest there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import median
from typing import IO, Any

from common import ROOT, machine, progress, ratios, spread, table, versions, write_results

BENCHMARKS = ROOT / "benchmarks"
ENVIRONMENT = BENCHMARKS / ".venv-bench"
BATCH_SIZES = [16, 32, 64, 128, 256, 512]
COMMON_BATCH = 32
SCRIPTS = {
    "before": "before_fit.py",
    "this project": "project_loop.py",
    "PyTorch": "torch_train.py",
    "JAX": "jax_train.py",
}
OURS = ("before", "this project")


@dataclass(kw_only=True)
class Contender:
    """A running process of ``benchmarks/peers`` and the best it showed."""

    name: str
    process: subprocess.Popen[str]
    log: IO[str]
    variants: list[str] = field(default_factory=list)
    versions: str = ""
    sweep: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))

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
        request = {"variant": variant, "batch_size": batch_size, "images": images}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        speed = float(self.receive()["images_per_second"])
        progress(f"{self.name:13} {variant:16} batch {batch_size:4} {speed:9,.0f} images/s")
        return speed

    def fastest(self, batch_size: int | None = None) -> tuple[str, int]:
        """The variant and batch size that swept fastest, of all or of one batch size."""
        cells = [cell for cell in self.sweep if batch_size in (None, cell[1])]
        return max(cells, key=lambda cell: median(self.sweep[cell]))


@contextmanager
def start(name: str, python: Path) -> Iterator[Contender]:
    """Run a contender until the block ends."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{BENCHMARKS}", "TF_CPP_MIN_LOG_LEVEL": "2"}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [python, BENCHMARKS / "peers" / SCRIPTS[name]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
        with process:
            try:
                contender = Contender(name=name, process=process, log=log)
                hello = contender.receive()
                contender.variants, contender.versions = hello["variants"], ", ".join(hello["versions"])
                yield contender
            finally:
                process.terminate()


def peers_python() -> Path:
    """The interpreter of ``.venv-bench``, made from ``requirements.txt`` where it is missing."""
    python, done = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".installed"
    if not done.exists():
        progress(f"Installing the peers into {ENVIRONMENT}, once.")
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        install = ["-m", "pip", "install", "--quiet", "-r", str(BENCHMARKS / "requirements.txt")]
        subprocess.run([python, *install], check=True)
        done.touch()
    return python


def sweep(contenders: list[Contender], batch_sizes: list[int], rounds: int, images: int) -> None:
    """Every variant at every batch size, contender after contender within a batch size."""
    for _, batch_size, contender in product(range(rounds), batch_sizes, contenders):
        for variant in contender.variants:
            contender.sweep[variant, batch_size].append(contender.measure(variant, batch_size, images))


def compare(contenders: list[Contender], rounds: int, images: int) -> dict[tuple[str, str], list[float]]:
    """Speeds by round of each contender, at the common batch size and at its best; another one begins each round."""
    speeds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for number in range(rounds):
        first = number % len(contenders)
        for contender in contenders[first:] + contenders[:first]:
            cells = {"common": contender.fastest(COMMON_BATCH), "best": contender.fastest()}
            measured = {cell: contender.measure(*cell, images) for cell in dict.fromkeys(cells.values())}
            for kind, cell in cells.items():
                speeds[contender.name, kind].append(measured[cell])
    return speeds


def comparison(contenders: list[Contender], speeds: dict[tuple[str, str], list[float]]) -> str:
    """The figures: median and spread of the speeds, and of their ratios round by round."""
    rows = []
    for contender in contenders:
        for kind, batch_size in (("common", COMMON_BATCH), ("best", None)):
            variant, batch = contender.fastest(batch_size)
            own = speeds[contender.name, kind]
            references = [speeds[name, kind] for name in OURS]
            over = [spread(ratios(own, reference), ".2f") for reference in references]
            label = f"batch {batch}" + (" (its best)" if kind == "best" else "")
            rows.append([contender.name, variant, label, spread(own), *over])
    rows.sort(key=lambda row: "best" in row[2])
    return table(["contender", "variant", "batch size", "images/s", "over before", "over this project"], rows)


def swept(contenders: list[Contender], batch_sizes: list[int]) -> str:
    """The sweep, one row a variant."""
    return table(
        ["contender", "variant", *map(str, batch_sizes)],
        [
            [contender.name, variant, *(f"{median(contender.sweep[variant, size]):,.0f}" for size in batch_sizes)]
            for contender in contenders
            for variant in contender.variants
        ],
    )


def main() -> None:
    """Measure and write ``benchmarks/results/train_speed.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sweep-rounds", type=int, default=2)
    parser.add_argument("--images", type=int, default=30_000, help="images an epoch")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=BATCH_SIZES, help="to look for the best among")
    parser.add_argument("--peers-python", type=Path, help="an interpreter that has requirements.txt installed")
    arguments = parser.parse_args()
    batch_sizes = sorted({*arguments.batch_sizes, COMMON_BATCH})
    peers = arguments.peers_python or peers_python()
    here = machine()
    with ExitStack() as stack:
        contenders = [
            stack.enter_context(start(name, Path(sys.executable) if name in OURS else peers)) for name in SCRIPTS
        ]
        sweep(contenders, batch_sizes, arguments.sweep_rounds, arguments.images)
        speeds = compare(contenders, arguments.rounds, arguments.images)
    stated = "; ".join(dict.fromkeys(contender.versions for contender in contenders))
    write_results(
        "train_speed",
        "Training speed of the autoencoder",
        {"machine": here, "versions": f"{versions()}; {stated}"},
        f"Epochs of {arguments.images:,} images, {arguments.rounds} rounds in turn: median (least to greatest); "
        "ratios are of the same round.",
        comparison(contenders, speeds),
        "The sweep that the batch sizes and variants were chosen by: median images/s by batch size.",
        swept(contenders, batch_sizes),
    )


if __name__ == "__main__":
    main()
