"""A sweep of the zoo's cnn on the digits by two processes at a time, against one at a time: 32 trials, start to exit.

Pruning is off, so that both do the same 32 trainings. The bar is 1.7 times as fast.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile

from common import machine, progress, ratios, run_child, spread, table, versions, write_results


def sweep(processes: int, trials: int, extra: list[str]) -> float:
    """Seconds of one sweep in a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        words = [
            *("-m", "mnist_etc.sweep", "model=cnn", "data=digits", f"sweep.trials={trials}", "sweep.pruner=none"),
            *("sweep.sampler=random", f"sweep.processes={processes}", f"artifacts={folder}", "tracking_uri=null"),
        ]
        return run_child([sys.executable, *words, *extra]).seconds


def main() -> None:
    """Measure and write ``benchmarks/results/sweep_processes.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--sweep-args", type=shlex.split, default=[], help="more keys of the sweep, in one string")
    arguments = parser.parse_args()
    here = machine()
    one: list[float] = []
    two: list[float] = []
    for pair in range(arguments.pairs):
        for processes, seconds in ((1, one), (2, two)) if pair % 2 == 0 else ((2, two), (1, one)):
            seconds.append(sweep(processes, arguments.trials, arguments.sweep_args))
        progress(f"pair {pair + 1}: one process {one[-1]:.0f} s, two {two[-1]:.0f} s")
        pairs = ratios(one, two)
        rows = [
            [f"pair {number}", f"{a:.0f}", f"{b:.0f}", f"{c:.2f}"]
            for number, (a, b, c) in enumerate(zip(one, two, pairs, strict=True), start=1)
        ]
        rows.append(["median (least to greatest)", spread(one, ".0f"), spread(two, ".0f"), spread(pairs, ".2f")])
        write_results(
            "sweep_processes",
            "A sweep by two processes",
            {"machine": here, "versions": versions("optuna", "tensorflow", "keras")},
            f"Seconds, start to exit, of {arguments.trials} trials; threads of a trial: the cores over the processes.",
            table(["", "one process, s", "two processes, s", "one over two"], rows),
        )


if __name__ == "__main__":
    main()
