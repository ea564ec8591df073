"""The answers of late beside those about the validation images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.evaluation.plots.canvas import BLUE, GRAY, RED, canvas

__all__ = ["plot_drift"]

WIDTH = 0.4
"""Of a bar, where two bins are 1 apart."""
NAMED = 40
"""Bins that are named, at most."""
Row = tuple[Sequence[str], NDArray[np.int64], NDArray[np.int64]]


def plot_drift(path: Path, rows: Mapping[str, Row], verdicts: Mapping[str, str]) -> None:
    """Write bars of the shares of both as PNG, a panel for each thing that is counted; red is what drifted.

    Args:
        path: Of the PNG.
        rows: By what is counted: the names of its bins, the counts of late, those of the validation images.
        verdicts: On each, as `mnist_etc.evaluation.drift.Comparison` says them.

    Raises:
        ArtifactError: It cannot be written.
    """
    with canvas(path, 8, 2.6 * len(rows), key="plot") as figure:
        panels = figure.subplots(len(rows), squeeze=False)[:, 0]
        for axes, (of, (words, now, before)) in zip(panels, rows.items(), strict=True):
            places = np.arange(len(words))
            color = RED if verdicts[of] == "drift" else BLUE
            axes.bar(places - WIDTH / 2, now / max(1, now.sum()), WIDTH, color=color, label="answers of late")
            axes.bar(places + WIDTH / 2, before / max(1, before.sum()), WIDTH, color=GRAY, label="validation images")
            axes.set_title(f"{of}: {verdicts[of]}", loc="left")
            axes.set_ylabel("share")
            shown = places[:: -(-len(words) // NAMED)]
            long = max(map(len, words)) > 6 and len(words) > 4
            turned = {"rotation": 30, "ha": "right"} if long else {}
            axes.set_xticks(shown, [words[place] for place in shown], **turned)
            axes.legend()
