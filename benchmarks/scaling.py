"""How time and peak memory grow with the work: images, width of the code, classes, answers, connections.

Each point is a command of its own, start to exit, at everything else's default or, where that would take hours, at the
size its command shows. Fitted is ``a + b * n^p`` seconds, by the logarithm; ``p`` is the exponent of the growth beyond
what every command costs. One plot a row, beside the table.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import statistics
import struct
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import RESULTS, ROOT, machine, progress, run_child, table, versions, write_results

PYTHON = sys.executable
GROWN = 1.5
"""Times the least seconds, below which it is noise."""
QUICK = ["autoencoder.epochs=1", "classifier.epochs=1", "tracking_uri=null"]
ATTACK = ["attack.epochs=1", "attack.units=64", "attack.blocks=1", "attack.networks=1", "attack.components=8"]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One measurement."""

    size: int
    seconds: float
    peak_mib: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """What grows."""

    name: str
    unit: str
    sizes: Sequence[int]
    measure: Callable[[int, Path], Point]
    shown: str
    """The command, for the table."""


def write_idx(folder: Path, split: str, count: int, classes: int = 10) -> Path:
    """So many of MNIST's test images, again from the first one where they run out, and labels of so many classes."""
    source = Path(os.environ["MNIST_ETC_DATA"]) / "mnist"
    images = gzip.decompress((source / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((source / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{split}-images-idx3-ubyte"
    with path.open("wb") as file:
        file.write(struct.pack(">4I", 0x803, count, 28, 28))
        for first in range(0, count, 10_000):
            file.write(images[: 784 * min(10_000, count - first)])
    chosen = (
        bytes(labels[at % 10_000] for at in range(count))
        if classes == 10
        else bytes(at % classes for at in range(count))
    )
    (folder / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + chosen)
    return path


def command(size: int, *words: str | Path) -> Point:
    """Of one command."""
    child = run_child([PYTHON, *words])
    return Point(size=size, seconds=child.seconds, peak_mib=child.peak_mib)


def own_data(folder: Path, count: int, classes: int = 10, validation: int = 200) -> list[str]:
    """The keys of a dataset of so many training images."""
    place = folder / "data" / "mine"
    write_idx(place, "train", count + validation, classes)
    write_idx(place, "t10k", 1000, classes)
    return ["data=mnist", "data.name=mine", f"data.root={folder}/data", f"data.validation={validation}"]


def infer(count: int, folder: Path) -> Point:
    """Images to a CSV."""
    source = write_idx(folder, "t10k", count)
    return command(count, ROOT / "infer.py", "model=pretrained", f"input={source}", f"output={folder}/answers.csv")


def train(count: int, folder: Path) -> Point:
    """Images through one epoch of either model."""
    words = [*own_data(folder, count), f"artifacts={folder}/artifacts", *QUICK]
    return command(count, ROOT / "train.py", *words)


def export(count: int, folder: Path) -> Point:
    """Training images behind the model that is published, the training itself not counted."""
    words = [*own_data(folder, count, validation=400), f"artifacts={folder}/artifacts"]
    run_child([PYTHON, ROOT / "train.py", *words, *QUICK])
    used = [*words, *QUICK[:2], f"repository={folder}/models"]
    return command(count, "-m", "mnist_etc.export", *used)


def hid_dim(width: int, folder: Path) -> Point:
    """Numbers in the code, through one epoch."""
    words = [*own_data(folder, 2000), f"artifacts={folder}/artifacts", f"autoencoder.hid_dim={width}", *QUICK]
    words.append("autoencoder.learning_rate=0.001")  # that of 32 numbers is too high for 1,024
    return command(width, ROOT / "train.py", *words)


def classes(count: int, folder: Path) -> Point:
    """Classes of 4,000 images, through one epoch."""
    words = [*own_data(folder, 4000, count, 1000), f"artifacts={folder}/artifacts", *QUICK]
    return command(count, ROOT / "train.py", *words)


def answers(count: int, folder: Path) -> Point:
    """Answers about each image, in a small study."""
    words = ["data=digits", f"artifacts={folder}/artifacts"]
    run_child([PYTHON, ROOT / "train.py", *words, *QUICK])
    study = [*ATTACK, "targets=50", "attacks=[mean_by_answer,inverse_network]", "policies=[levels:2]"]
    used = [*words, *QUICK[:2], *study, f"attack.answers=[{count}]"]
    return command(count, ROOT / "noprotect_reconstruction.py", *used)


def concurrency(connections: int, folder: Path) -> Point:
    """Connections to the service, each with one image at a time: seconds a request, median, of 4 s."""
    from service import images, load, ours, peak, png, write_requests

    write_requests(folder / "png", "/v1/classify", "image/png", [png(image) for image in images()])
    with ours(Path(PYTHON)) as (process, _):
        load(folder / "png", 0.5, connections)
        told = load(folder / "png", 4, connections)
        return Point(size=connections, seconds=connections / told["speed"], peak_mib=peak(process))


def fitted(points: Sequence[Point]) -> tuple[float, float, float]:
    """``(a, b, p)`` of ``a + b * n^p`` seconds."""
    import numpy as np
    from numpy.typing import NDArray
    from scipy.optimize import least_squares

    sizes = np.array([float(point.size) for point in points])
    seconds = np.array([point.seconds for point in points])
    scaled = sizes / sizes.max()

    def off(given: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.log(given[0] + given[1] * scaled ** given[2]) - np.log(seconds))

    start = [seconds.min() * 0.9, max(seconds.max() - seconds.min(), 1e-3), 1.0]
    found = least_squares(off, start, bounds=([0, 0, 0], [np.inf, np.inf, 4])).x
    return float(found[0]), float(found[1] / sizes.max() ** found[2]), float(found[2])


def exponent(points: Sequence[Point], fit: tuple[float, float, float]) -> str:
    """In words; of what does not grow there is none."""
    seconds = [point.seconds for point in points]
    return f"{fit[2]:.2f}" if max(seconds) > GROWN * min(seconds) else "none: flat"


def draw(row: Row, points: Sequence[Point], fit: tuple[float, float, float]) -> None:
    """Time and memory, as ``results/scaling_<row>.png``."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    sizes = [point.size for point in points]
    dense = np.geomspace(min(sizes), max(sizes), 100)
    axes.plot(
        dense, fit[0] + fit[1] * dense ** fit[2], color="C0", linewidth=1, label=f"exponent {exponent(points, fit)}"
    )
    axes.plot(sizes, [point.seconds for point in points], "o", color="C0", label="seconds")
    axes.set(xscale="log", yscale="log", xlabel=row.unit, ylabel="seconds", title=row.name)
    memory = axes.twinx()
    memory.plot(sizes, [point.peak_mib for point in points], "s--", color="C1", markersize=4, linewidth=1, label="MiB")
    memory.set(ylabel="peak memory, MiB", ylim=(0, None))
    handles = [both for one in (axes, memory) for both in zip(*one.get_legend_handles_labels(), strict=True)]
    axes.legend(*zip(*handles, strict=True), loc="upper left", frameon=False)
    figure.savefig(RESULTS / f"scaling_{row.name.replace(' ', '_')}.png", dpi=120)


ROWS = {
    row.name: row
    for row in (
        Row(
            name="infer images",
            unit="images",
            sizes=(1000, 10_000, 100_000, 1_000_000),
            measure=infer,
            shown="infer.py model=pretrained input=<IDX> output=<CSV>",
        ),
        Row(
            name="train images",
            unit="training images",
            sizes=(1000, 4000, 16_000, 64_000),
            measure=train,
            shown="train.py, one epoch each",
        ),
        Row(
            name="export images",
            unit="training images",
            sizes=(1000, 8000, 64_000),
            measure=export,
            shown="python -m mnist_etc.export",
        ),
        Row(
            name="hid_dim",
            unit="numbers in the code",
            sizes=(8, 32, 128, 512, 1024),
            measure=hid_dim,
            shown="train.py autoencoder.hid_dim=<n> autoencoder.learning_rate=0.001, one epoch each, 2,000 images",
        ),
        Row(
            name="classes",
            unit="classes",
            sizes=(2, 10, 50, 250),
            measure=classes,
            shown="train.py, one epoch each, 4,000 images",
        ),
        Row(
            name="answers",
            unit="answers about each image",
            sizes=(1, 3, 10, 30),
            measure=answers,
            shown="noprotect_reconstruction.py attack.answers=[<n>], a small study of the digits",
        ),
        Row(
            name="connections",
            unit="connections",
            sizes=(1, 4, 16, 64, 256),
            measure=concurrency,
            shown="python -m mnist_etc.service, a PNG a request; seconds a request",
        ),
    )
}


def main() -> None:
    """Measure and write ``benchmarks/results/scaling.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=list(ROWS), help=f"of {', '.join(ROWS)}")
    parser.add_argument("--runs", type=int, default=1, help="of each point; the median counts")
    given = parser.parse_args()
    here, measured = machine(), dict[str, list[Point]]()
    for name in given.rows:
        for size in ROWS[name].sizes:
            several = []
            for _ in range(given.runs):
                with tempfile.TemporaryDirectory() as folder:
                    several.append(ROWS[name].measure(size, Path(folder)))
            middle = statistics.median(point.seconds for point in several)
            peak = statistics.median(point.peak_mib for point in several)
            measured.setdefault(name, []).append(Point(size=size, seconds=middle, peak_mib=peak))
            progress(f"{name} {size:,}: {middle:.2f} s, {peak:,.0f} MiB")
    report(here, measured)


def report(here: str, measured: dict[str, list[Point]]) -> None:
    """The table, and a plot a row."""
    lines = []
    for name, points in measured.items():
        fit = fitted(points)
        draw(ROWS[name], points, fit)
        seconds = ", ".join(re.sub(r"\.?0+$", "", f"{point.seconds:.3f}") for point in points)
        peaks = ", ".join(f"{point.peak_mib:,.0f}" for point in points)
        sizes = ", ".join(f"{point.size:,}" for point in points)
        lines.append([f"{name}: `{ROWS[name].shown}`", sizes, seconds, exponent(points, fit), peaks])
    plots = ", ".join(f"`scaling_{name.replace(' ', '_')}.png`" for name in measured)
    write_results(
        "scaling",
        "Growth with the work",
        {"machine": here, "versions": versions("tensorflow", "keras", "onnxruntime", "numpy")},
        table(["", "sizes", "seconds", "exponent", "peak memory, MiB"], lines),
        f"Plots, in `benchmarks/results/`: {plots}.",
    )


if __name__ == "__main__":
    main()
