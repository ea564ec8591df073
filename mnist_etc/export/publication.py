"""From a trained full model to a version in Triton's repository, checked before it gets its name."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx.external_data_helper import uses_external_data

from mnist_etc.artifacts import ArtifactFolder
from mnist_etc.data import Dataset, Split, load, scaled
from mnist_etc.errors import ExportError
from mnist_etc.export.int8 import quantise
from mnist_etc.export.serving_graph import build_serving_graph
from mnist_etc.files import sha256
from mnist_etc.serving.config import ExportCommand, InputType, Policy, Variant
from mnist_etc.serving.model_config import ModelConfig
from mnist_etc.serving.repository import ModelRepository
from mnist_etc.settings import configuration

__all__ = ["publish"]

COMPARED = 10_000
"""Images that the served graph and Keras are compared on."""
TOLERANCE = 1e-3
"""Between their logits or probabilities, in float32."""
MOST_LOST = 0.001
"""Fraction of the validation images by which a served graph may be worse than the model that was trained."""
CALIBRATION = 512
CHUNK = 64
TIMED_BATCH, TIMED_ROUNDS, TIMED_RUNS = 8, 7, 40


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A graph that may be published."""

    variant: Variant
    model: onnx.ModelProto


def publish(command: ExportCommand, repository: ModelRepository) -> int:
    """Build the graph that ``command`` asks for, check it, put it into service and print what was measured.

    Returns:
        The version.

    Raises:
        ArtifactError: there is no such trained model, it is altered, or the repository cannot be written.
        ExportError: a check failed; the version in service stays.
    """
    artifact = ArtifactFolder.of(command).full_model(command.autoencoder, command.classifier)
    settings = configuration(command, command.autoencoder, command.classifier)
    manifest = artifact.verified(artifact.onnx, settings)
    artifact.verified(artifact.h5, settings)
    dataset = load(command.data)
    artifact.verified(artifact.onnx, settings, dataset.sha256)
    chosen = _choose(command, onnx.load(artifact.onnx), dataset, private=manifest["epsilon"] is not None)
    checked: dict[str, float] = {}

    def write(path: Path) -> None:
        path.write_bytes(chosen.model.SerializeToString(deterministic=True))
        checked.update(_check(command, chosen, path, artifact.h5, dataset, manifest["metrics"]["validation_accuracy"]))

    version = repository.publish(
        write,
        ModelConfig(triton=command.triton, input_type=command.input_type, policy=command.policy, version=0),
        {
            "source": {artifact.onnx.name: sha256(artifact.onnx)},
            "configuration": settings,
            "variant": chosen.variant.value,
            "input_type": command.input_type.value,
            "policy": command.policy.value,
            "privacy": manifest["privacy"],
        },
    )
    print(
        f"version {version} in {repository.model}: {chosen.variant.value}, input {command.input_type.value}, "
        f"output {command.policy.value}"
    )
    for name, value in checked.items():
        print(f"  {name:<44}{value:.6g}")
    print(f"  privacy of the training images: {manifest['privacy']['words']}")
    return version


def _choose(command: ExportCommand, full: onnx.ModelProto, dataset: Dataset, *, private: bool) -> Candidate:
    """The variant asked for; of ``auto`` int8 where it is faster here and loses little."""
    plain = Candidate(variant=Variant.float32, model=build_serving_graph(full, command.input_type, command.policy))
    if command.variant is Variant.float32:
        return plain
    calibration = dataset.validation if private else dataset.train  # a private model's guarantee covers train
    int8 = Candidate(variant=Variant.int8, model=quantise(plain.model, calibration.images[:CALIBRATION]))
    if command.variant is Variant.int8:
        return int8
    speedup = _speedup(int8, plain, dataset.validation.images[:TIMED_BATCH], command.input_type)
    lost = _accuracy(plain, dataset.validation, command) - _accuracy(int8, dataset.validation, command)
    print(f"int8 over float32: {speedup:.2f} times as fast at batch {TIMED_BATCH}, {100 * lost:.2f} points lost")
    return int8 if speedup > 1 and lost <= MOST_LOST else plain


def _check(
    command: ExportCommand, chosen: Candidate, path: Path, h5: Path, dataset: Dataset, trained: float
) -> dict[str, float]:
    """The figures of the file in ``path`` once it passed every check."""
    model = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(model)
    if any(uses_external_data(tensor) for tensor in model.graph.initializer):
        raise ExportError("Expected one file; received a model with external data. It was not published.")
    images = dataset.train.images[:COMPARED]
    served, kept = _answers(_session(path), images, command.input_type), _keras(command, h5, images)
    if not np.isfinite(served).all():
        raise ExportError("Expected finite answers; received others. The model was not published.")
    agreement = float(np.mean(served.argmax(axis=1) == kept.argmax(axis=1)))
    difference = float(np.abs(served - kept).max())
    if chosen.variant is Variant.float32 and not difference < TOLERANCE:
        raise ExportError(
            f"Expected the served graph and Keras to agree within {TOLERANCE} on {len(images):,} images; received a "
            f"difference of {difference:.2g}. The model was not published."
        )
    accuracy = _accuracy(chosen, dataset.validation, command)
    if accuracy < trained - MOST_LOST:
        raise ExportError(
            f"Expected a validation accuracy of {trained:.4f} as trained, less {MOST_LOST} at most; received "
            f"{accuracy:.4f}. The model was not published; pass variant=float32."
        )
    return {
        f"same class as Keras, of {len(images):,} images": agreement,
        f"largest difference of {command.policy.value}": difference,
        "validation accuracy": accuracy,
    }


def _keras(command: ExportCommand, h5: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    from mnist_etc.backend import load_tensorflow

    load_tensorflow(command.seed)
    from mnist_etc.models.full_model import read_full_model

    model = read_full_model(command.autoencoder, command.classifier, h5)
    logits = _in_chunks(lambda part: model(scaled(part), training=False).numpy(), images)
    if command.policy is Policy.logits:
        return logits
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _accuracy(candidate: Candidate, split: Split, command: ExportCommand) -> float:
    session = _session(candidate.model.SerializeToString())
    return float(np.mean(_answers(session, split.images, command.input_type).argmax(axis=1) == split.labels))


def _speedup(one: Candidate, other: Candidate, images: NDArray[np.uint8], kind: InputType) -> float:
    """Median over interleaved rounds of how many times as fast ``one`` is, on one thread."""
    sessions = [_session(candidate.model.SerializeToString()) for candidate in (one, other)]
    seconds = np.empty((TIMED_ROUNDS, 2))
    for cell in np.ndindex(seconds.shape):
        start = time.perf_counter()
        for _ in range(TIMED_RUNS):
            _answers(sessions[cell[1]], images, kind)
        seconds[cell] = time.perf_counter() - start
    return float(np.median(seconds[:, 1] / seconds[:, 0]))


def _answers(session: onnxruntime.InferenceSession, images: NDArray[np.uint8], kind: InputType) -> NDArray[np.float32]:
    prepare = scaled if kind is InputType.float32 else partial(np.expand_dims, axis=3)
    return _in_chunks(lambda part: session.run(["output"], {"input": prepare(part)})[0], images)


def _in_chunks(
    answer: Callable[[NDArray[np.uint8]], NDArray[np.float32]], images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    return np.concatenate([answer(images[first : first + CHUNK]) for first in range(0, len(images), CHUNK)])


def _session(model: Path | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
