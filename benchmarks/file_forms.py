"""What ``infer.py`` makes of the forms of file in which people hold pictures of digits, and of large photos.

Each form is written as its own library writes it (``tests/*_forms.py``), then opened as ``input=``. Read right: the
images are those that were written, as ``tests/data/test_forms.py`` judges it.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, machine, progress, run_child, spread, table, versions, write_results

sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from forms import FORMS, Form  # noqa: E402

from mnist_etc.data.inputs import open_input  # noqa: E402
from mnist_etc.errors import DataError  # noqa: E402

WRITE = """
import json, sys
import numpy as np
from PIL import Image, ImageDraw
noise = np.random.default_rng(0).integers(150, 255, (376, 502, 3), np.uint8)
photo = Image.fromarray(noise).resize((12_032, 9_024))
ImageDraw.Draw(photo).line([(5000, 2000), (6500, 2000), (5600, 6000)], fill=(20, 20, 40), width=200)
photo.save(sys.argv[1], **json.loads(sys.argv[2]))
"""
"""``python -c WRITE <file> <options of Image.save>``: a photo of 108 megapixels."""
MEASURE = """
import re, sys, time
from pathlib import Path
from mnist_etc.data.config import Polarity
from mnist_etc.data.images import read
start = time.perf_counter()
read(Path(sys.argv[1]), Polarity.auto)
seconds = time.perf_counter() - start
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
Path(sys.argv[2]).write_text(f"{seconds} {peak}")
"""
"""``python -c MEASURE <file> <report>``: seconds to read it, and the largest resident set of the process, MiB."""
RUNS = 3
PHOTOS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("JPEG", "a.jpg", {"quality": 90}),
    ("JPEG, progressive", "b.jpg", {"quality": 90, "progressive": True}),
    ("PNG", "c.png", {"compress_level": 1}),
    ("TIFF", "d.tif", {}),
)


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
    """Time to read one large photo, and the memory of a process that does nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        for title, name, options in PHOTOS:
            progress(title)
            path, report = Path(folder, name), Path(folder, "report")
            run_child([sys.executable, "-c", WRITE, path, json.dumps(options)])
            runs = []
            for _ in range(RUNS):
                run_child([sys.executable, "-c", MEASURE, path, report])
                runs.append(tuple(map(float, report.read_text().split())))
            seconds, peaks = zip(*runs, strict=True)
            yield [title, spread(seconds, ".2f"), spread(peaks)]


if __name__ == "__main__":
    main()
