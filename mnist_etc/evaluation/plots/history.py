"""What was measured after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mnist_etc.evaluation.plots.canvas import canvas

__all__ = ["plot_history"]

PANELS = {"accuracy": ("accuracy",), "loss": ("loss", "mse")}
"""What is drawn on axes of its own, and the ends of the names of metrics that belong there."""
SIZE = (4.4, 3.2)


def plot_history(path: Path, history: Sequence[Mapping[str, float]]) -> bool:
    """Write accuracy and loss over the epochs, from 1, as PNG.

    Args:
        path: where to.
        history: of each epoch the metrics by name; a private training measures no loss.

    Returns:
        Whether there was anything to draw.
    """
    names = list(dict.fromkeys(name for metrics in history for name in metrics))
    panels = {title: [name for name in names if name.endswith(ends)] for title, ends in PANELS.items()}
    panels = {title: found for title, found in panels.items() if found}
    if not panels:
        return False
    from matplotlib.ticker import MaxNLocator

    with canvas(path, SIZE[0] * len(panels), SIZE[1]) as figure:
        for axes, (title, found) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
            for name in found:
                epochs = [epoch for epoch, metrics in enumerate(history, 1) if name in metrics]
                axes.plot(epochs, [history[epoch - 1][name] for epoch in epochs], marker=".", label=name)
            axes.set_title(title)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.3)
            axes.legend()
    return True
