"""Classify images with the ONNX full model on ONNX Runtime, or on a server; TensorFlow is never imported."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.inputs import Batch, ImageStream, InputOptions
from mnist_etc.data.labels import read_labels_file
from mnist_etc.errors import DataError, ExitCode
from mnist_etc.evaluation.familiarity import Familiarity
from mnist_etc.files import write_bytes
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.labels import Labeler
from mnist_etc.inference.model import Classifier, SelectedModel, open_classifier, open_second_judge, select_model
from mnist_etc.inference.output import STANDARD_OUTPUT, check_output, check_target, open_sink, side_files
from mnist_etc.inference.summary import ALL_SHOWN, SCHEMA, UNFAMILIAR, Summary
from mnist_etc.inference.table import answers, columns
from mnist_etc.predictor import Predictor, softmax

__all__ = ["infer"]

FEW = 10
"""Images whose answers are printed besides."""


def infer(config: InferCommand) -> int:
    """Classify ``config.input``, or the test split, and write the answers; show what the model saw if asked.

    Prints accuracy and per-class accuracy where labels are known, images per second, and where the files lie. Where the
    answers or the summary go to standard output, all else goes to standard error.

    Returns:
        0, or `ExitCode.SOME_SKIPPED` where images were named on stderr and skipped.

    Raises:
        ArtifactError: There is no full model of this configuration, it is altered, or the file cannot be written.
        ConfigError: ``config.server`` is not host:port, or ``output=`` or ``summary=`` cannot be written.
        DataError: Nothing could be read, or the labels do not fit the images.
        ServingError: The server does not answer, or serves another model.
    """
    reads = [config.input, config.labels]
    check_output(config.output, reads, config.force)
    check_target(config.summary, "summary", (".json",), [*reads, config.output], config.force)
    if STANDARD_OUTPUT not in (config.output, config.summary):
        return _infer(config)
    with contextlib.redirect_stdout(sys.stderr):
        return _infer(config)


def _infer(config: InferCommand) -> int:
    model = select_model(config)
    table = config.output or str(model.table)
    with open_classifier(config, model) as classifier:
        source = _open_input(config, classifier.names)
        labeler = _open_labels(config, source, classifier.names)
        run = _Run(config, model, classifier, source, labeler)
        run.classify(table)
    summary = run.summary
    written = _write_side_files(config, summary, table)
    summary.show(labeler, next(iter(written), "in the summary, summary=<file.json>"))
    if run.sheets:
        first, last = run.sheets[0], run.sheets[-1]
        print(f"what the model saw: {first}" + (f" to {last.name}" if first != last else ""))
    print(f"privacy of the training images: {model.privacy}")
    if written:
        print(f"classes and confusions: {', '.join(written)}")
    if config.summary is not None:
        _write_summary(config.summary, {"schema": SCHEMA, **_heading(config, model, table), **summary.content(labeler)})
    print("standard output" if table == STANDARD_OUTPUT else table)
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


def _open_labels(config: InferCommand, source: ImageStream, names: Sequence[str]) -> Labeler:
    folder = Path(config.input) if config.input is not None and Path(config.input).is_dir() else None
    return Labeler(
        names,
        given=None if config.labels is None else read_labels_file(Path(config.labels)),
        positions=source.key == "index",
        folder=folder,
        numbered=config.input is None,
    )


class _Run:
    """One classification: batch by batch from the input through the model into the table and the counts."""

    def __init__(
        self, config: InferCommand, model: SelectedModel, classifier: Classifier, source: ImageStream, labeler: Labeler
    ) -> None:
        self._config, self._model, self._classifier = config, model, classifier
        self._source, self._labeler = source, labeler
        self._second = open_second_judge(config, model)
        self.summary = Summary(classifier.names, config.top)
        self.sheets: list[Path] = []

    def classify(self, table: str) -> None:
        """Write the answers and the sheets.

        Raises:
            DataError: no image could be read, or the labels do not fit the images.
        """
        config, key = self._config, self._source.key
        names = columns(key, min(config.top, len(self._classifier.names)))
        chosen = "artifacts" if config.output is None else "output"
        with open_sink(table, names, positions=key == "index" and not config.split, key=chosen) as write:
            for batch in self._source.batches:
                write(self._answer(batch))
            if not self.summary.images:
                raise DataError(
                    f"Expected at least one readable image in {config.input}; received {self.summary.bad:,} bad and no "
                    "good one. Pass another input=."
                )
            self._labeler.check_all(self.summary.bad)

    def _answer(self, batch: Batch) -> Any:
        config = self._config
        for failure in batch.failures:
            print(f"skipped: {failure}", file=sys.stderr)
        labeled = self._labeler.label(batch)
        start = time.perf_counter()
        logits = self._classifier.logits(batch.images) if isinstance(self._classifier, Predictor) else None
        probabilities = self._classifier.probabilities(batch.images) if logits is None else softmax(logits)
        seconds = time.perf_counter() - start
        distances = None
        if logits is not None and self._model.familiarity and config.input is not None:
            distances = _judge(batch, logits, self._model.familiarity, self._second)
        top = min(config.top, len(self._classifier.names))
        answered = answers(batch, probabilities, self._classifier.names, labeled=labeled, distances=distances, top=top)
        self.summary.add(batch, answered, labeled, seconds)
        if config.input is not None and self.summary.images <= FEW and config.output != STANDARD_OUTPUT:
            print("\n".join(answered.lines()))
        if config.show is not None:
            from mnist_etc.evaluation.sheets import write_sheets

            lines, first = answered.lines(), len(self.sheets) + 1
            self.sheets += write_sheets(Path(config.show), batch.originals, list(batch.images), lines, first=first)
        return answered


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


def _write_side_files(config: InferCommand, summary: Summary, table: str) -> list[str]:
    """Write a row a class, the confusion matrix and its picture beside the table, where labels are known.

    Not of a dataset's test split, unless the terminal cannot show all its classes or ``output=`` is given.
    """
    asked = config.input is not None or config.output is not None or len(summary.names) > ALL_SHOWN
    names = side_files(table) if summary.labeled and asked else []
    if not names:
        return []
    from mnist_etc.evaluation.confusion_picture import write_confusion

    key, matrix = "output", summary.confusion
    matrix.write_classes(names[0], key=key)
    matrix.write(names[1], key=key)
    write_confusion(names[2], matrix, key=key)
    return [str(names[0]), *(name.name for name in names[1:])]


def _heading(config: InferCommand, model: SelectedModel, table: str) -> dict[str, Any]:
    """What was asked, for the summary."""
    return {
        "model": config.server or str(model.onnx),
        "privacy": model.privacy,
        "input": config.input,
        "labels": config.labels,
        "output": table,
    }


def _write_summary(target: str, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    if target != STANDARD_OUTPUT:
        write_bytes(Path(target), text.encode(), key="summary")
    elif sys.__stdout__ is not None:
        sys.__stdout__.write(text)
        sys.__stdout__.flush()
