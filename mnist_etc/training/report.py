"""What a training leaves for readers: the figures, and a line that says where they lie."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.files import temporary, write_json
from mnist_etc.privacy.guarantee import Guarantee
from mnist_etc.processes import tell

__all__ = ["report_skipped", "write_figures"]


def write_figures(
    artifact: Artifact,
    figures: Mapping[str, float],
    history: Sequence[Mapping[str, float]],
    guarantee: Guarantee,
) -> None:
    """Write ``<stem>_metrics.json`` and ``<stem>_history.csv``, a row an epoch, and print what the model promises."""
    write_json(artifact.metrics, dict(figures))
    tell(figures=dict(figures))
    with temporary(artifact.history) as path, path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history[0]])
        writer.writerows([epoch, *metrics.values()] for epoch, metrics in enumerate(history, 1))
    print(f"{artifact.h5} and .onnx: {_listed(figures)}", flush=True)
    print(f"{artifact.stem}  privacy of the training images: {guarantee.words}", flush=True)


def report_skipped(artifact: Artifact, figures: dict[str, float]) -> dict[str, float]:
    """Say that the result is there already, and return its figures."""
    tell(figures=figures)
    print(f"{artifact.h5} is there already: {_listed(figures)} (train again: force=true)", flush=True)
    return figures


def _listed(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.5f}" for name, value in figures.items())
