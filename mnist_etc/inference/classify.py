"""Classify images with the ONNX full model on ONNX Runtime, or on a server; TensorFlow is never imported."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.inputs import Batch, ImageStream, InputOptions
from mnist_etc.errors import DataError, ExitCode
from mnist_etc.evaluation.familiarity import Familiarity
from mnist_etc.files import temporary
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.model import Classifier, SelectedModel, open_classifier, open_second_judge, select_model
from mnist_etc.inference.summary import UNFAMILIAR, Summary
from mnist_etc.inference.table import HEADER, rows
from mnist_etc.predictor import Predictor, softmax

__all__ = ["infer"]

FEW = 10
"""Images whose answers are printed besides."""


def infer(config: InferCommand) -> int:
    """Classify ``config.input``, or the test split, and write ``..._inference.csv``; show what the model saw if asked.

    Prints accuracy and per-class accuracy where labels are known, images per second, and where the file lies.

    Returns:
        0, or `ExitCode.SOME_SKIPPED` where images were named on stderr and skipped.

    Raises:
        ArtifactError: There is no full model of this configuration, it is altered, or the file cannot be written.
        ConfigError: ``config.server`` is not host:port.
        DataError: Nothing could be read.
        ServingError: The server does not answer, or serves another model.
    """
    model = select_model(config)
    with temporary(model.table) as path, open_classifier(config, model) as classifier:
        names = classifier.names
        source = _open_input(config, names)
        summary, sheets = _classify(config, model, source, classifier, path, names)
        if not summary.images:
            raise DataError(
                f"Expected at least one readable image in {config.input}; received {summary.bad:,} bad and no good "
                "one. Pass another input=."
            )
    summary.show()
    if sheets:
        print(f"what the model saw: {sheets[0]}" + (f" to {sheets[-1].name}" if len(sheets) > 1 else ""))
    print(f"privacy of the training images: {model.privacy}")
    print(model.table)
    return ExitCode.SOME_SKIPPED if summary.bad else ExitCode.DONE


def _open_input(config: InferCommand, names: Sequence[str]) -> ImageStream:
    """What is classified; the labels of a test split are those of the model's classes."""
    from mnist_etc.data import inputs, load_test

    if config.input is None:
        return inputs.stream_split(load_test(config.data).renumbered(names, "the model"))
    options = InputOptions(
        prepare=config.prepare,
        polarity=config.polarity,
        split=config.split,
        side=config.data.side,
        names=names,
        key=config.input_key or config.data.image_column,
        label_key=config.data.label_column,
        originals=config.show is not None,
    )
    return inputs.open_input(Path(config.input), options)


def _classify(
    config: InferCommand,
    model: SelectedModel,
    source: ImageStream,
    classifier: Classifier,
    path: Path,
    names: Sequence[str],
) -> tuple[Summary, list[Path]]:
    """Write the CSV file and the sheets; the counts, and where the sheets lie."""
    summary, sheets = Summary(names), list[Path]()
    second = open_second_judge(config, model)
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([source.key, *HEADER])
        for batch in source.batches:
            for failure in batch.failures:
                print(f"skipped: {failure}", file=sys.stderr)
            _check_labels(batch, names, config.input)
            start = time.perf_counter()
            logits = classifier.logits(batch.images) if isinstance(classifier, Predictor) else None
            probabilities = classifier.probabilities(batch.images) if logits is None else softmax(logits)
            seconds = time.perf_counter() - start
            distances = None
            if logits is not None and model.familiarity and config.input is not None:
                distances = _judge(batch, logits, model.familiarity, second)
            summary.add(batch, probabilities.argmax(axis=1), seconds)
            answered = rows(batch, probabilities, distances, names)
            writer.writerows(answered)
            if config.input is not None and summary.images <= FEW:
                print("\n".join(map(str, answered)))
            if config.show is not None:
                from mnist_etc.evaluation.sheets import write_sheets

                lines, first = list(map(str, answered)), len(sheets) + 1
                sheets += write_sheets(Path(config.show), batch.originals, list(batch.images), lines, first=first)
    return summary, sheets


def _check_labels(batch: Batch, names: Sequence[str], where: str | None) -> None:
    if batch.labels is not None and batch.labels.max(initial=0) >= len(names):
        raise DataError(
            f"Expected labels 0 to {len(names) - 1} in {where}, the classes of the model; received "
            f"{batch.labels.max()}. Correct them."
        )


def _judge(
    batch: Batch, logits: NDArray[np.float32], familiarity: Familiarity, second: tuple[Predictor, Familiarity] | None
) -> NDArray[np.float64]:
    """Distances from the training data, the greater where two judge; adds a warning for what is far from it."""
    distances = familiarity.distance(logits, batch.mismatch)
    if second:
        predictor, known = second
        distances = np.maximum(distances, known.distance(predictor.logits(batch.images), batch.mismatch))
    for row in np.flatnonzero(distances > 1):
        batch.warnings[row] = batch.warnings[row] or UNFAMILIAR
    return distances
