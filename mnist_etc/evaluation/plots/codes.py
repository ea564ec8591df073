"""A map of codes: images that a model takes for alike lie together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import spread
from mnist_etc.evaluation.lettering import shown_names
from mnist_etc.evaluation.plots.canvas import GRAY, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MOST", "mapped", "plot_codes", "shown_of"]

MOST = 3000
"""Codes that are mapped."""
COMPONENTS = 50
"""Of wider codes, their principal ones alone are mapped."""
PERPLEXITY = 30.0
SEVERAL = 1000
"""Codes from which on several threads are worth their waiting for each other."""
NAMED = 20
"""Classes up to which each has a color of its own and a name beside it."""


def shown_of(count: int, asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices, sorted, of those that are mapped: at most `MOST`, of which the asked ones are up to a half.

    Args:
        count: how many codes there are.
        asked: indices, each once, of the images whose labels were asked for.
    """
    asked = np.sort(asked)
    others = np.setdiff1d(np.arange(count), asked)
    kept = asked[spread(len(asked), max(MOST // 2, MOST - len(others)))]
    return np.sort(np.concatenate([kept, others[spread(len(others), MOST - len(kept))]]))


def mapped(codes: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Places ``(n, 2)`` of codes ``(n, k)``, by scikit-learn's t-SNE from their two principal components.

    Source: van der Maaten and Hinton 2008, Journal of Machine Learning Research 9, 2579-2605. Only neighbors on the map
    mean something: neither sizes of groups nor distances between them do. The same seed gives the same map.

    Raises:
        ValueError: there are fewer than 5 codes.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if len(codes) < 5:
        raise ValueError(f"Expected 5 codes or more; received {len(codes):,}.")
    values = np.asarray(codes, np.float64)
    if values.shape[1] > COMPONENTS and len(values) > COMPONENTS:
        values = PCA(COMPONENTS, random_state=seed).fit_transform(values)
    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    start = "pca" if values.shape[1] > 1 else "random"
    with threadpool_limits(1 if len(values) < SEVERAL else None):
        places = TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(values)
    return np.asarray(places, np.float32)


def plot_codes(
    path: Path, codes: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str], *,
    asked: NDArray[np.int64], seed: int = 0,
) -> None:  # fmt: skip
    """Write the map of codes, each in the color of its class, with a ring around those that were asked for, as PNG.

    Args:
        path: where to.
        codes: ``(n, k)``, of which `shown_of` chooses.
        labels: ``(n,)``; -1 where nobody knows, which is gray.
        names: of the classes.
        asked: indices of the images whose labels were asked for.
        seed: of the map.

    Raises:
        ArtifactError: it cannot be written.
        ValueError: there are fewer than 5 codes.
    """
    shown = shown_of(len(codes), asked)
    places, ringed = mapped(codes[shown], seed), np.isin(shown, asked)
    with canvas(path, 7.6, 6.2) as figure:
        axes = figure.subplots()
        _draw(axes, places, labels[shown], names)
        if ringed.any():
            across, up = places[ringed].T
            axes.scatter(across, up, 30, facecolors="none", edgecolors="black", linewidths=0.9, label="asked", zorder=4)
        axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
        axes.spines[["left", "bottom"]].set_visible(False)
        title = f"t-SNE of {len(shown):,} of {len(codes):,} codes; {len(asked):,} asked"
        title += f", {ringed.sum():,} of them shown" if ringed.sum() < len(asked) else ""
        axes.set_title(title, fontsize=9, loc="left")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=1.6)


def _draw(axes: Axes, places: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str]) -> None:
    """The points, class by class; many classes share the colors of a circle, and are not named."""
    from matplotlib import colormaps

    words, there = shown_names(names), np.unique(labels)
    few = len(names) <= NAMED
    colors = colormaps["tab10" if len(names) <= 10 else "tab20" if few else "hsv"]
    for label in there.tolist():
        across, up = places[labels == label].T
        size = 4 + 60 / math.sqrt(len(places))
        if label < 0:
            axes.scatter(across, up, size, color=GRAY, alpha=0.35, linewidths=0, label="not known", zorder=1)
        else:
            color = colors(label) if few else colors(label / len(names))
            axes.scatter(across, up, size, color=color, linewidths=0, label=words[label] if few else None, zorder=2)
