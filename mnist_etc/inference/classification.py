"""One classification: from an input, batch by batch, through the model into a table."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.inputs import Batch, ImageStream, InputOptions
from mnist_etc.data.labels import read_labels_file
from mnist_etc.data.source import InputPart
from mnist_etc.errors import DataError
from mnist_etc.evaluation.familiarity import Familiarity
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.labels import Labeler
from mnist_etc.inference.model import Classifier, SecondJudge, SelectedModel
from mnist_etc.inference.output import STANDARD_OUTPUT, Write, open_sink
from mnist_etc.inference.summary import UNFAMILIAR, Summary
from mnist_etc.inference.table import answers, columns
from mnist_etc.predictor import Predictor, softmax

__all__ = ["FEW", "Classification", "open_labels", "open_source"]

FEW = 10
"""Images whose answers are printed besides."""


def open_source(config: InferCommand, names: Sequence[str], part: InputPart | None = None) -> ImageStream:
    """What is classified, or a part of it; the labels of a test split are those of the model's classes."""
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
        part=part,
    )
    return inputs.open_input(Path(config.input), options)


def open_labels(config: InferCommand, source: ImageStream, names: Sequence[str]) -> Labeler:
    """What gives the images of ``source`` their labels."""
    folder = Path(config.input) if config.input is not None and Path(config.input).is_dir() else None
    return Labeler(
        names,
        given=None if config.labels is None else read_labels_file(Path(config.labels)),
        positions=source.key == "index",
        folder=folder,
        numbered=config.input is None,
    )


class Classification:
    """One classification: batch by batch from the input through the model into the table and the counts.

    Args:
        config: of the command.
        model: that answers.
        classifier: that model, loaded.
        source: the images.
        labeler: gives them their labels.
        tells: print the answers where they are few.
        second: judges beside the model how far an image is from the training data; see `open_second_judge`.
    """

    def __init__(
        self,
        config: InferCommand,
        model: SelectedModel,
        classifier: Classifier,
        source: ImageStream,
        labeler: Labeler,
        *,
        tells: bool = True,
        second: SecondJudge | None = None,
    ) -> None:
        self._config, self._model, self._classifier = config, model, classifier
        self._source, self._labeler = source, labeler
        self._second = second
        self._tells = tells and config.input is not None and config.output != STANDARD_OUTPUT
        self.summary = Summary(classifier.names, config.top)
        self.sheets: list[Path] = []

    @property
    def columns(self) -> list[str]:
        """Of the table."""
        return columns(self._source.key, min(self._config.top, len(self._classifier.names)))

    @property
    def positions(self) -> bool:
        """Whether the first column holds whole numbers."""
        return self._source.key == "index" and not self._config.split

    def classify(self, table: str) -> None:
        """Write the answers and the sheets.

        Raises:
            DataError: no image could be read, or the labels do not fit the images.
        """
        config = self._config
        chosen = "artifacts" if config.output is None else "output"
        with open_sink(table, self.columns, positions=self.positions, key=chosen) as write:
            self.pour(write)
            if not self.summary.images:
                raise DataError(
                    f"Expected at least one readable image in {config.input}; received {self.summary.bad:,} bad and no "
                    "good one. Pass another input=."
                )
            self._labeler.check_all(self.summary.bad)

    def pour(self, write: Write) -> None:
        """Hand every batch of answers to ``write``."""
        for batch in self._source.batches:
            write(self._answer(batch))

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
        if self._tells and self.summary.images <= FEW:
            print("\n".join(answered.lines()))
        if config.show is not None:
            from mnist_etc.evaluation.sheets import write_sheets

            lines, first = answered.lines(), len(self.sheets) + 1
            self.sheets += write_sheets(Path(config.show), batch.originals, list(batch.images), lines, first=first)
        return answered


def _judge(
    batch: Batch, logits: NDArray[np.float32], familiarity: Familiarity, second: SecondJudge | None
) -> NDArray[np.float64]:
    """Distances from the training data, the greater where two judge; adds a warning for what is far from it."""
    distances = familiarity.distance(logits, batch.mismatch)
    if second:
        predictor, known = second
        distances = np.maximum(distances, known.distance(predictor.logits(batch.images), batch.mismatch))
    for row in np.flatnonzero(distances > 1):
        batch.warnings[row] = batch.warnings[row] or UNFAMILIAR
    return distances
