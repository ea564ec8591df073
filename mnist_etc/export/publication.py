"""From a trained full model to a version in Triton's repository, checked before it gets its name."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx.external_data_helper import uses_external_data

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.artifacts.fingerprint import configuration
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.data import Dataset, Split, load, scaled
from mnist_etc.errors import ExportError
from mnist_etc.export.config import ExportCommand, InputType, Variant
from mnist_etc.export.int8 import quantise
from mnist_etc.export.model_config import ModelConfig
from mnist_etc.export.repository import ModelRepository
from mnist_etc.export.serving_graph import build_serving_graph
from mnist_etc.files import sha256
from mnist_etc.policy.config import AUTO
from mnist_etc.policy.graph import answers, append_policy
from mnist_etc.policy.output_policy import OutputPolicy, fit_policy
from mnist_etc.policy.specification import format_policy
from mnist_etc.policy.utility import PolicyUtility

__all__ = ["Source", "publish"]

COMPARED = 10_000
"""Images that the served graph and Keras are compared on."""
TOLERANCE = 1e-3
"""Between their logits, in float32."""
POLICY_TOLERANCE = 1e-6
"""Between what is served and what the policy makes of the same logits."""
MOST_LOST = 0.001
"""Fraction of the validation images by which a served graph may be worse than the model that was trained."""
CALIBRATION = 512
CHUNK = 64
TIMED_BATCH, TIMED_ROUNDS, TIMED_RUNS = 8, 7, 40


@dataclass(frozen=True, kw_only=True)
class Source:
    """A trained full model, verified, and the data it was trained on."""

    artifact: Artifact
    manifest: dict[str, Any]
    dataset: Dataset

    @classmethod
    def of(cls, command: TrainCommand) -> Source:
        """What the training keys of ``command`` choose.

        Raises:
            ArtifactError: there is none, or it is altered or of other data.
            DataError: the data cannot be read.
        """
        artifact = ArtifactFolder.of(command).full_model(command.autoencoder, command.classifier)
        settings = configuration(command, command.autoencoder, command.classifier)
        manifest = artifact.verified(artifact.onnx, settings)
        artifact.verified(artifact.h5, settings)
        dataset = load(command.data)
        artifact.verified(artifact.onnx, settings, dataset.sha256)
        return cls(artifact=artifact, manifest=manifest, dataset=dataset)

    def graph(self, input_type: InputType, variant: Variant) -> onnx.ModelProto:
        """The graph to serve, before its policy; int8 is calibrated on `images`."""
        plain = build_serving_graph(onnx.load(self.artifact.onnx), input_type)
        if variant is Variant.float32:
            return plain
        return quantise(plain, self.images(CALIBRATION))

    def images(self, count: int) -> NDArray[np.uint8]:
        """``count`` training images, or all; of a private model, whose guarantee covers them, validation images."""
        return (self.dataset.validation if self.private else self.dataset.train).images[:count]

    @property
    def private(self) -> bool:
        """Whether a guarantee covers the training images."""
        return self.manifest["epsilon"] is not None


def publish(command: ExportCommand, repository: ModelRepository) -> int:
    """Build the graph that ``command`` asks for, check it, put it into service and print what was measured.

    Returns:
        The version.

    Raises:
        ArtifactError: there is no such trained model, it is altered, or the repository cannot be written.
        ExportError: a check failed; the version in service stays.
    """
    source = Source.of(command)
    manifest = source.manifest
    variant = _chosen_variant(command, source)
    model = source.graph(command.input_type, variant)
    policy = _chosen_policy(command, source, _session(model.SerializeToString()))
    checked: dict[str, float] = {}

    def write(path: Path) -> None:
        path.write_bytes(append_policy(model, policy).SerializeToString(deterministic=True))
        checked.update(_check(command, source, variant, policy, model, path))

    version = repository.publish(
        write,
        ModelConfig(triton=command.triton, input_type=command.input_type, policy=policy.config.name, version=0),
        {
            "source": {source.artifact.onnx.name: sha256(source.artifact.onnx)},
            "configuration": manifest["configuration"],
            "variant": variant.value,
            "input_type": command.input_type.value,
            "policy": policy.about(),
            "privacy": manifest["privacy"],
        },
    )
    print(
        f"version {version} in {repository.model}: {variant.value}, input {command.input_type.value}, "
        f"output {format_policy(policy.config)}, at most {policy.leakage_bits():.4g} bits an answer"
    )
    for name, value in checked.items():
        print(f"  {name:<44}{value:.6g}")
    print(f"  privacy of the training images: {manifest['privacy']['words']}")
    return version


def _chosen_variant(command: ExportCommand, source: Source) -> Variant:
    """The variant asked for; for ``auto`` int8 where it is faster here and loses little."""
    if command.variant is not Variant.auto:
        return command.variant
    validation = source.dataset.validation
    models = [
        source.graph(command.input_type, variant).SerializeToString() for variant in (Variant.int8, Variant.float32)
    ]
    speedup = _speedup(models, validation.images[:TIMED_BATCH], command.input_type)
    int8, float32 = (_accuracy(_session(model), validation, command.input_type) for model in models)
    print(f"int8: {speedup:.2f} times as fast at batch {TIMED_BATCH}, {100 * (float32 - int8):.2f} points lost")
    return Variant.int8 if speedup > 1 and float32 - int8 <= MOST_LOST else Variant.float32


def _chosen_policy(command: ExportCommand, source: Source, session: onnxruntime.InferenceSession) -> OutputPolicy:
    """The policy asked for, fitted on the validation images; for ``auto`` the one that the search finds."""
    judged, config = source.dataset.validation, command.policy
    logits = _answers(session, judged.images, command.input_type)
    if config.name == AUTO:
        from mnist_etc.attack.examples import Examples
        from mnist_etc.attack.policy_search import best_policy

        if source.private:  # the guarantee covers the training images: this search looks at none of them
            half = len(judged) // 2
            own = Examples(judged.images[:half], judged.labels[:half], logits[:half])
            targets = Examples(judged.images[half:], judged.labels[half:], logits[half:])
        else:
            train = source.dataset.train
            own = Examples(train.images, train.labels, _answers(session, train.images, command.input_type))
            targets = Examples(judged.images, judged.labels, logits)
        config = best_policy(config, command.attack, own, targets, command.seed)
    return fit_policy(config, logits, judged.labels)


def _check(
    command: ExportCommand,
    source: Source,
    variant: Variant,
    policy: OutputPolicy,
    before: onnx.ModelProto,
    path: Path,
) -> dict[str, float]:
    """The figures of the file in ``path``, ``before`` with its policy, once it passed every check."""
    model = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(model)
    if any(uses_external_data(tensor) for tensor in model.graph.initializer):
        raise ExportError("Expected one file; received a model with external data. It was not published.")
    images, plain, kind = source.images(COMPARED), _session(before.SerializeToString()), command.input_type
    logits, kept = _answers(plain, images, kind), _keras(command, source.artifact.h5, images)
    difference = float(np.abs(logits - kept).max())
    if variant is Variant.float32 and not difference < TOLERANCE:
        raise ExportError(
            f"Expected the served graph and Keras to agree within {TOLERANCE} on {len(images):,} images; received a "
            f"difference of {difference:.2g}. It was not published."
        )
    trained, judged = source.manifest["metrics"]["validation_accuracy"], source.dataset.validation
    accuracy = _accuracy(plain, judged, kind)
    if not (np.isfinite(logits).all() and accuracy >= trained - MOST_LOST):
        raise ExportError(
            f"Expected a validation accuracy of {trained:.4f} as trained, less {MOST_LOST} at most; received "
            f"{accuracy:.4f}. It was not published; pass variant=float32."
        )
    session = _session(path)
    off = float(np.abs(_answers(session, images, kind) - answers(policy, logits, images)).max())
    if not off < POLICY_TOLERANCE:
        raise ExportError(
            f"Expected the served graph to answer as policy {format_policy(policy.config)} says; received a difference "
            f"of {off:.2g}. It was not published."
        )
    utility = PolicyUtility.of(policy, _answers(session, judged.images, kind), judged.labels)
    return {
        f"same class as Keras, of {len(images):,} images": float(np.mean(logits.argmax(1) == kept.argmax(1))),
        "largest difference of logits": difference,
        "validation accuracy": utility.accuracy,
        "validation accuracy lost by the policy": accuracy - utility.accuracy,
        "calibration error on the same images": utility.calibration_error,
    }


def _keras(command: ExportCommand, h5: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    from mnist_etc.backend import load_tensorflow

    load_tensorflow()
    from mnist_etc.models.full_model import read_full_model

    model = read_full_model(command.autoencoder, command.classifier, h5)
    return _in_chunks(lambda part: model(scaled(part), training=False).numpy(), images)


def _accuracy(session: onnxruntime.InferenceSession, split: Split, kind: InputType) -> float:
    return float(np.mean(_answers(session, split.images, kind).argmax(axis=1) == split.labels))


def _speedup(models: list[bytes], images: NDArray[np.uint8], kind: InputType) -> float:
    """Median over interleaved rounds of how many times as fast the first is as the second, on one thread."""
    sessions = [_session(model) for model in models]
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
