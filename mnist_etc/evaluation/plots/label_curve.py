"""What labels are worth: accuracy over how many were paid for, a line a strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mnist_etc.evaluation.plots.canvas import BLUE, GRAY, RED, canvas

__all__ = ["Curves", "plot_label_curve"]

Curves = Mapping[str, Mapping[int, Sequence[float]]]
"""By the name of a strategy, and by how many labels were paid for, the accuracy, a fraction of 1, under each seed."""
COLORS = (BLUE, RED, "#2e8b57", "#8e44ad", "#d68910", "#148f9f", "#a04000", "#5d6d7e")
MARKS = "os^Dv<>P"
BASELINE = "random"
"""The strategy that the others are held against."""
TICKS = 12
"""Counts of labels that are written below the axes, at most."""


def plot_label_curve(path: Path, curves: Curves, *, goal: float | None = None, measured: str = "test accuracy") -> None:
    """Write the median over the seeds of each strategy, in a band from its worst seed to its best, as PNG.

    Args:
        path: where to.
        curves: with one accuracy or more for every count of labels; counts from 1 up.
        goal: an accuracy that is marked.
        measured: what the accuracy is of.

    Raises:
        ArtifactError: it cannot be written.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

    counts = sorted({labels for curve in curves.values() for labels in curve})
    seeds = {len(values) for curve in curves.values() for values in curve.values()}
    with canvas(path, 7.0, 4.4) as figure:
        axes = figure.subplots()
        for place, (strategy, curve) in enumerate(curves.items()):
            labels = sorted(curve)
            values = [np.asarray(curve[count], np.float64) for count in labels]
            plain = strategy == BASELINE
            color = GRAY if plain else COLORS[place % len(COLORS)]
            worst, middle, best = ([measure(one) for one in values] for measure in (np.min, np.median, np.max))
            axes.fill_between(labels, worst, best, color=color, alpha=0.15, linewidth=0)
            axes.vlines(labels, worst, best, color=color, linewidth=1)
            axes.plot(
                labels, middle, linestyle="--" if plain else "-", color=color, label=strategy,
                marker=MARKS[place % len(MARKS)], markersize=4,
            )  # fmt: skip
        if goal is not None:
            axes.axhline(goal, color="black", linewidth=0.8, linestyle=":", label=f"{goal:.4g}")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_ticks(counts)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        axes.set_xlabel("labels paid for")
        axes.set_ylabel(measured)
        axes.set_title(_title(seeds), fontsize=9, loc="left")
        axes.grid(alpha=0.3)
        axes.legend(loc="best")


def _ticks(counts: Sequence[int]) -> list[int]:
    """Some of the counts, far enough from each other for their numbers to stand side by side on a logarithmic axis."""
    if len(counts) < 2:
        return list(counts)
    apart = (np.log(counts[-1]) - np.log(counts[0])) / TICKS
    ticks = [counts[-1]]
    for count in reversed(counts[:-1]):
        if np.log(ticks[-1]) - np.log(count) >= apart:
            ticks.append(count)
    return ticks[::-1]


def _title(seeds: set[int]) -> str:
    if seeds == {1}:
        return "one seed"
    several = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    return f"median of {several} seeds, from the worst to the best"
