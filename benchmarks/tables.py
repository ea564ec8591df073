"""Images a second and peak memory of ``infer.py input=`` on tables, beside IDX: process start to exit.

MNIST's training images, the brightness of each changed at random, are written as IDX, CSV and Parquet into ``--folder``
(5 GB for a million), where they stay for another run. The network that comes with the package classifies them.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from common import ROOT, Child, machine, progress, ratios, run_child, spread, table, versions, write_results

FEW, MANY = 100_000, 1_000_000
CHUNK = 20_000
FORMS = {
    "IDX": ("images-idx3-ubyte", MANY),
    "CSV": ("images.csv", MANY),
    "Parquet, lists of pixels": ("lists.parquet", MANY),
    "IDX, gzipped": ("images-idx3-ubyte.gz", FEW),
    "CSV, gzipped": ("images.csv.gz", FEW),
    "Parquet, a column a pixel": ("columns.parquet", FEW),
    "Parquet, PNG files": ("png.parquet", FEW),
}
"""File, and the most rows it is measured at."""


def main() -> None:
    """Measure and write ``benchmarks/results/tables.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, required=True, help="of the files, which are written where missing")
    parser.add_argument("--write", type=int, help="write the files of so many rows, and nothing else")
    arguments = parser.parse_args()
    if arguments.write:
        write_files(arguments.folder, arguments.write)
        return
    here = machine()
    for rows in (FEW, MANY):
        subprocess.run(
            [sys.executable, __file__, "--folder", arguments.folder, "--write", str(rows)], check=True, cwd=ROOT
        )
    measured: dict[tuple[str, int], list[Child]] = {}
    for _ in range(arguments.runs):
        for rows in (FEW, MANY):
            for form, (name, most) in FORMS.items():
                if rows <= most:
                    child = classify(arguments.folder, name, rows)
                    measured.setdefault((form, rows), []).append(child)
                    progress(f"{form:26} {rows:9,} rows {rows / child.seconds:7,.0f} images/s {child.peak_mib:.0f} MiB")
    write_results(
        "tables",
        "Tables as input",
        {"machine": here, "versions": versions("pyarrow", "onnxruntime", "numpy")},
        f"`infer.py input=<file> model=pretrained`, process start to exit, {arguments.runs} runs of each form in turn: "
        "median (least to greatest). The ratio is that of images a second to IDX's of the same round.",
        table(["form", "rows", "images/s", "ratio to IDX", "peak memory, MiB"], [*lines(measured)]),
    )


def lines(measured: dict[tuple[str, int], list[Child]]) -> Iterator[list[str]]:
    """The lines of the table."""
    for (form, rows), runs in measured.items():
        speeds = [rows / run.seconds for run in runs]
        against = ratios(speeds, [rows / run.seconds for run in measured["IDX", rows]])
        yield [form, f"{rows:,}", spread(speeds), spread(against, ".2f"), spread([run.peak_mib for run in runs])]


def classify(folder: Path, name: str, rows: int) -> Child:
    """One run of ``infer.py``."""
    keys = [f"input={folder / str(rows) / name}", f"artifacts={folder / 'artifacts'}", "model=pretrained"]
    return run_child([sys.executable, ROOT / "infer.py", *keys])


def write_files(folder: Path, rows: int) -> None:
    """Write each form that is not there yet."""
    place = folder / str(rows)
    place.mkdir(parents=True, exist_ok=True)
    for name, most in FORMS.values():
        if rows <= most and not (place / name).exists():
            progress(f"writing {place / name}")
            unfinished = place / f"unfinished-{name}"
            write(unfinished, name, rows)
            unfinished.rename(place / name)


def write(path: Path, name: str, rows: int) -> None:
    """Write one file of so many images, in the form of that name."""
    if "idx3" in name:
        with open_file(path, name) as file:
            file.write(struct.pack(">4I", 0x803, rows, 28, 28))
            for images, _ in chunks(rows):
                file.write(images.tobytes())
        return
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    if ".csv" in name:
        with open_file(path, name) as file:
            for number, (images, labels) in enumerate(chunks(rows)):
                columns = [labels, *images.reshape(len(images), -1).T.copy()]
                names = ["label", *(f"pixel{at}" for at in range(784))]
                pa.csv.write_csv(pa.table(columns, names=names), file, pa.csv.WriteOptions(include_header=not number))
        return
    writer = None
    for images, labels in chunks(rows):
        flat = images.reshape(len(images), -1)
        if name == "lists.parquet":
            content = pa.table({"image": pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), 784)})
        elif name == "columns.parquet":
            content = pa.table({f"pixel{at}": column for at, column in enumerate(flat.T.copy())})
        else:
            content = pa.table({"image": [png(image) for image in images]})
        content = content.append_column("label", pa.array(labels))
        writer = writer or pq.ParquetWriter(path, content.schema)
        writer.write_table(content)
    assert writer
    writer.close()


def open_file(path: Path, name: str) -> IO[bytes]:
    """Open for writing, gzipped where the name says so."""
    return cast(IO[bytes], gzip.open(path, "wb", compresslevel=1)) if name.endswith(".gz") else path.open("wb")


def chunks(rows: int):  # type: ignore[no-untyped-def] # NumPy is loaded where files are written alone
    """Images uint8 ``(n, 28, 28)`` and labels, `CHUNK` at a time."""
    import numpy as np

    from mnist_etc.data import catalog

    split = catalog.read(Path(os.environ.get("MNIST_ETC_DATA", "data")), "mnist", "train")
    generator = np.random.default_rng(0)
    for start in range(0, rows, CHUNK):
        chosen = np.arange(start, min(start + CHUNK, rows)) % len(split)
        images, brightness = split.images[chosen], generator.uniform(0.8, 1, (len(chosen), 1, 1))
        yield np.ceil(images * brightness).astype(np.uint8), split.labels[chosen]


def png(image) -> bytes:  # type: ignore[no-untyped-def]
    """The bytes of a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    main()
