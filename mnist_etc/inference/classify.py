"""Classify images with the ONNX full model on ONNX Runtime; TensorFlow is never imported."""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_etc import pretrained
from mnist_etc.artifacts import manifest
from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.fingerprint import configuration
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.artifacts.remedies import program
from mnist_etc.data.dataset import CLASSES
from mnist_etc.data.inputs import EMPTY, SEVERAL, Batch, ImageStream, InputOptions
from mnist_etc.errors import ArtifactError, DataError, ExitCode
from mnist_etc.evaluation.familiarity import Familiarity
from mnist_etc.files import temporary
from mnist_etc.inference.config import InferCommand, ModelSource
from mnist_etc.predictor import Predictor, softmax

__all__ = ["SOME_BAD", "Classifies", "infer"]

SOME_BAD = ExitCode.SOME_SKIPPED
"""Exit code where some images could not be read and the others are in the file."""
UNFAMILIAR = "unfamiliar"
FEW = 10
"""Images whose answers are printed besides."""
WORDS = {
    EMPTY: "no figure was found, so there is no answer",
    UNFAMILIAR: "far from the training data, so the answer means little",
    SEVERAL: "several figures were found, the main one is answered; split=true answers each",
}


class Classifies(Protocol):
    """What tells digits apart: ONNX Runtime here, or a server."""

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """From uint8 ``(n, 28, 28)``, light on dark, to float32 ``(n, 10)``."""


@dataclass
class Tally:
    """What was seen so far."""

    right: NDArray[np.int64] = field(default_factory=lambda: np.zeros(CLASSES, np.int64))
    """Images of each label that were predicted as it."""
    labelled: NDArray[np.int64] = field(default_factory=lambda: np.zeros(CLASSES, np.int64))
    warnings: Counter[str] = field(default_factory=Counter)
    images: int = 0
    bad: int = 0
    seconds: float = 0.0
    """Spent in the model, reading and writing not counted."""

    def add(self, batch: Batch, predicted: NDArray[np.int64], seconds: float) -> None:
        """Count one batch."""
        self.images += len(batch.images)
        self.bad += len(batch.failures)
        self.seconds += seconds
        self.warnings.update(filter(None, batch.warnings))
        if batch.labels is not None:
            known = batch.labels >= 0
            met = known & (batch.labels == predicted) & (np.array(batch.warnings) != EMPTY)
            self.labelled += np.bincount(batch.labels[known], minlength=CLASSES)
            self.right += np.bincount(batch.labels[met], minlength=CLASSES)


def infer(config: InferCommand) -> int:
    """Classify ``config.input``, or the test split, and write ``..._inference.csv``; show what the model saw if asked.

    Prints accuracy and per-class accuracy where labels are known, images per second, and where the file lies.

    Returns:
        0, or `SOME_BAD` where images were named on stderr and skipped.

    Raises:
        ArtifactError: no full model of this configuration, or it is altered; or the file cannot be written.
        ConfigError: ``config.server`` is not host:port.
        DataError: nothing could be read.
        ServingError: the server does not answer, or serves another model.
    """
    chosen = _chosen(config)
    source = _source(config)
    with temporary(chosen.answers) as path, _classifier(config, chosen.onnx) as classifier:
        tally, sheets = _classify(config, chosen, source, classifier, path)
        if not tally.images:
            raise DataError(
                f"Expected at least one readable image in {config.input}; received {tally.bad:,} bad and no good one. "
                "Pass another input=."
            )
    _report(tally, sheets, chosen)
    return SOME_BAD if tally.bad else 0


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The model that classifies."""

    onnx: Path
    answers: Path
    """The CSV to write."""
    privacy: str
    """What it promises about its training images."""
    familiarity: Familiarity | None
    """How it answers what it knows; None: nobody measured it, or a server answers."""


def _chosen(config: InferCommand) -> Chosen:
    folder = ArtifactFolder.of(config)
    artifact = folder.full_model(config.autoencoder, config.classifier)
    missing = config.server is None and not artifact.manifest.exists() and not artifact.onnx.exists()
    fits = config.input is not None and config.data.name in pretrained.DATASETS
    if config.model is ModelSource.pretrained or (config.model is ModelSource.auto and missing and fits):
        make = f"{artifact.onnx} is not there, to make it: {program('train')} with the same training keys"
        why = "" if config.model is ModelSource.pretrained else f"; {make}"
        print(f"model=pretrained, the network for handwritten digits that comes with the package{why}", flush=True)
        onnx, content = pretrained.verified()
        answers = folder.pretrained_inference
    elif config.server is not None:
        onnx, content = artifact.onnx, {"privacy": {"words": _words_beside(config, artifact)}, "metrics": {}}
        answers = folder.inference(config.autoencoder, config.classifier)
    else:
        settings = configuration(config, config.autoencoder, config.classifier)
        onnx, content = artifact.onnx, artifact.verified(artifact.onnx, settings)
        answers = folder.inference(config.autoencoder, config.classifier)
    return Chosen(
        onnx=onnx,
        answers=answers,
        privacy=content["privacy"]["words"],
        familiarity=Familiarity.of(content["metrics"]),
    )


def _words_beside(config: InferCommand, artifact: Artifact) -> str:
    """The words of a manifest that agrees with the configuration; the server's model may be another."""
    with suppress(ArtifactError):
        content = manifest.read(artifact.manifest, lambda: artifact.remedy)
        settings = configuration(config, config.autoencoder, config.classifier)
        if not manifest.differences(content, settings):
            return f"{content['privacy']['words']} (says {artifact.manifest}; the server does not)"
    return "unknown: the server does not say"


