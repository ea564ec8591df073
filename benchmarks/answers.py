"""What it takes to write answers: microseconds a row in each form of table, and the picture of a confusion matrix.

Rows are made from probabilities as ``infer.py`` makes them, 512 at a time, labels and counts included, in a process of
their own; what the model and the reading of images take is not in it.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from common import machine, progress, run_child, spread, table, versions, write_results

RUNS, ROWS = 5, 1_000_000
FORMS = [(suffix, top) for top in (1, 3) for suffix in (".csv", ".jsonl", ".parquet")]
CLASSES = (10, 47, 200, 1000)
ENDING = """
import re, time
from pathlib import Path
def told(report, seconds):
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    Path(report).write_text(f"{seconds} {peak}")
"""
ANSWERS = f"""{ENDING}
import sys
import numpy as np
from mnist_etc.data.inputs import Batch
from mnist_etc.inference.labels import Labeler
from mnist_etc.inference.output import open_sink
from mnist_etc.inference.summary import Summary
from mnist_etc.inference.table import answers, columns
path, top, rows, report = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
names = tuple("0123456789")
probabilities = np.random.default_rng(0).dirichlet(np.full(10, 0.2), 512).astype(np.float32)
images, distances, labels = np.zeros((512, 1, 1), np.uint8), np.random.default_rng(1).random(512), np.arange(512) % 10
labeler, summary, spent = Labeler(names, positions=True), Summary(names, top), 0.0
start = time.process_time()
with open_sink(path, columns("index", top), positions=True, key="output") as write:
    for first in range(0, rows, 512):
        batch = Batch([str(at) for at in range(first, first + 512)], images, labels, [0.0] * 512, [""] * 512)
        labeled = labeler.label(batch)
        answered = answers(batch, probabilities, names, labeled=labeled, distances=distances, top=top)
        summary.add(batch, answered, labeled, 1.0)
        write(answered)
told(report, (time.process_time() - start) / rows * 1e6)
"""
"""``python -c ANSWERS <table> <top> <rows> <report>``: CPU microseconds a row, and the largest resident set, MiB."""
PICTURE = f"""{ENDING}
import sys
import numpy as np
from mnist_etc.evaluation.confusion import ConfusionMatrix
from mnist_etc.evaluation.confusion_picture import write_confusion
path, classes, report = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
generator = np.random.default_rng(0)
matrix = ConfusionMatrix([f"class {{number}}" for number in range(classes)])
labels = generator.integers(0, classes, 100 * classes)
wrong = generator.random(len(labels)) < 0.1
matrix.add(labels, np.where(wrong, generator.integers(0, classes, len(labels)), labels))
start = time.process_time()
write_confusion(path, matrix, key="output")
told(report, time.process_time() - start)
"""
"""``python -c PICTURE <picture> <classes> <report>``: CPU seconds, and the largest resident set, MiB."""


def main() -> None:
    """Measure, print and write."""
    here = machine()
    with tempfile.TemporaryDirectory() as folder:
        rows, pictures = list(measure_rows(Path(folder))), list(measure_pictures(Path(folder)))
    write_results(
        "answers",
        "Writing answers",
        {"machine": here, "versions": versions("numpy", "pyarrow", "pillow")},
        f"CPU time; {RUNS} runs, interleaved: median (least to greatest).",
        table(["form", "`top`", f"microseconds a row of {ROWS:,}", "peak memory, MiB", "file, MB"], rows),
        table(["classes in the picture", "CPU seconds", "peak memory, MiB", "file, kB"], pictures),
    )


def measure_rows(folder: Path) -> Iterator[list[str]]:
    """A row for each form and number of classes named."""
    figures = defaultdict[tuple[str, int], list[tuple[float, float]]](list)
    for _ in range(RUNS):
        for suffix, top in FORMS:
            path = folder / f"answers_{top}{suffix}"
            figures[suffix, top].append(_measured(ANSWERS, path, str(top), str(ROWS)))
            progress(f"{suffix} {top}: {figures[suffix, top][-1]}")
    for (suffix, top), runs in figures.items():
        costs, peaks = zip(*runs, strict=True)
        size = (folder / f"answers_{top}{suffix}").stat().st_size / 1e6
        yield [f"`{suffix}`", str(top), spread(costs, ".2f"), spread(peaks), f"{size:.1f}"]


def measure_pictures(folder: Path) -> Iterator[list[str]]:
    """A row for each number of classes."""
    for classes in CLASSES:
        path = folder / f"{classes}.png"
        seconds, peaks = zip(*(_measured(PICTURE, path, str(classes)) for _ in range(RUNS)), strict=True)
        yield [f"{classes:,}", spread(seconds, ".2f"), spread(peaks), f"{path.stat().st_size / 1e3:,.0f}"]


def _measured(script: str, path: Path, *words: str) -> tuple[float, float]:
    report = path.with_name("report")
    run_child([sys.executable, "-c", script, path, *words, report])
    cost, peak = map(float, report.read_text().split())
    return cost, peak


if __name__ == "__main__":
    main()
