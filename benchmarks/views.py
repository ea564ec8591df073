"""What the mirror image adds to an answer: ``python benchmarks/views.py <folder of runs> ...``.

Of each ``full_model.onnx`` below the folders, as ``train_.supervised`` and ``train_.few_labels`` leave them, the
accuracy from the image alone and from the mean of the logits of it and of its mirror image, on validation and on test
images: what ``model.test_time_augmentation=none`` and ``=mirror`` publish of the same weights. Those that were trained
with ``mirror`` answer from both already, and are passed over. Writes ``benchmarks/results/views.md``.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
from common import ROOT, machine, table, versions, write_results

from mnist_etc.artifacts.config import SupervisedCommand
from mnist_etc.composition import compose
from mnist_etc.data import Split, load
from mnist_etc.predictor import Predictor


def accuracies(ask: Predictor, split: Split) -> list[str]:
    """In %, from the image alone and from both views."""
    image, mirrored = (ask.logits(np.ascontiguousarray(views)) for views in (split.images, split.images[:, :, ::-1]))
    return [f"{100 * np.mean(logits.argmax(axis=1) == split.labels):.2f}" for logits in (image, image + mirrored)]


def answers_from_one(path: Path) -> bool:
    """Whether a model answers from the image alone, by its manifest; where that names no views, it does."""
    trained = json.loads(path.with_suffix(".json").read_text())["configuration"]["model"]
    return bool(trained.get("test_time_augmentation", "none") == "none")


def main() -> None:
    """Read what is there, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--data", default="fashion_mnist")
    asked = parser.parse_args()
    found = (path.resolve() for folder in asked.folders for path in folder.rglob("models/full_model.onnx"))
    paths = [path for path in found if answers_from_one(path)]
    if not paths:
        parser.error("expected a model that was trained with model.test_time_augmentation=none; found none")
    os.chdir(ROOT)
    data = load(compose("supervised", SupervisedCommand, [f"data={asked.data}"]).data)
    rows = []
    for path in paths:
        ask = Predictor(path)
        rows.append([f"`{path.parents[1].name}`", *accuracies(ask, data.validation), *accuracies(ask, data.test)])
    write_results(
        "views",
        "An image and its mirror image",
        {
            "machine": machine(),
            "versions": versions("onnxruntime", "numpy"),
            "data": f"{asked.data}, {len(data.validation):,} validation and {len(data.test):,} test images",
        },
        "Accuracy in % of the same weights, from the image alone and from the mean of the logits of both. Runs are "
        "named after their keys. A `student` saw the validation images too, most of them without a label.",
        table(["run", "validation, one view", "both", "test, one view", "both"], sorted(rows)),
    )


if __name__ == "__main__":
    main()
