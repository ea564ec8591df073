"""Synthetic answers and finished files to report on: nothing is trained, and TensorFlow is not loaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from samples import linear_model

from mnist_etc.artifacts.manifest import encode
from mnist_etc.evaluation.figures import Figures
from mnist_etc.evaluation.report import Places

__all__ = ["AWKWARD", "COMMAND", "Judged", "figures", "finished", "manifest", "places"]

AWKWARD = ("$x^2$ \\frac{1}{2}", "a|b", "あ", "<b>`q`</b>", "100% _of_ *it*", "[link](x)", "---", "Ж", "#1", "y" * 90)
COMMAND = "python -m train_.supervised model=cnn data=digits model.epochs=6"


@dataclass(frozen=True)
class Judged:
    """What a release gate says."""

    gate: str
    figure: float | None
    bound: float
    passed: bool
    at_most: bool = False
    words: str = "in words"


def figures(names: Sequence[str] = AWKWARD, images: int = 400, side: int = 8) -> Figures:
    """Answers that are mostly right; the last class has no image."""
    generator = np.random.default_rng(len(names))
    labels = generator.integers(0, len(names) - 1, images)
    logits = generator.normal(0, 1.5, (images, len(names))).astype(np.float32)
    logits[np.arange(images), labels] += 4
    pixels = generator.integers(0, 256, (images, side, side), np.uint8)
    milliseconds = generator.gamma(9, 0.2, 300).tolist()
    return Figures(names=names, labels=labels, logits=logits, images=pixels, latency=milliseconds)


def manifest(**privacy: Any) -> dict[str, Any]:
    """Of a model that was trained on the bundled digits, by default without privacy."""
    content = encode(
        files={},
        settings={"data": {"name": "digits", "kind": "digits"}, "seed": 0, "model": {"epochs": 6, "augment": False}},
        dataset={"dataset_hmac_sha256": "ab" * 32} if privacy else {"dataset_sha256": "cd" * 32},
        sources={},
        metrics={"validation_accuracy": 0.9},
        privacy={"words": "none: trained without DP-SGD", "epsilon": None, "stages": []} | privacy,
    )
    return dict(json.loads(content))


def places(folder: Path) -> Places:
    """Where a run in ``folder`` has its files."""
    return Places(
        h5=folder / "models/full_model.h5",
        onnx=folder / "models/full_model.onnx",
        info=folder / "model_info.json",
        metrics=folder / "logs/metrics.json",
        card=folder / "model_card/model_card.md",
        plots=folder / "plots",
    )


def finished(folder: Path, told: Figures) -> Places:
    """The same, with a model: flat pixels to logits, by a layer called "dense" in a network within the network."""
    run = places(folder)
    run.h5.parent.mkdir(parents=True)
    run.onnx.write_bytes(linear_model(told.images, told.labels, told.names))
    layers = [
        {"class_name": "InputLayer", "config": {"name": "input_layer"}},
        {"class_name": "Flatten", "config": {"name": "flatten"}},
        {"class_name": "Sequential", "config": {"name": "head", "layers": [
            {"class_name": "mnist_etc>Dense", "config": {"name": "dense"}}]}},
    ]  # fmt: skip
    with h5py.File(run.h5, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"name": "x", "layers": layers}})
        file["model_weights/head/head/dense/kernel"] = np.zeros((64, len(told.names)), np.float32)
        file["model_weights/head/head/dense/bias"] = np.zeros(len(told.names), np.float32)
    return run
