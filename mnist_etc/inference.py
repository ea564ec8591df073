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

from mnist_etc import manifest, pretrained
from mnist_etc.artifacts import Artifact, ArtifactFolder
from mnist_etc.config import InferCommand, Model
from mnist_etc.data.dataset import CLASSES, SIDE
from mnist_etc.data.inputs import EMPTY, SEVERAL, Batch, Reading, Source
from mnist_etc.errors import ArtifactError, DataError
from mnist_etc.files import temporary
from mnist_etc.settings import configuration

__all__ = ["SOME_BAD", "Classifies", "Predictor", "infer", "softmax"]

SOME_BAD = 3
"""Exit code where some images could not be read and the others are in the file."""
CHUNK = 64
"""Images a run of the model: activations of one chunk are what it holds in memory."""
ERRORS_ONLY = 3
WORDS = {
    EMPTY: "no figure was found, so there is no answer",
    SEVERAL: "several figures were found, the main one is answered; split=true answers each",
}


class Classifies(Protocol):
    """What tells digits apart: ONNX Runtime here, or a server."""

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """From uint8 ``(n, 28, 28)``, light on dark, to float32 ``(n, 10)``."""


class Predictor:
    """The full model: ``input`` float32 ``(batch, 28, 28, 1)`` in [0, 1] to ``output``, logits ``(batch, 10)``.

    Args:
        path: ONNX file.
        threads: of ONNX Runtime; 0: one a core.

    Raises:
        ArtifactError: ONNX Runtime cannot load the file, or its input and output are others.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = ERRORS_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors share no base class
            cause = " ".join(str(error).split())
            raise ArtifactError(f"Expected an ONNX model in {path}; received: {cause}. Train it again.") from error
        received = {value.name: value.shape[1:] for value in self._session.get_inputs() + self._session.get_outputs()}
        if received != {"input": [SIDE, SIDE, 1], "output": [CLASSES]}:
            raise ArtifactError(
                f"Expected input (batch, {SIDE}, {SIDE}, 1) and output (batch, {CLASSES}) in {path}; "
                f"received {received}. Train it again."
            )

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class probabilities.

        Args:
            images: uint8 ``(n, 28, 28)``, light on dark.

        Returns:
            float32 ``(n, 10)``, each row a softmax.
        """
        out = np.empty((len(images), CLASSES), np.float32)
        for start in range(0, len(images), CHUNK):
            part = slice(start, start + CHUNK)
            scaled = images[part, :, :, None].astype(np.float32) / np.float32(255)
            out[part] = softmax(self._session.run(["output"], {"input": scaled})[0])
        return out


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
        tally, sheets = _classify(config, source, classifier, path)
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


def _chosen(config: InferCommand) -> Chosen:
    folder = ArtifactFolder.of(config)
    artifact = folder.full_model(config.autoencoder, config.classifier)
    missing = config.server is None and not artifact.manifest.exists() and not artifact.onnx.exists()
    fits = config.input is not None and config.data.name in pretrained.DATASETS
    if config.model is Model.pretrained or (config.model is Model.auto and missing and fits):
        why = (
            "" if config.model is Model.pretrained else f"; {artifact.onnx} is not there, to make it: {artifact.remedy}"
        )
        print(f"model=pretrained, the network for handwritten digits that comes with the package{why}", flush=True)
        onnx, words = pretrained.verified()
        return Chosen(onnx=onnx, answers=folder.pretrained_inference, privacy=words)
    return Chosen(
        onnx=artifact.onnx,
        answers=folder.inference(config.autoencoder, config.classifier),
        privacy=_privacy(config, artifact),
    )


def _privacy(config: InferCommand, artifact: Artifact) -> str:
    """The words of the manifest, which must agree with the model; a server's model may be another."""
    settings = configuration(config, config.autoencoder, config.classifier)
    if config.server is None:
        return str(artifact.verified(artifact.onnx, settings)["privacy"]["words"])
    with suppress(ArtifactError):
        content = manifest.read(artifact.manifest, artifact.remedy)
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


def _source(config: InferCommand) -> Source:
    from mnist_etc.data import inputs, load_test

    if config.input is None:
        return inputs.of_split(load_test(config.data))
    reading = Reading(
        prepare=config.prepare, polarity=config.polarity, split=config.split, originals=config.show is not None
    )
    return inputs.open_input(Path(config.input), reading)


def _classify(config: InferCommand, source: Source, classifier: Classifies, path: Path) -> tuple[Tally, list[Path]]:
    """Write the CSV and the sheets; what was seen, and where the sheets lie."""
    tally = Tally()
    sheets: list[Path] = []
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([source.key, "predicted", "probability", "label", "warning"])
        for batch in source.batches:
            for failure in batch.failures:
                print(f"skipped: {failure}", file=sys.stderr)
            start = time.perf_counter()
            probabilities = classifier.probabilities(batch.images)
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
            rows = list(zip(batch.names, digits, best, labels, batch.warnings, strict=True))
            writer.writerows(rows)
            if config.show is not None:
                from mnist_etc.evaluation.sheets import write_sheets

                captions = [
                    " ".join(filter(None, (name, digit, share, warning))) for name, digit, share, _, warning in rows
                ]
                sheets += write_sheets(
                    Path(config.show), batch.originals, list(batch.images), captions, first=len(sheets) + 1
                )
    return tally, sheets


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


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities from logits, both float32 ``(n, 10)``."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
