"""Plots of any number of classes, under any names: whole, the same bytes each time, and true to the figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from evaluation.drawn import AWKWARD, figures
from PIL import Image

from mnist_etc.evaluation.confusion import ConfusionMatrix
from mnist_etc.evaluation.figures import Figures
from mnist_etc.evaluation.plots.calibration import plot_calibration
from mnist_etc.evaluation.plots.classes import plot_classes
from mnist_etc.evaluation.plots.history import plot_history, plotted
from mnist_etc.evaluation.plots.latency import plot_latency
from mnist_etc.evaluation.plots.mistakes import plot_mistakes
from mnist_etc.evaluation.reliability import Reliability

HISTORY = [{"loss": 1 / epoch, "validation_accuracy": 1 - 0.5 / epoch} for epoch in (1, 2, 3)]


def mistakes(path: Path, told: Figures) -> None:
    plot_mistakes(path, told.images, told.labels, told.probabilities, told.names)


PLOTS: dict[str, Callable[[Path, Figures], None]] = {
    "classes": lambda path, told: plot_classes(path, told.matrix),
    "calibration": lambda path, told: plot_calibration(path, told.reliability),
    "latency": lambda path, told: plot_latency(path, told.latency),
    "history": lambda path, _: plot_history(path, HISTORY),
    "mistakes": mistakes,
}


@pytest.mark.parametrize("plot", PLOTS)
def test_the_same_figures_give_the_same_bytes_whatever_matplotlib_is_told(tmp_path: Path, plot: str) -> None:
    """Names that the font lacks, or that would be read as formulas, are no warning, which a test here fails on."""
    import matplotlib as mpl

    PLOTS[plot](tmp_path / "1.png", figures())
    with mpl.rc_context({"font.size": 30, "figure.dpi": 7, "savefig.facecolor": "red", "axes.grid": True}):
        PLOTS[plot](tmp_path / "2.png", figures())
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    with Image.open(tmp_path / "1.png") as picture:
        assert picture.info["Software"] == "mnist_etc"
        pixels = np.asarray(picture.convert("L"))
    edge = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    assert all((line > 250).all() for line in edge), "nothing is cut at an edge"


@pytest.mark.parametrize("classes", [2, 60, 120])
def test_every_class_has_a_line_of_its_own(tmp_path: Path, classes: int) -> None:
    names = [f"class number {number} of a set of {classes}" for number in range(classes)]
    plot_classes(tmp_path / "c.png", figures(names, 2000).matrix)
    with Image.open(tmp_path / "c.png") as picture:
        width, height = picture.size
        dark = np.asarray(picture.convert("L")) < 128
    columns = -(-classes // 50)
    rows = -(-classes // columns)
    assert height == pytest.approx(90 + 19 * rows, abs=2)
    left = dark[55 : 55 + 19 * rows, : width // columns // 2]
    written = np.add.reduceat(left.any(axis=1), np.arange(0, 19 * rows, 19))
    assert (written >= 5).all(), "the first column of names has a name in each line"


def test_a_class_below_the_accuracy_of_all_is_red(tmp_path: Path) -> None:
    red = []
    for right in (90, 60):
        matrix = ConfusionMatrix("0123456789")
        for label in range(10):
            hits = right if label == 4 else 90
            matrix.add(np.full(100, label), np.where(np.arange(100) < hits, label, (label + 1) % 10))
        plot_classes(tmp_path / "c.png", matrix)
        red.append(_reddish(tmp_path / "c.png"))
    assert red[0] == 0
    assert red[1] > 50


def _reddish(path: Path) -> int:
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    return int(((pixels[..., 0] - pixels[..., 2]) > 80).sum())


def test_the_surest_mistakes_come_first_and_no_more_than_forty(tmp_path: Path) -> None:
    images = np.stack([np.full((8, 8), 2 * number, np.uint8) for number in range(100)])
    labels, said = np.zeros(100, np.int64), np.linspace(0.51, 0.99, 100, dtype=np.float32)
    probabilities = np.stack([1 - said, said], axis=1)
    probabilities[::2] = probabilities[::2, ::-1]  # every other image is answered right
    plot_mistakes(tmp_path / "m.png", images, labels, probabilities, ["zero", "one"])
    with Image.open(tmp_path / "m.png") as picture:
        pixels = np.asarray(picture)
    rows, columns = (np.arange(count) * step for count, step in ((5, 96 + 48 + 16), (8, 96 + 8)))
    shown = pixels[36 + 20 + rows][:, 8 + 20 + columns].ravel()
    assert shown.tolist() == [2 * number for number in range(99, 19, -2)]


def test_a_model_without_mistakes_and_one_image_are_drawn_too(tmp_path: Path) -> None:
    one = Figures(
        names=["a", "b"],
        labels=np.array([1]),
        logits=np.array([[0, 9]], np.float32),
        images=np.zeros((1, 8, 8), np.uint8),
        latency=[1.0],
    )
    for name, plot in PLOTS.items():
        plot(tmp_path / f"{name}.png", one)
    assert len(list(tmp_path.iterdir())) == len(PLOTS)


def test_a_private_history_has_no_loss_to_draw() -> None:
    assert plotted([{"validation_accuracy": 0.5, "epsilon": 1.0}]) == {"accuracy": ["validation_accuracy"]}
    assert plotted([{"images_per_second": 1.0}]) == plotted([]) == {}


def test_calibration_is_that_of_the_definition() -> None:
    told = figures(AWKWARD)
    found = Reliability.of(told.probabilities, told.labels)
    sure, right = told.probabilities.max(axis=1), told.probabilities.argmax(axis=1) == told.labels
    error = 0.0
    for low in range(15):
        inside = (sure >= low / 15) & (sure < (low + 1) / 15)
        assert found.images[low] == inside.sum()
        if inside.any():
            assert found.accuracy[low] == pytest.approx(right[inside].mean())
            assert found.confidence[low] == pytest.approx(sure[inside].mean())
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    assert found.error == pytest.approx(error, abs=1e-6)
