"""The study's tables, its frontier and its contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.attack.results import Result, strongest, write_results
from mnist_etc.files import inside, temporary, write_bytes

__all__ = ["write_report"]

Pictures = Sequence[tuple[str, NDArray[np.float32]]]
ROW_INCHES = 0.45
MARKERS = "o^sDv<>PX*hp8d"
"""Of policies, in turn."""
MARGIN = 0.005
GLOSSARY = """\
MSE of a pixel on [0, 1], mean over {targets} targets with its 95 % confidence interval; accuracy, calibration error
and log loss of the answers about the whole split. Of label alone: over the MSE
of an attacker who sees the predicted class alone and answers with that class's mean image. Same class: how often an
independent network sees the original's class in the rebuilt image. Queries: about each target.
"""


def write_report(folder: Path, results: Sequence[Result], pictures: Pictures) -> None:
    """Write ``attacks.csv``, ``attacks.md``, ``frontier.png`` and ``sheet.png`` into ``folder``.

    Args:
        folder: made if need be.
        results: of every attack.
        pictures: captions and images ``(n, 28, 28)`` in [0, 1], a row of the sheet each.

    Raises:
        ArtifactError: a file cannot be written.
    """
    write_results(folder, results)
    write_bytes(inside(folder, "attacks.md"), _tables(results).encode())
    _frontier(inside(folder, "frontier.png"), strongest(results))
    _sheet(inside(folder, "sheet.png"), pictures)


def _tables(results: Sequence[Result]) -> str:
    several = len({row.model for row in results}) > 1
    best = [
        [
            *([row.model] if several else []),
            row.policy,
            f"{row.leakage_bits:.1f}",
            f"{100 * row.accuracy:.2f} %",
            f"{row.calibration_error:.4f}",
            f"{row.log_loss:.3f}",
            row.attack,
            _interval(row.mse, row.mse_half),
            _interval(row.of_floor, row.of_floor_half, 3),
            _interval(row.same_class, row.same_class_half, 3),
        ]
        for row in strongest(results)
    ]
    heads = ["policy", "bits an answer", "accuracy", "calibration error", "log loss", "strongest attack", "its MSE"]
    heads = [*(["model"] if several else []), *heads, "of label alone", "same class"]
    every = [
        [
            *([row.model] if several else []),
            row.policy or "-",
            row.attack,
            "yes" if row.knows_encoder else "no",
            f"{row.queries:,.0f}",
            _interval(row.mse, row.mse_half),
            _interval(row.of_floor, row.of_floor_half, 3),
            _interval(row.ssim, row.ssim_half, 3),
            _interval(row.cosine, row.cosine_half, 3),
            _interval(row.same_class, row.same_class_half, 3),
        ]
        for row in results
    ]
    attack_heads = [
        "policy",
        "attack",
        "knows encoder",
        "queries",
        "MSE",
        "of label alone",
        "SSIM",
        "cosine",
        "same class",
    ]
    attack_heads = [*(["model"] if several else []), *attack_heads]
    words = GLOSSARY.format(targets=" or ".join(f"{count:,}" for count in sorted({row.targets for row in results})))
    return f"{words}\n{_table(heads, best)}\n\n{_table(attack_heads, every)}\n"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _interval(mean: float, half: float, digits: int = 4) -> str:
    return "" if isnan(mean) else f"{mean:.{digits}f} ± {half:.{digits}f}"


def _frontier(path: Path, best: Sequence[Result]) -> None:
    """The strongest attacker's error against what an answer is still worth."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    models, policies = (list(dict.fromkeys(names)) for names in zip(*((r.model, r.policy) for r in best), strict=True))
    marks = {policy: MARKERS[place % len(MARKERS)] for place, policy in enumerate(policies)}
    colors = {model: f"C{place}" for place, model in enumerate(models)}
    figure = Figure(figsize=(13, 4.5), layout="constrained")
    right, sure = figure.subplots(1, 2)
    for row in best:
        style = {"fmt": marks[row.policy], "color": colors[row.model], "alpha": 0.8, "capsize": 2}
        right.errorbar(row.of_floor, row.accuracy, xerr=row.of_floor_half, **style)
        sure.errorbar(row.of_floor, row.calibration_error, xerr=row.of_floor_half, **style)
    accuracies = [row.accuracy for row in best]
    right.set_ylim(min(accuracies) - MARGIN, max(accuracies) + MARGIN)
    right.set_ylabel("accuracy")
    sure.set_ylabel("expected calibration error")
    for axes in (right, sure):
        axes.set_xlabel("strongest attacker's MSE over that from the label alone")
        axes.grid(alpha=0.3)
    figure.legend(
        handles=[
            *(Line2D([], [], color="0.3", marker=mark, linestyle="", label=policy) for policy, mark in marks.items()),
            *(Line2D([], [], color=color, linewidth=6, label=model) for model, color in colors.items()),
        ],
        loc="outside right center",
        fontsize=8,
    )
    with temporary(path) as unfinished:
        figure.savefig(unfinished, dpi=150)


def _sheet(path: Path, pictures: Pictures) -> None:
    """A row of images for each caption."""
    from matplotlib.figure import Figure

    count = len(pictures[0][1])
    figure = Figure(figsize=(3.6 + ROW_INCHES * count, ROW_INCHES * len(pictures)))
    left = 3.6 / figure.get_figwidth()
    for line, (caption, images) in enumerate(pictures):
        bottom = 1 - (line + 1) / len(pictures)
        figure.text(0.01, bottom + 0.5 / len(pictures), caption, va="center", fontsize=7)
        axes = figure.add_axes((left, bottom, 1 - left, 1 / len(pictures)))
        framed = np.pad(images, [(0, 0), (1, 1), (1, 1)], constant_values=0.4)
        axes.imshow(np.concatenate(list(framed), axis=1), cmap="gray", vmin=0, vmax=1, aspect="auto")
        axes.axis("off")
    with temporary(path) as unfinished:
        figure.savefig(unfinished, dpi=150)
