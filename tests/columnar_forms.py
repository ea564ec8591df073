"""Columns in the forms people hold, as pandas, pyarrow and Hugging Face's `datasets` write them, the last by what its
``arrow_writer.py`` and ``Dataset.save_to_disk`` do."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
from forms import IMAGES, LABELS, WHOLE, form, read, refused
from numpy.typing import NDArray
from PIL import Image
from table_forms import FLAT, LABELED, NAMES, PIXELS, WORDS


def features(**extra: object) -> bytes:
    """As `datasets.Features.arrow_schema` writes them into the metadata of a schema."""
    return json.dumps({"info": {"features": {"image": {"_type": "Image"}, **extra}}}).encode()


def png(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def hugging_face(images: NDArray[np.uint8] = IMAGES, labels: Sequence[int] = tuple(LABELS)) -> pa.Table:
    """A table of ``Features({"image": Image(), "label": ClassLabel(names=NAMES)})``."""
    stored = pa.array(
        [{"bytes": png(image), "path": f"{at}.png"} for at, image in enumerate(images)],
        pa.struct({"bytes": pa.binary(), "path": pa.string()}),
    )
    label = {"names": NAMES, "_type": "ClassLabel"}
    schema = pa.schema({"image": stored.type, "label": pa.int64()}, metadata={b"huggingface": features(label=label)})
    return pa.Table.from_arrays([stored, pa.array(labels, pa.int64())], schema=schema)


HUB = replace(WHOLE, names=NAMES)


@form("Parquet of the Hugging Face Hub", read(labels=LABELS, said=LABELED, options=HUB))
def hub(folder: Path) -> Path:
    pq.write_table(hugging_face(), folder / "train-00000-of-00001.parquet")
    return folder / "train-00000-of-00001.parquet"


@form("Parquet of the Hugging Face Hub for a model of numbers", read(labels=LABELS, said=LABELED))
def hub_numbers(folder: Path) -> Path:
    pq.write_table(hugging_face(), folder / "test-00000-of-00001.parquet")
    return folder / "test-00000-of-00001.parquet"


@form("folder of Parquet shards", read(labels=LABELS, said=LABELED, options=HUB))
def shards(folder: Path) -> Path:
    (folder / "data").mkdir()
    for at, part in enumerate((slice(0, 3), slice(3, 8), slice(8, None))):
        table = hugging_face(IMAGES[part], LABELS[part].tolist())
        pq.write_table(table, folder / f"data/train-{at:05}-of-00003.parquet", row_group_size=2)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return folder


@form("dataset saved to disk by Hugging Face's library", read(labels=LABELS, said=LABELED, options=HUB))
def saved_to_disk(folder: Path) -> Path:
    names = []
    for at, part in enumerate((slice(0, 6), slice(6, None))):
        names.append(f"data-{at:05}-of-00002.arrow")
        table = hugging_face(IMAGES[part], LABELS[part].tolist())
        with pa.OSFile(str(folder / names[-1]), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=4)
    (folder / "cache-1f2e.arrow").write_bytes(b"left by a map")
    (folder / "state.json").write_text(
        json.dumps({"_data_files": [{"filename": name} for name in names], "_split": None})
    )
    (folder / "dataset_info.json").write_text(json.dumps({"features": {}}))
    return folder


@form("Parquet of pandas, a column a pixel", read(labels=LABELS, said=LABELED))
def parquet_columns(folder: Path) -> Path:
    frame = pandas.DataFrame(FLAT, columns=PIXELS)
    frame["label"] = LABELS
    frame.to_parquet(folder / "train.parquet")
    return folder / "train.parquet"


@form("Parquet with lists of pixels", read(labels=LABELS, said=LABELED, options=HUB))
def parquet_lists(folder: Path) -> Path:
    frame = pandas.DataFrame({"pixels": list(FLAT.astype(np.float32) / 255), "label": pandas.Categorical(WORDS)})
    frame.to_parquet(folder / "lists.parquet")
    return folder / "lists.parquet"


@form("Parquet with nested lists, 28 x 28", read(labels=LABELS, said=LABELED))
def parquet_nested(folder: Path) -> Path:
    pq.write_table(pa.table({"image": IMAGES.tolist(), "label": LABELS}), folder / "nested.parquet")
    return folder / "nested.parquet"


@form("Parquet with fixed-size lists", read(labels=LABELS, said="labels: the column 'digit'"))
def parquet_fixed(folder: Path) -> Path:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(FLAT.reshape(-1)), 784)
    pq.write_table(pa.table({"digit": LABELS.astype(np.int8), "x": lists}), folder / "fixed.parquet", row_group_size=4)
    return folder / "fixed.parquet"


@form("Parquet with raw bytes, 784 an image", read())
def parquet_bytes(folder: Path) -> Path:
    pq.write_table(pa.table({"image": [row.tobytes() for row in FLAT]}), folder / "bytes.parquet")
    return folder / "bytes.parquet"


@form("Parquet with the bytes of PNG files", read(labels=LABELS, said=LABELED))
def parquet_png(folder: Path) -> Path:
    pq.write_table(pa.table({"label": LABELS, "png": [png(image) for image in IMAGES]}), folder / "png.parquet")
    return folder / "png.parquet"


@form("Feather file", read(labels=LABELS, said=LABELED))
def feather(folder: Path) -> Path:
    table = pa.table({"label": LABELS, "pixels": FLAT.tolist()})
    pyarrow.feather.write_feather(table, folder / "digits.feather")
    return folder / "digits.feather"


@form("Parquet with two columns of images", refused(r"received 2: before, after\. Choose one by data\.image_column="))
def two_images(folder: Path) -> Path:
    pq.write_table(pa.table({"before": FLAT.tolist(), "after": FLAT.tolist()}), folder / "two.parquet")
    return folder / "two.parquet"


@form(
    "Parquet with lists of different lengths",
    refused(r"a list of 3 where the first has 784 in row 4 \(the first is 0\)"),
)
def ragged_lists(folder: Path) -> Path:
    rows = FLAT.tolist()
    rows[4] = [1, 2, 3]
    pq.write_table(pa.table({"image": rows}), folder / "ragged.parquet")
    return folder / "ragged.parquet"


@form("Parquet file cut short", refused(r"is no whole Parquet file: .*\. Replace the file\."))
def cut_short(folder: Path) -> Path:
    path = hub(folder)
    path.write_bytes(path.read_bytes()[:-100])
    return path
