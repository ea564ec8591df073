"""Text tables in the forms people hold, each written as its own library writes it: csv, pandas, NumPy, Excel, or a
refused one."""

from __future__ import annotations

import csv
import gzip
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
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


@form(
    "CSV without a header, pandas' index first", read(np.tile(IMAGES, (3, 1, 1)), said="no labels: .* counts the rows")
)
def no_header_index(folder: Path) -> Path:
    pandas.DataFrame(np.tile(FLAT, (3, 1))).to_csv(folder / "images.csv", header=False)
    return folder / "images.csv"


@form("CSV of pandas, columns 0 to 784, label last", read(labels=LABELS, said="labels: the column '784'"))
def numbered_label_last(folder: Path) -> Path:
    pandas.DataFrame(np.column_stack([FLAT, LABELS])).to_csv(folder / "digits.csv", index=False)
    return folder / "digits.csv"


@form("CSV of a header alone", refused("received a header alone"))
def header_alone(folder: Path) -> Path:
    pandas.DataFrame(FLAT[:0], columns=PIXELS).to_csv(folder / "digits.csv", index=False)
    return folder / "digits.csv"


@form("CSV with a text among the pixels", refused(r"received others, or none, in pixel300\. Correct its cells"))
def text_among_pixels(folder: Path) -> Path:
    frame = pandas.DataFrame(FLAT, columns=PIXELS).astype(object)
    frame.loc[5, "pixel300"] = "O"
    frame.to_csv(folder / "digits.csv", index=False)
    return folder / "digits.csv"


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


@form("zip archive of Kaggle's tables", refused(r"received an archive of train\.csv, test\.csv\. Unpack it"))
def kaggle_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "digit-recognizer.zip", "w") as archive:
        archive.write(kaggle_train(folder), "train.csv")
        archive.write(kaggle_test(folder), "test.csv")
    return folder / "digit-recognizer.zip"
