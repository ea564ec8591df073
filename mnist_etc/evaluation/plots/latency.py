"""How long one answer takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mnist_etc.evaluation.plots.canvas import BLUE, RED, canvas

__all__ = ["plot_latency"]

PERCENTILES = (50, 90, 99)
SHOWN = 99.5
"""Percentile up to which the histogram goes; what is slower is counted in its title."""


def plot_latency(path: Path, milliseconds: Sequence[float]) -> None:
    """Write the histogram of how long single answers took, at least one, with its percentiles, as PNG."""
    times = np.asarray(milliseconds, np.float64)
    marks = np.percentile(times, PERCENTILES)
    most = max(float(np.percentile(times, SHOWN)), float(marks[-1]))
    shown = times[times <= most]
    slower = len(times) - len(shown)
    with canvas(path, 6.4, 3.2) as figure:
        axes = figure.subplots()
        axes.hist(shown, bins=min(60, max(5, len(shown) // 5)), color=BLUE, alpha=0.7)
        for percentile, value in zip(PERCENTILES, marks, strict=True):
            dash = {50: ":", 90: "--", 99: "-"}[percentile]
            axes.axvline(value, color=RED, linestyle=dash, linewidth=1.2, label=f"p{percentile} {value:.3g} ms")
        axes.set_xlabel("ms for one image")
        axes.set_ylabel("answers")
        title = f"{len(times):,} answers, fastest {times.min():.3g} ms, slowest {times.max():.3g} ms"
        axes.set_title(title + (f"; {slower:,} slower than what is drawn" if slower else ""), fontsize=9, loc="left")
        axes.legend()
