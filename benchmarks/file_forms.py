"""What ``infer.py`` makes of the forms of file in which people hold pictures of digits, and of large photos.

Each form is written as its own library writes it (``tests/*_forms.py``), then opened as ``input=``. Read right: the
images are those that were written, as ``tests/data/test_forms.py`` judges it.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, Child, machine, progress, run_child, spread, table, versions, write_results
from PIL import Image, ImageDraw

sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from forms import FORMS, Form  # noqa: E402

from mnist_etc.data.inputs import open_input  # noqa: E402
from mnist_etc.errors import DataError  # noqa: E402

SIZE = (12_032, 9_024)
"""Of a photo of 108 megapixels."""
READ = "from pathlib import Path; from mnist_etc.data.images import read; read(Path({!r}), {})"
POLARITY = "__import__('mnist_etc.data.config').data.config.Polarity.auto"
RUNS = 3


def main() -> None:
    """Measure, print and write."""
    for file in sorted((ROOT / "tests").glob("*_forms.py")):
        importlib.import_module(file.stem)
    outcomes = {name: outcome(FORMS[name]) for name in FORMS}
    counts = Counter(what for what, _ in outcomes.values())
    facts = {
        "machine": machine(),
        "versions": versions("pillow", "numpy"),
        "forms": f"{len(FORMS)}: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())),
    }
    rows = [[name, what, line.replace("|", "\\|")] for name, (what, line) in outcomes.items()]
    photos = table(["photo of 108 megapixels, in color", "seconds", "peak memory, MiB"], list(measure_photos()))
    write_results("file_forms", "Forms of file", facts, table(["form", "", "what is said"], rows), photos)


def outcome(form: Form) -> tuple[str, str]:
    """Whether a form is read or refused, and the line about it."""
    with tempfile.TemporaryDirectory() as folder:
        path = form.write(Path(folder))
        try:
            batches = list(open_input(path, form.expected.options).batches)
        except DataError as error:
            return "refused", str(error).replace(f"{folder}/", "").replace(folder, "mine")
        failures = [str(failure) for batch in batches for failure in batch.failures]
        if failures:
            return "refused", failures[0].replace(f"{folder}/", "")
    images = np.concatenate([batch.images for batch in batches])
    if form.expected.images is None or images.shape != form.expected.images.shape:
        return "read wrong", f"{len(images)} images"
    difference = np.abs(images.astype(int) - form.expected.images).mean(axis=(1, 2)).max()
    return "read right" if difference <= form.expected.tolerance else "read wrong", f"{len(images)} images"


def measure_photos() -> Iterator[list[str]]:
    """Time and memory of a process that reads one large photo, less those of one that reads a small one."""
    noise = np.random.default_rng(0).integers(150, 255, (376, 502, 3), np.uint8)
    photo = Image.fromarray(noise).resize(SIZE)
    ImageDraw.Draw(photo).line([(5000, 2000), (6500, 2000), (5600, 6000)], fill=(20, 20, 40), width=200)
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, "small.png")
        photo.resize((28, 28)).save(small)
        idle = statistics.median(_read(small).seconds for _ in range(RUNS))
        saved: list[tuple[str, str, dict[str, Any]]] = [
            ("JPEG", "a.jpg", {"quality": 90}),
            ("JPEG, progressive", "b.jpg", {"quality": 90, "progressive": True}),
            ("PNG", "c.png", {"compress_level": 1}),
            ("TIFF", "d.tif", {}),
        ]
        for title, name, options in saved:
            progress(title)
            photo.save(Path(folder, name), **options)
            runs = [_read(Path(folder, name)) for _ in range(RUNS)]
            seconds, peaks = [run.seconds - idle for run in runs], [run.peak_mib for run in runs]
            yield [title, spread(seconds, ".2f"), spread(peaks)]


def _read(path: Path) -> Child:
    return run_child([sys.executable, "-c", READ.format(str(path), POLARITY)])


if __name__ == "__main__":
    main()