@contextmanager
def _classifier(config: InferCommand, onnx: Path) -> Iterator[Classifies]:
    if config.server is None:
        yield Predictor(onnx, config.threads)
        return
    from mnist_etc.serving.client import TritonPredictor

    with TritonPredictor(config.server, config.protocol) as predictor:
        yield predictor


def _source(config: InferCommand) -> ImageStream:
    from mnist_etc.data import inputs, load_test

    if config.input is None:
        return inputs.stream_split(load_test(config.data))
    options = InputOptions(
        prepare=config.prepare, polarity=config.polarity, split=config.split, originals=config.show is not None
    )
    return inputs.open_input(Path(config.input), options)


def _classify(
    config: InferCommand, chosen: Chosen, source: ImageStream, classifier: Classifies, path: Path
) -> tuple[Tally, list[Path]]:
    """Write the CSV and the sheets; what was seen, and where the sheets lie."""
    tally = Tally()
    sheets: list[Path] = []
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([source.key, "predicted", "probability", "label", "warning", "distance"])
        for batch in source.batches:
            for failure in batch.failures:
                print(f"skipped: {failure}", file=sys.stderr)
            start = time.perf_counter()
            probabilities, distances = _answered(classifier, batch, chosen.familiarity if config.input else None)
            seconds = time.perf_counter() - start
            predicted = probabilities.argmax(axis=1)
            tally.add(batch, predicted, seconds)
            labels = [""] * len(predicted)
            if batch.labels is not None:
                labels = [str(label) if label >= 0 else "" for label in batch.labels.tolist()]
            best = [f"{value:.6f}" for value in probabilities.max(axis=1).tolist()]
            digits = [str(digit) for digit in predicted.tolist()]
            for row in np.flatnonzero(np.array(batch.warnings) == EMPTY):
                digits[row] = best[row] = ""
            rows = list(zip(batch.names, digits, best, labels, batch.warnings, distances, strict=True))
            writer.writerows(rows)
            lines = [_line(row[0], row[1], row[2], row[4]) for row in rows]
            if config.input is not None and tally.images <= FEW:
                print("\n".join(lines))
            if config.show is not None:
                from mnist_etc.evaluation.sheets import write_sheets

                first = len(sheets) + 1
                sheets += write_sheets(Path(config.show), batch.originals, list(batch.images), lines, first=first)
    return tally, sheets


def _line(name: str, digit: str, share: str, warning: str) -> str:
    """``photo.png: 7 (0.98), several``."""
    answer = f"{digit} ({float(share):.2f})" if digit else ""
    return f"{name}: " + ", ".join(filter(None, (answer, warning)))


def _answered(
    classifier: Classifies, batch: Batch, familiarity: Familiarity | None
) -> tuple[NDArray[np.float32], list[str]]:
    """Probabilities, and the distance from the training data as text; adds a warning for what is far from it."""
    if familiarity is None or not isinstance(classifier, Predictor):
        return classifier.probabilities(batch.images), [""] * len(batch.names)
    logits = classifier.logits(batch.images)
    distances = familiarity.distance(logits, batch.mismatch)
    for row in np.flatnonzero(distances > 1):
        batch.warnings[row] = batch.warnings[row] or UNFAMILIAR
    return softmax(logits), [f"{distance:.3f}" for distance in distances]


def _report(tally: Tally, sheets: list[Path], chosen: Chosen) -> None:
    labelled = int(tally.labelled.sum())
    if labelled:
        print(f"accuracy {tally.right.sum() / labelled:.4f} on {labelled:,} images")
        for label, (right, count) in enumerate(zip(tally.right, tally.labelled, strict=True)):
            print(f"  class {label}: " + (f"{right / count:.4f} of {count:,}" if count else "no image"))
    else:
        print("accuracy unknown: no labels with these images")
    print(f"{tally.images:,} images at {tally.images / tally.seconds:,.0f} images/s")
    if tally.bad:
        print(f"skipped {tally.bad:,} of {tally.images + tally.bad:,} images; each is named above", file=sys.stderr)
    for warning, count in tally.warnings.items():
        print(f"{count:,} of {tally.images:,} images: {WORDS[warning]} (warning {warning!r} in the file)")
    if sheets:
        print(f"what the model saw: {sheets[0]}" + (f" to {sheets[-1].name}" if len(sheets) > 1 else ""))
    print(f"privacy of the training images: {chosen.privacy}")
    print(chosen.answers)
