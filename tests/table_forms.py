"""Tables in the forms people hold, each written as its own library writes it: csv, pandas, pyarrow, NumPy, and Hugging
Face's `datasets` by what its ``arrow_writer.py`` and ``Dataset.save_to_disk`` do."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
from forms import IMAGES, LABELS, WHOLE, form, read, refused
from numpy.typing import NDArray
from PIL import Image

FLAT = IMAGES.reshape(len(IMAGES), -1)
LABELED = "labels: the column 'label'"
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WORDS = [NAMES[label] for label in LABELS]


def kaggle(path: Path, rows: Sequence[Sequence[object]], header: Sequence[str] = (), delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([header, *rows] if header else rows)
    return path


def labeled(labels: Sequence[object] = tuple(LABELS), pixels: NDArray[Any] = FLAT) -> list[list[object]]:
    return [[label, *row] for label, row in zip(labels, pixels.tolist(), strict=True)]


PIXELS = [f"pixel{at}" for at in range(784)]
ONE_BY_ONE = [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)]


@form("Kaggle's train.csv", read(labels=LABELS, said=LABELED))
def kaggle_train(folder: Path) -> Path:
    return kaggle(folder / "train.csv", labeled(), ["label", *PIXELS])


@form("Kaggle's test.csv, without labels", read())
def kaggle_test(folder: Path) -> Path:
    return kaggle(folder / "test.csv", FLAT.tolist(), PIXELS)


@form("Kaggle's mnist_train.csv, columns 1x1 to 28x28", read(labels=LABELS, said=LABELED))
def kaggle_one_by_one(folder: Path) -> Path:
    return kaggle(folder / "mnist_train.csv", labeled(), ["label", *ONE_BY_ONE])


@form("CSV without a header, label first", read(labels=LABELS, said="labels: the column 'column 1'"))
def no_header(folder: Path) -> Path:
    return kaggle(folder / "mnist_train.csv", labeled())


@form("CSV without a header, label last", read(labels=LABELS, said="labels: the column 'column 785'"))
def no_header_label_last(folder: Path) -> Path:
    return kaggle(folder / "mnist.csv", [[*row[1:], row[0]] for row in labeled()])


@form("CSV of OpenML, class last and quoted", read(labels=LABELS, said="labels: the column 'class'"))
def openml(folder: Path) -> Path:
    path = folder / "mnist_784.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow([*(f"pixel{at}" for at in range(1, 785)), "class"])
        writer.writerows([[*row[1:], row[0]] for row in labeled()])
    return path


@form("CSV of pandas with its index, gzipped", read(labels=LABELS, said=LABELED))
def pandas_gzip(folder: Path) -> Path:
    frame = pandas.DataFrame(FLAT, columns=PIXELS)
    frame.insert(0, "label", LABELS)
    frame.to_csv(folder / "train.csv.gz")
    return folder / "train.csv.gz"


@form("CSV of pandas in a zip archive, columns 0 to 783, floats in [0, 1]", read())
def pandas_zip(folder: Path) -> Path:
    pandas.DataFrame(FLAT / 255).to_csv(folder / "images.csv.zip", index=False)
    return folder / "images.csv.zip"


@form("CSV of Excel: semicolons, BOM, decimal commas", read(labels=LABELS, said=LABELED))
def excel(folder: Path) -> Path:
    path = folder / "Ziffern.csv"
    lines = [";".join(["label", *PIXELS])]
    lines += [
        ";".join([str(row[0]), *(f"{value:.6f}".replace(".", ",") for value in row[1:])])
        for row in labeled(pixels=FLAT / 255)
    ]
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig")
    return path


@form("CSV in UTF-16 with tabs, as Excel's Unicode text", read(labels=LABELS, said=LABELED))
def utf16(folder: Path) -> Path:
    path = folder / "digits.txt"
    rows = [["label", *PIXELS], *labeled()]
    path.write_text("\n".join("\t".join(map(str, row)) for row in rows), encoding="utf-16")
    return path


@form("text of numpy.savetxt, spaces and exponents", read())
def savetxt(folder: Path) -> Path:
    np.savetxt(folder / "images.txt", FLAT / 255)
    return folder / "images.txt"


@form("zip.train of USPS: spaces, floats from -1 to 1, label first", read(labels=LABELS, said="column 1"))
def usps(folder: Path) -> Path:
    lines = [
        f"{label:.4f} " + " ".join(f"{value:.4f}" for value in row) + " \n"
        for label, row in zip(LABELS, FLAT / 127.5 - 1, strict=True)
    ]
    (folder / "zip.train.gz").write_bytes(gzip.compress("".join(lines).encode()))
    return folder / "zip.train.gz"


@form(
    "CSV with names of classes",
    read(labels=LABELS, said="labels: the column 'class'", options=replace(WHOLE, names=NAMES)),
)
def words(folder: Path) -> Path:
    return kaggle(folder / "words.csv", labeled(WORDS), ["class", *PIXELS])


@form(
    "CSV of numbers for a model of named classes",
    read(labels=LABELS, said=LABELED, options=replace(WHOLE, names=NAMES)),
)
def numbers_for_names(folder: Path) -> Path:
    return kaggle(folder / "train.csv", labeled(), ["label", *PIXELS])


@form("CSV of FER2013: a column of pixels in one text", read(labels=LABELS, said="labels: the column 'emotion'"))
def fer(folder: Path) -> Path:
    rows = [[label, " ".join(map(str, row)), "Training"] for label, row in zip(LABELS, FLAT.tolist(), strict=True)]
    return kaggle(folder / "fer2013.csv", rows, ["emotion", "pixels", "Usage"])


@form("CSV of scikit-learn's digits, 8 x 8 of 0 to 16", read(labels=LABELS, said="'target'", tolerance=20))
def sklearn_digits(folder: Path) -> Path:
    small = np.stack([np.asarray(Image.fromarray(image).resize((8, 8), Image.Resampling.BOX)) for image in IMAGES])
    frame = pandas.DataFrame(
        np.round(small.reshape(-1, 64) / 255 * 16), columns=[f"pixel_{at // 8}_{at % 8}" for at in range(64)]
    )
    frame["target"] = LABELS
    frame.to_csv(folder / "digits.csv", index=False)
    return folder / "digits.csv"


@form("CSV of 32 x 32, columns sorted as text", read(labels=LABELS, said=LABELED, tolerance=8))
def sorted_columns(folder: Path) -> Path:
    large = np.stack(
        [np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC)) for image in IMAGES]
    )
    frame = pandas.DataFrame(large.reshape(-1, 1024), columns=[f"pixel{at}" for at in range(1024)])
    frame["label"] = LABELS
    frame[sorted(frame.columns)].to_csv(folder / "large.csv", index=False)
    return folder / "large.csv"


@form("CSV of images dark on light", read())
def dark(folder: Path) -> Path:
    return kaggle(folder / "scans.csv", (255 - FLAT).tolist(), PIXELS)


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


@form(
    "CSV with a row that is too short",
    refused(r"in each row of .*received 700 values where the first line has 785 in line 5\."),
)
def ragged(folder: Path) -> Path:
    rows = labeled()
    rows[3] = rows[3][:700]
    return kaggle(folder / "ragged.csv", rows, ["label", *PIXELS])


@form("CSV with an empty pixel", refused(r"received an empty pixel in line 9\. Correct"))
def empty_pixel(folder: Path) -> Path:
    rows = labeled()
    rows[7][300] = ""
    return kaggle(folder / "empty.csv", rows, ["label", *PIXELS])


@form("CSV with NaN", refused(r"received an empty pixel in line 4\. Correct"))
def nan_pixel(folder: Path) -> Path:
    frame = pandas.DataFrame(FLAT / 255, columns=PIXELS)
    frame.loc[2, "pixel400"] = float("nan")
    frame.to_csv(folder / "nan.csv", index=False, na_rep="NaN")
    return folder / "nan.csv"


@form(
    "CSV with a word among the pixels",
    refused(r"received '\?' where the first rows have whole numbers .* in line 152\."),
)
def word_pixel(folder: Path) -> Path:
    rows = labeled() * 20
    rows[150] = [*rows[150][:9], "?", *rows[150][10:]]
    return kaggle(folder / "word.csv", rows, ["label", *PIXELS])


@form("CSV of standardized pixels", read(said="-0.42421 is taken for black, 2.8215 for white", tolerance=1))
def standardized(folder: Path) -> Path:
    pandas.DataFrame((FLAT / 255 - 0.1307) / 0.3081).to_csv(folder / "normalized.csv", index=False)
    return folder / "normalized.csv"


@form("CSV of no images", refused(r"a column a pixel.*received 3 columns: name, price, shop\. Save"))
def no_images(folder: Path) -> Path:
    return kaggle(folder / "shop.csv", [["pen", 1, "A"], ["ink", 2, "B"]], ["name", "price", "shop"])


@form(
    "CSV with two columns of labels", refused(r"received 2: label, digit\. Choose one by data\.label_column=<its name>")
)
def two_labels(folder: Path) -> Path:
    return kaggle(folder / "two.csv", [[0, *row] for row in labeled()], ["label", "digit", *PIXELS])


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


@form("zip archive of Kaggle's tables", refused(r"received an archive of train\.csv, test\.csv\. Unpack it"))
def kaggle_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "digit-recognizer.zip", "w") as archive:
        archive.write(kaggle_train(folder), "train.csv")
        archive.write(kaggle_test(folder), "test.csv")
    return folder / "digit-recognizer.zip"
