"""Pictures for few labels: which codes are mapped, that neighbors stay neighbors, and what the curves and bars show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from evaluation.drawn import AWKWARD
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from mnist_etc.evaluation.plots.class_counts import class_counts_table, plot_class_counts
from mnist_etc.evaluation.plots.codes import MOST, mapped, plot_codes, shown_of
from mnist_etc.evaluation.plots.label_curve import plot_label_curve

NAMES = AWKWARD
GENERATOR = np.random.default_rng(0)
LABELS = np.arange(80) % 4
CODES = (8 * np.eye(6, dtype=np.float32)[LABELS] + GENERATOR.normal(size=(80, 6))).astype(np.float32)
CURVES = {
    "random": {100: [0.70, 0.69, 0.71], 1000: [0.8]},
    "$margin$_x": {100: [0.72, 0.7, 0.9], 300: [0.8], 1000: [0.85]},
}
SETS = {"random $x$": np.arange(10), "m|a": np.arange(10)[::-1] * 100}
PLOTS: dict[str, Callable[[Path], None]] = {
    "codes": lambda path: plot_codes(path, CODES, np.where(LABELS == 3, -1, LABELS), NAMES, asked=np.arange(9)),
    "curve": lambda path: plot_label_curve(path, CURVES, goal=0.9),
    "counts": lambda path: plot_class_counts(path, SETS, NAMES),
}


@pytest.mark.parametrize("plot", PLOTS)
def test_the_same_figures_give_the_same_bytes_and_nothing_is_cut(tmp_path: Path, plot: str) -> None:
    for name in "12":
        PLOTS[plot](tmp_path / f"{name}.png")
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    with Image.open(tmp_path / "1.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert all((line > 250).all() for line in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


def test_all_codes_are_shown_or_three_thousand_with_the_asked_ones_among_them() -> None:
    few = np.array([7, 2])
    assert shown_of(50, few).tolist() == list(range(50))
    for count, asked in ((60_000, 100), (60_000, 7_500), (3_001, 2_999), (60_000, 59_990), (4_000, 0)):
        chosen = GENERATOR.permutation(count)[:asked]
        shown = shown_of(count, chosen)
        assert len(shown) == len(np.unique(shown)) == MOST
        assert 0 <= shown.min() <= shown.max() < count
        paid = np.isin(shown, chosen).sum()
        assert paid == min(asked, max(MOST // 2, MOST - (count - asked)))
        assert shown.max() - shown.min() > 0.95 * count, "from all over the set"


def test_neighbors_stay_neighbors_whatever_the_width() -> None:
    places = mapped(CODES, 0)
    assert places.shape == (80, 2)
    distances = np.square(places[:, None] - places[None]).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    assert np.mean(LABELS[distances.argmin(axis=1)] == LABELS) > 0.95
    assert mapped(GENERATOR.normal(size=(60, 70)).astype(np.float32), 0).shape == (60, 2)
    assert mapped(CODES[:5, :1], 0).shape == (5, 2)
    with pytest.raises(ValueError, match="5 codes or more; received 4"):
        mapped(CODES[:4], 0)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are written."""
    figures: list[Figure] = []
    save = Figure.savefig

    def kept(self: Figure, *words: object, **settings: object) -> None:
        figures.append(self)
        save(self, *words, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(Figure, "savefig", kept)
    return figures


def test_asked_codes_are_ringed_and_unknown_ones_are_a_class_of_their_own(tmp_path: Path, drawn: list[Figure]) -> None:
    PLOTS["codes"](tmp_path / "codes.png")
    (axes,) = drawn[0].axes
    points = {str(part.get_label()): len(np.asarray(part.get_offsets())) for part in axes.collections}
    assert points.pop("asked") == 9
    assert points.pop("not known") == 20
    assert sorted(points.values()) == [20, 20, 20]
    assert "80 of 80 codes; 9 asked" in axes.get_title(loc="left")


def test_a_line_is_the_median_in_a_band_from_the_worst_seed_to_the_best(tmp_path: Path, drawn: list[Figure]) -> None:
    PLOTS["curve"](tmp_path / "curve.png")
    (axes,) = drawn[0].axes
    lines = {str(line.get_label()): line for line in axes.lines}
    assert lines.keys() == {*CURVES, "0.9"}
    assert np.asarray(lines["$margin$_x"].get_xydata()).tolist() == [[100, 0.72], [300, 0.8], [1000, 0.85]]
    assert lines["random"].get_linestyle() == "--"
    lows, highs = [], []
    for bars in axes.collections[1::2]:  # a band and bars of each
        ends = np.array([path.vertices[:, 1] for path in bars.get_paths()])
        lows.append(ends.min(axis=1).tolist())
        highs.append(ends.max(axis=1).tolist())
    assert (lows, highs) == ([[0.69, 0.8], [0.7, 0.8, 0.85]], [[0.71, 0.8], [0.9, 0.8, 0.85]])
    assert "median of 1 to 3 seeds" in axes.get_title(loc="left")


@pytest.mark.parametrize("classes", [2, 51])
def test_bars_are_the_counts_of_the_classes_that_are_named(tmp_path: Path, drawn: list[Figure], classes: int) -> None:
    names = [f"c{number}" for number in range(classes)]
    counts: NDArray[np.int64] = GENERATOR.integers(0, 1000, classes)
    plot_class_counts(tmp_path / "counts.png", {f"set {number}": counts + number for number in range(7)}, names)
    axes = drawn[0].axes
    assert len(axes) == 7
    named = [int(text.get_text()[1:]) for text in axes[0].get_yticklabels()]
    assert len(named) == min(classes, 50)
    assert {int(counts.argmax()), int(counts.argmin())} <= set(named) or len(set(counts)) < classes
    for number, one in enumerate(axes):
        assert [bar.get_width() for bar in one.patches] == (counts[named] + number).tolist()  # type: ignore[attr-defined]
        assert one.get_title(loc="left") == f"set {number}: {(counts + number).sum():,}"


def test_the_table_has_each_class_and_the_sums() -> None:
    lines = class_counts_table(SETS, NAMES).splitlines()
    assert len(lines) == 2 + len(NAMES) + 1
    assert lines[0] == "| class | random \\$x\\$ | m\\|a |"
    assert lines[4].endswith(" 2 | 700 |")
    assert lines[-1] == "| all | 45 | 4,500 |"
