"""Wall time of the whole ``train.py``, exports and tracking included, against ``before.py``, start to exit.

Alternating pairs, each run with a fresh folder and a fresh SQLite store.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile

from common import ROOT, machine, progress, ratios, run_child, spread, table, versions, write_results


def project(extra: list[str]) -> float:
    """Seconds of one ``train.py``."""
    with tempfile.TemporaryDirectory() as folder:
        places = [f"artifacts={folder}/artifacts", f"tracking_uri=sqlite:///{folder}/mlflow.db"]
        return run_child([sys.executable, ROOT / "train.py", "data=mnist", *places, *extra]).seconds


def before(extra: list[str]) -> float:
    """Seconds of one ``before.py``."""
    with tempfile.TemporaryDirectory() as folder:
        return run_child([sys.executable, ROOT / "benchmarks" / "before.py", "--out", folder, *extra]).seconds


def main() -> None:
    """Measure and write ``benchmarks/results/train_wall.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--train-args", type=shlex.split, default=[], help="more keys of train.py, in one string")
    parser.add_argument("--before-args", type=shlex.split, default=[], help="more options of before.py, in one string")
    arguments = parser.parse_args()
    here = machine()
    run_child([sys.executable, "-c", "import tensorflow, keras, mlflow, tf2onnx, onnxruntime"])
    ours: list[float] = []
    theirs: list[float] = []
    for pair in range(arguments.pairs):
        turns = [(project, arguments.train_args, ours), (before, arguments.before_args, theirs)]
        for run, extra, seconds in turns if pair % 2 else reversed(turns):
            seconds.append(run(extra))
        progress(f"pair {pair + 1}: before {theirs[-1]:.1f} s, train.py {ours[-1]:.1f} s")
    pairs = ratios(ours, theirs)
    rows = [
        [f"pair {number}", f"{a:.1f}", f"{b:.1f}", f"{c:.3f}"]
        for number, (a, b, c) in enumerate(zip(theirs, ours, pairs, strict=True), start=1)
    ]
    rows.append(["median (least to greatest)", spread(theirs, ".1f"), spread(ours, ".1f"), spread(pairs, ".3f")])
    write_results(
        "train_wall",
        "Wall time of the whole training",
        {"machine": here, "versions": versions("tensorflow", "keras", "mlflow", "tf2onnx", "onnxruntime")},
        "Seconds from start to exit; odd pairs begin with before.py, even ones with train.py.",
        table(["", "before.py, s", "train.py, s", "train.py over before.py"], rows),
    )


if __name__ == "__main__":
    main()
