"""Whether a model is as often right as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mnist_etc.evaluation.plots.canvas import BLUE, GRAY, canvas
from mnist_etc.evaluation.reliability import BINS, Reliability

__all__ = ["plot_calibration"]


def plot_calibration(path: Path, reliability: Reliability) -> None:
    """Write the reliability diagram, with how many images each bin has below it, as PNG."""
    from matplotlib.ticker import FuncFormatter

    middles = (np.arange(BINS) + 0.5) / BINS
    filled = reliability.images > 0
    with canvas(path, 4.6, 5.2) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color=GRAY, linewidth=1, linestyle="--", label="as sure as right")
        upper.bar(middles[filled], reliability.accuracy[filled], 0.9 / BINS, color=BLUE, alpha=0.35)
        upper.plot(reliability.confidence[filled], reliability.accuracy[filled], "o-", color=BLUE, label="model")
        upper.set_ylabel("fraction that is right")
        upper.set_ylim(0, 1.03)
        upper.set_xlim(0, 1.02)
        upper.set_title(f"expected calibration error {reliability.error:.4f}", fontsize=9, loc="left")
        upper.legend(loc="lower right")
        upper.grid(alpha=0.3)
        lower.bar(middles[filled], reliability.images[filled], 0.9 / BINS, color=BLUE)
        lower.set_yscale("log")
        lower.set_ylim(bottom=0.5)
        lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        lower.set_ylabel("images")
        lower.set_xlabel("probability of the predicted class")
