"""What a training leaves for readers, all of it from finished files and measured answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mnist_etc.evaluation.card import write_card
from mnist_etc.evaluation.confusion_picture import write_confusion
from mnist_etc.evaluation.facts import Facts, Verdict
from mnist_etc.evaluation.figures import Figures
from mnist_etc.evaluation.model_info import model_info
from mnist_etc.files import inside, write_json

__all__ = ["PLOTS", "Places", "write_report"]

PLOTS = ("confusion", "classes", "history", "calibration", "latency", "mistakes")
"""Names of the pictures, without the suffix."""
History = Sequence[Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Places:
    """The files of a finished full model, and where the report on it goes."""

    h5: Path
    onnx: Path
    info: Path
    """``model_info.json``."""
    metrics: Path
    """``metrics.json``."""
    card: Path
    plots: Path
    """A folder."""


def write_report(
    places: Places,
    figures: Figures,
    *,
    model: str,
    manifest: Mapping[str, Any],
    history: History,
    verdicts: Sequence[Verdict],
    command: str,
    images: Mapping[str, int],
    skip_visualizations: bool = False,
) -> None:
    """Write the figures, what the model is made of, the plots, and last the card, each in one step.

    Args:
        places: what is read and written.
        figures: answers to the test images.
        model: what it is called; row of `mnist_etc.models.zoo.ZOO`.
        manifest: of the full model.
        history: of each epoch what was measured.
        verdicts: of the release gates; empty: none was judged.
        command: that trains it, quoted for a shell.
        images: how many there are in ``training``, ``validation`` and ``test``.
        skip_visualizations: no plots; those of an earlier model are removed.

    Raises:
        ArtifactError: something cannot be written; what was there before under its name stays.
    """
    write_json(places.metrics, {**figures.to_json(), "trained": dict(manifest["metrics"]), "history": list(history)})
    info = model_info(places.h5, places.onnx, model=model, manifest=manifest)
    write_json(places.info, info)
    drawn = _plot(places.plots, figures, history, skip=skip_visualizations)
    card = Facts(
        model=model,
        manifest=manifest,
        info=info,
        figures=figures,
        verdicts=verdicts,
        command=command,
        images=images,
        pictures=[f"../{places.plots.name}/{name}.png" for name in drawn],
    )
    write_card(places.card, card)


def _plot(folder: Path, figures: Figures, history: History, *, skip: bool) -> list[str]:
    """Write the plots there is something for, remove the others, and name those that were written."""
    plots = {} if skip else _plots(figures, history)
    for name in PLOTS:
        path = inside(folder, f"{name}.png")
        if name in plots:
            plots[name](path)
        else:
            path.unlink(missing_ok=True)
    return [name for name in PLOTS if name in plots]


def _plots(figures: Figures, history: History) -> dict[str, Callable[[Path], object]]:
    """What draws each."""
    from mnist_etc.evaluation.plots.calibration import plot_calibration
    from mnist_etc.evaluation.plots.classes import plot_classes
    from mnist_etc.evaluation.plots.history import plot_history, plotted
    from mnist_etc.evaluation.plots.latency import plot_latency
    from mnist_etc.evaluation.plots.mistakes import plot_mistakes

    plots: dict[str, Callable[[Path], object]] = {
        "confusion": partial(write_confusion, matrix=figures.matrix, key="artifacts"),
        "classes": partial(plot_classes, matrix=figures.matrix),
        "calibration": partial(plot_calibration, reliability=figures.reliability),
        "mistakes": partial(
            plot_mistakes,
            images=figures.images,
            labels=figures.labels,
            probabilities=figures.probabilities,
            names=figures.names,
        ),
    }
    if plotted(history):
        plots["history"] = partial(plot_history, history=history)
    if len(figures.latency):
        plots["latency"] = partial(plot_latency, milliseconds=figures.latency)
    return plots
