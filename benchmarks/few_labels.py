"""Labels against accuracy: ``python -m train_.few_labels`` at several budgets and seeds, a run a row.

Runs are kept in a folder, so that a benchmark that was stopped goes on, in the middle of a training too. The table and
its picture hold all that are there, and are written anew after each run. Of ``--strategies`` the first is told in full,
the others beside it.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
from dataclasses import dataclass
from pathlib import Path

from common import RESULTS, ROOT, machine, progress, run_child, table, versions, write_results

BUDGETS = [1000, 100, 500, 2000, 200, 7500]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one training came to."""

    budget: int
    strategy: str
    seed: int
    accuracy: float
    macro_f1: float
    counts: str
    minutes: float | None
    """None: nobody measured them."""


def run(folder: Path, words: list[str], budget: int, strategy: str, seed: int) -> Run:
    """Train, unless it is done; the figures of its last round."""
    place = folder / f"{strategy}_{budget}_{seed}"
    if not list(place.rglob("full_model_metrics.json")):
        progress(f"{strategy}, {budget:,} labels, seed {seed}")
        own = [f"labels.budget={budget}", f"labels.strategy={strategy}", f"seed={seed}", f"artifacts={place.resolve()}"]
        command = [".venv/bin/python", "-m", "train_.few_labels", *words, *own, "tracking_uri=null"]
        child = run_child([*command, "skip_visualizations=true"])
        (place / "seconds").write_text(f"{child.seconds}")
    with next(place.rglob("rounds.csv")).open(newline="") as file:
        *_, last = csv.DictReader(file)
    kept = place / "seconds"
    names = [name for name in last if name not in ("labels", "by", "accuracy", "macro_f1")]
    return Run(
        budget=budget,
        strategy=strategy,
        seed=seed,
        accuracy=float(last["accuracy"]),
        macro_f1=float(last["macro_f1"]),
        counts=" ".join(last[name] for name in names),
        minutes=float(kept.read_text()) / 60 if kept.exists() else None,
    )


def write(runs: list[Run], about: dict[str, str], words: list[str]) -> None:
    """The page, and the curve with its band from the worst seed to the best."""
    from mnist_etc.evaluation.plots.label_curve import plot_label_curve

    groups: dict[tuple[str, int], list[Run]] = {}
    for one in sorted(runs, key=lambda one: (one.strategy, one.budget, one.seed)):
        groups.setdefault((one.strategy, one.budget), []).append(one)
    rows = []
    curves: dict[str, dict[int, list[float]]] = {}
    for (strategy, budget), several in groups.items():
        accuracies = [100 * one.accuracy for one in several]
        minutes = [one.minutes for one in several if one.minutes is not None]
        curves.setdefault(strategy, {})[budget] = [one.accuracy for one in several]
        rows.append(
            [
                f"{budget:,}",
                strategy,
                f"{statistics.median(accuracies):.2f}",
                f"{min(accuracies):.2f}",
                f"{len(several)}",
                f"{statistics.median(one.macro_f1 for one in several):.4f}",
                f"{statistics.median(minutes):.0f}" if minutes else "",
            ]
        )
    header = ["labels", "strategy", "median accuracy, %", "worst, %", "seeds", "macro F1", "minutes"]
    each = ["labels", "strategy", "seed", "accuracy, %", "labels of each class"]
    write_results(
        "few_labels",
        "Few labels",
        {**about, "keys": f"`{' '.join(words)}`"},
        "Accuracy on the 10,000 test images, which decide nothing. Every label that a run looked at is counted.",
        table(header, rows),
        "Each run:",
        table(each, [[f"{o.budget:,}", o.strategy, str(o.seed), f"{100 * o.accuracy:.2f}", o.counts] for o in runs]),
    )
    plot_label_curve(RESULTS / "few_labels.png", curves, goal=0.9)


def main() -> None:
    """Run what is missing, and write ``benchmarks/results/few_labels.md`` after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("artifacts/few_labels"), help="folder of the trainings")
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--strategies", nargs="+", default=["cluster_margin"])
    parser.add_argument("--keys", nargs="+", default=["data=fashion_mnist"], help="of the training")
    asked = parser.parse_args()
    os.chdir(ROOT)
    about = {"machine": machine(), "versions": versions("tensorflow", "keras", "scikit-learn", "numpy")}
    finished = {path.relative_to(asked.runs).parts[0] for path in asked.runs.rglob("full_model_metrics.json")}
    kept = [(int(budget), name, int(seed)) for name, budget, seed in (one.rsplit("_", 2) for one in finished)]
    runs = {one: run(asked.runs, asked.keys, *one) for one in kept}
    asked_for = ((budget, name, seed) for seed in asked.seeds for budget in asked.budgets for name in asked.strategies)
    wanted = [one for one in asked_for if one not in runs]
    while True:
        if runs:
            write([runs[one] for one in sorted(runs)], about, asked.keys)
        if not wanted:
            return
        one = wanted.pop(0)
        runs[one] = run(asked.runs, asked.keys, *one)


if __name__ == "__main__":
    main()
