"""``train_.few_labels``: labels come from the database alone, and make a model that every command takes."""

from __future__ import annotations

import csv
import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from processes import python
from support import Completed, refused, same_weights

from mnist_etc.data.config import DataConfig, Prepare
from mnist_etc.labels.pool import fingerprint, read_pool
from mnist_etc.labels.store import LabelStore

KEYS = (
    *("data.name=toy", "data.kind=idx", "data.root=data", "tracking_uri=null", "model.width=4", "model.epochs=2"),
    *("labels.budget=40", "labels.start=20", "labels.rounds=1", "labels.round_epochs=1", "labels.components=20"),
)
USE = tuple(f"few_{key}" if key.startswith("labels.") else key for key in (*KEYS, "data.validation=60"))


def write_idx(path: Path, values: NDArray[np.int64] | NDArray[np.uint8]) -> None:
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    with gzip.open(path, "wb") as file:
        file.write(header + values.astype(np.uint8).tobytes())


@pytest.fixture(scope="module")
def drawn() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images of four classes, a bright bar at a height of its own each, under noise."""
    generator = np.random.default_rng(0)
    labels = generator.integers(4, size=400)
    images = generator.integers(90, size=(400, 28, 28))
    for image, label in zip(images, labels, strict=True):
        image[4 + 6 * label : 7 + 6 * label, 4:24] += 120
    return images.astype(np.uint8), labels


@pytest.fixture
def here(tmp_path: Path, drawn: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> Path:
    images, labels = drawn
    (tmp_path / "data/toy").mkdir(parents=True)
    for part, name in ((slice(300), "train"), (slice(300, 400), "t10k")):
        write_idx(tmp_path / f"data/toy/{name}-images-idx3-ubyte.gz", images[part])
        write_idx(tmp_path / f"data/toy/{name}-labels-idx1-ubyte.gz", labels[part])
    return tmp_path


def train(folder: Path, *words: str) -> Completed:
    return python("-m", "train_.few_labels", *KEYS, "skip_visualizations=true", *words, cwd=folder)


def run_of(folder: Path) -> Path:
    (found,) = [path for path in (folder / "artifacts/toy").iterdir() if path.is_dir()]
    return found


def paid(folder: Path) -> int:
    return LabelStore.open(f"sqlite:///{run_of(folder) / 'labels.sqlite'}").verify()


def test_labels_come_from_the_database_alone_and_a_killed_run_pays_nothing_twice(
    here: Path, drawn: tuple[NDArray[np.uint8], NDArray[np.int64]]
) -> None:
    done = train(here)
    assert done.returncode == 0, done.stderr
    run = run_of(here)
    assert paid(here) == 40
    first = run.rename(here / "first")
    labels = drawn[1][:300]
    (run / "models").mkdir(parents=True)
    (run / "labels.sqlite").write_bytes((first / "labels.sqlite").read_bytes())
    write_idx(here / "data/toy/train-labels-idx1-ubyte.gz", (labels + 1) % 4)
    done = train(here)
    assert done.returncode == 0, done.stderr
    assert paid(here) == 40
    assert same_weights(first / "models/full_model.h5", run / "models/full_model.h5")
    (run / "labels.sqlite").unlink()
    done = train(here, "force=true")  # a database made of the other labels: they do matter
    assert done.returncode == 0, done.stderr
    assert not same_weights(first / "models/full_model.h5", run / "models/full_model.h5")


def test_the_model_is_one_that_every_command_takes(here: Path) -> None:
    done = train(here)
    assert done.returncode == 0, done.stderr
    run = run_of(here)
    with (run / "rounds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["labels"]), row["by"]) for row in rows] == [
        (20, "regression"),
        (20, "network"),
        (40, "network"),
    ]
    assert sum(int(rows[-1][name]) for name in "0123") == 40
    figures = json.loads((run / "models/full_model_metrics.json").read_text())
    assert float(rows[-1]["accuracy"]) == pytest.approx(figures["test_accuracy"])
    assert float(rows[0]["accuracy"]) > 0.9  # four bars that no classifier misses
    infer = python(str(Path(__file__).parents[2] / "infer.py"), "model=student", *USE, "summary=-", cwd=here)
    assert infer.returncode == 0, infer.stderr
    assert f"{figures['test_accuracy']:.4f}"[:6] in infer.stdout
    export = python("-m", "mnist_etc.export", "model=student", *USE, "gates=off", "repository=served", cwd=here)
    assert export.returncode == 0, export.stderr
    again = train(here)
    assert "is there already" in again.stdout
    assert "40 paid of 40" in again.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("labels.budget=0",), "labels.budget of two labels or more"),
        (("labels.budget=50", "labels.validation=49"), "labels.budget of two labels or more"),
        (("labels.budget=null",), "how many labels may be asked"),
        (("labels.strategy=oracle",), "labels.strategy as one of random"),
        (("model.private=true", "model.augment=false"), "model.private=false"),
        (("model=capsule", "model.width=null"), "logits alone"),
        (("skip_export=false",), "skip_export=true"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(here: Path, words: tuple[str, ...], told: str) -> None:
    refused(train(here, *words), told, code=2)
    assert not (here / "artifacts").exists()


def test_a_database_of_other_images_or_with_too_few_labels_is_refused(here: Path) -> None:
    root = str(here / "data")
    config = DataConfig(name="toy", kind="idx", root=root, prepare=Prepare.none, validation=60, split_seed=0)
    pool = read_pool(config)
    made = {"names": pool.names, "labels": pool.labels}
    few, other = (f"sqlite:///{here}/{name}.db" for name in ("few", "other"))
    LabelStore.create(few, images=pool.images, budget=39, dataset=pool.dataset, **made)
    images = pool.images[::-1].copy()
    LabelStore.create(other, images=images, budget=40, dataset=fingerprint(images), **made)
    refused(train(here, f"labels.url={few}"), "at most 39")
    refused(train(here, f"labels.url={other}"), "other labels.url")
    refused(train(here, f"labels.url=sqlite:///{here}/none.db"), "none.db")
    assert LabelStore.open(few).status().paid == 0
