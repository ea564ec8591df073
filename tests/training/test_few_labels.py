"""``train_.few_labels``: labels come from the database alone, and make a model that every command takes."""

from __future__ import annotations

import csv
import gzip
import json
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from processes import python
from support import ROOT, Completed, refused, same_weights

from mnist_etc.data.config import DataConfig, Prepare
from mnist_etc.labels.pool import fingerprint, read_pool
from mnist_etc.labels.store import LabelStore

KEYS = (
    *("data.name=toy", "data.kind=idx", "data.root=data", "data.validation=60", "model.width=4", "model.epochs=2"),
    *(
        "labels.budget=40",
        "labels.start=20",
        "labels.network_share=0.5",
        "labels.lesson_epochs=1",
        "labels.components=20",
    ),
)
USE = tuple(f"few_{key}" if key.startswith("labels.") else key for key in KEYS)


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


def filled(folder: Path, drawn: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> Path:
    images, labels = drawn
    (folder / "data/toy").mkdir(parents=True)
    for part, name in ((slice(300), "train"), (slice(300, 400), "t10k")):
        write_idx(folder / f"data/toy/{name}-images-idx3-ubyte.gz", images[part])
        write_idx(folder / f"data/toy/{name}-labels-idx1-ubyte.gz", labels[part])
    return folder


@pytest.fixture
def here(tmp_path: Path, drawn: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> Path:
    return filled(tmp_path, drawn)


@pytest.fixture(scope="module")
def there(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[NDArray[np.uint8], NDArray[np.int64]]
) -> tuple[Path, Completed]:
    """A folder in which a model was trained, and what the command said."""
    folder = filled(tmp_path_factory.mktemp("few"), drawn)
    words = ("skip_visualizations=false", "tracking.tensorboard=true", f"tracking_uri=sqlite:///{folder}/mlflow.db")
    return folder, train(folder, *words)


def train(folder: Path, *words: str) -> Completed:
    return python("-m", "train_.few_labels", *KEYS, "skip_visualizations=true", "tracking_uri=null", *words, cwd=folder)


def run_of(folder: Path) -> Path:
    (found,) = [path for path in (folder / "artifacts/toy").iterdir() if path.is_dir()]
    return found


def paid(folder: Path) -> int:
    return LabelStore.open(f"sqlite:///{run_of(folder) / 'labels.sqlite'}").verify()


def test_a_training_leaves_a_table_a_curve_and_a_ledger(there: tuple[Path, Completed]) -> None:
    folder, done = there
    assert done.returncode == 0, done.stderr
    run = run_of(folder)
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
    assert paid(folder) == 40
    rows_of_ledger = LabelStore.open(f"sqlite:///{run / 'labels.sqlite'}").rows()
    chose = Counter(row.strategy for row in rows_of_ledger if row.strategy)
    assert chose == {"centers": 20, "cluster_margin": 20}
    assert {path.name for path in (run / "plots").iterdir()} >= {"labels.png", "label_counts.png", "codes.png"}
    assert list((run / "logs/tensorboard").rglob("code.tsv"))
    assert not list(run.rglob("*.npz"))
    assert "40 paid of 40" in done.stdout
    assert "is there already" in train(folder).stdout


def test_it_is_registered_behind_a_policy_that_no_label_is_needed_for(there: tuple[Path, Completed]) -> None:
    from mlflow import MlflowClient

    tags = MlflowClient(f"sqlite:///{there[0]}/mlflow.db").get_model_version("mnist_etc_full_model", "1").tags
    assert (tags["policy"], tags["leakage_bits"]) == ("label", "2")


def test_labels_come_from_the_database_alone_and_what_was_paid_is_not_paid_again(
    there: tuple[Path, Completed], here: Path, drawn: tuple[NDArray[np.uint8], NDArray[np.int64]]
) -> None:
    """As a killed run leaves it, half of the questions are asked; the labels of the data are chance meanwhile."""
    first, (images, labels) = run_of(there[0]), drawn
    asked = LabelStore.open(f"sqlite:///{first / 'labels.sqlite'}").known()[0][:20].tolist()
    store = LabelStore.create(
        f"sqlite:///{here / 'artifacts/toy' / first.name / 'labels.sqlite'}",
        images=images[:300],
        names=("0", "1", "2", "3"),
        labels=labels[:300],
        budget=40,
        dataset=fingerprint(images[:300]),
    )
    store.ask(asked, who="train_.few_labels", strategy="centers", scores=[0.0] * 20)
    write_idx(here / "data/toy/train-labels-idx1-ubyte.gz", np.random.default_rng(1).integers(4, size=300))
    done = train(here)
    assert done.returncode == 0, done.stderr
    assert paid(here) == 40
    assert same_weights(first / "models/full_model.h5", run_of(here) / "models/full_model.h5")


def test_the_model_is_one_that_other_commands_take(there: tuple[Path, Completed]) -> None:
    folder, _ = there
    figures = json.loads((run_of(folder) / "models/full_model_metrics.json").read_text())
    infer = python(str(ROOT / "infer.py"), "model=student", *USE, "summary=all.json", cwd=folder)
    assert infer.returncode == 0, infer.stderr
    assert json.loads((folder / "all.json").read_text())["accuracy"]["value"] == pytest.approx(figures["test_accuracy"])
    words = ["model=student", *USE, "gates=off", "policy=top1", "repository=served"]
    export = python("-m", "mnist_etc.export", *words, cwd=folder)
    assert export.returncode == 0, export.stderr


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
