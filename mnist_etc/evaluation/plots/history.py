"""What was measured after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mnist_etc.evaluation.plots.canvas import canvas

__all__ = ["plot_history", "plotted"]

PANELS = {"accuracy": ("accuracy",), "loss": ("loss", "mse")}
"""What is drawn on axes of its own, and the ends of the names of metrics that belong there."""
SIZE = (4.4, 3.2)


def plotted(history: Sequence[Mapping[str, float]]) -> dict[str, list[str]]:
    """The names of the metrics of each panel, panels without any left out: a private training measures no loss."""
    names = list(dict.fromkeys(name for metrics in history for name in metrics))
    panels = {title: [name for name in names if name.endswith(ends)] for title, ends in PANELS.items()}
    return {title: found for title, found in panels.items() if found}


def plot_history(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write accuracy and loss over the epochs, from 1, as PNG.

    Args:
        path: where to.
        history: of each epoch the metrics by name, with something of `plotted` among them.

    Raises:
        ArtifactError: it cannot be written.
    """
    from matplotlib.ticker import MaxNLocator

    panels = plotted(history)
    with canvas(path, SIZE[0] * len(panels), SIZE[1]) as figure:
        for axes, (title, found) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
            for name in found:
                epochs = [epoch for epoch, metrics in enumerate(history, 1) if name in metrics]
                axes.plot(epochs, [history[epoch - 1][name] for epoch in epochs], marker="o", markersize=3, label=name)
            axes.set_title(title)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.grid(alpha=0.3)
            axes.legend()
