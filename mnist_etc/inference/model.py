"""The model that classifies: a trained one, the pretrained one, or that of a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_etc import pretrained
from mnist_etc.artifacts import manifest
from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.chosen import Chosen
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.artifacts.remedies import program
from mnist_etc.data.dataset import SIDE
from mnist_etc.errors import ArtifactError
from mnist_etc.evaluation.familiarity import Familiarity
from mnist_etc.inference.config import AUTO, PRETRAINED, InferCommand
from mnist_etc.predictor import Predictor

__all__ = ["Classifier", "SecondJudge", "SelectedModel", "open_classifier", "open_second_judge", "select_model"]

SecondJudge = tuple[Predictor, Familiarity]
"""See `open_second_judge`."""


class Classifier(Protocol):
    """A model that is ready to classify: on ONNX Runtime here, or on a server."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of its classes, in the order of their numbers."""

    @property
    def side(self) -> int:
        """Pixels of each side of an image."""

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify uint8 ``(n, side, side)``, light on dark; probabilities are float32 ``(n, classes)``."""


@dataclass(frozen=True, kw_only=True)
class SelectedModel:
    """The model that a configuration selects, and what is known of it."""

    onnx: Path
    """Its ONNX file; where a server answers, that of the model that the training keys choose."""
    table: Path
    """The CSV file that its answers are written to, unless ``output=`` says another."""
    privacy: str
    """The guarantee for its training images, in words."""
    familiarity: Familiarity | None
    """How it answers what it knows; None where nobody measured it, or a server answers."""


def select_model(config: InferCommand) -> SelectedModel:
    """Select the model; print why where it is the pretrained one.

    Raises:
        ArtifactError: There is no full model of this configuration, or it is altered.
    """
    chosen = Chosen.of(config)
    if _wants_pretrained(config, chosen.artifact):
        make = f"{chosen.artifact.onnx} is not there, to make it: {program('train')} with the same training keys"
        why = "" if config.model.name == PRETRAINED else f"; {make}"
        print(f"model=pretrained, the network for handwritten digits that comes with the package{why}", flush=True)
        onnx, content = pretrained.verify()
        return _selected(onnx, ArtifactFolder.of(config).pretrained_inference(config.input), content)
    table = chosen.inference(config.input)
    if config.server is not None:
        return SelectedModel(onnx=chosen.artifact.onnx, table=table, privacy=_privacy_beside(chosen), familiarity=None)
    return _selected(chosen.artifact.onnx, table, chosen.verified(chosen.artifact.onnx))


def _wants_pretrained(config: InferCommand, artifact: Artifact) -> bool:
    if config.model.name != AUTO:
        return config.model.name == PRETRAINED
    known = config.data.name in pretrained.DATASETS and config.data.side == SIDE
    fits = config.input is not None and known
    return fits and config.server is None and not artifact.manifest.exists() and not artifact.onnx.exists()


def _selected(onnx: Path, table: Path, content: dict[str, Any]) -> SelectedModel:
    familiarity = Familiarity.of(content["metrics"])
    return SelectedModel(onnx=onnx, table=table, privacy=content["privacy"]["words"], familiarity=familiarity)


def _privacy_beside(chosen: Chosen) -> str:
    """The words of a manifest that agrees with the configuration; the server's model may be another."""
    artifact = chosen.artifact
    with suppress(ArtifactError):
        content = manifest.read(artifact.manifest, lambda: artifact.remedy)
        if not manifest.differences(content, chosen.settings):
            return f"{content['privacy']['words']} (says {artifact.manifest}; the server does not)"
    return "unknown: the server does not say"


@contextmanager
def open_classifier(config: InferCommand, model: SelectedModel) -> Iterator[Classifier]:
    """Load ``model``, or connect to the server that answers in its place.

    Raises:
        ArtifactError: ONNX Runtime cannot load the model.
        ConfigError: ``config.server`` is not host:port.
        ServingError: The server does not answer, or serves another model.
    """
    if config.server is None:
        yield Predictor(model.onnx, config.threads)
        return
    from mnist_etc.serving.client import TritonPredictor

    with TritonPredictor(config.server, config.protocol) as predictor:
        yield predictor


def open_second_judge(config: InferCommand, model: SelectedModel) -> SecondJudge | None:
    """Load the pretrained network to judge beside ``model`` how far a user's pictures are from MNIST's digits.

    It knows them better than a small model does, so it finds more of what is none. None where there is nothing to
    judge, or ``model`` is that network or was trained on something else.

    Raises:
        ArtifactError: The network is altered.
    """
    judged = model.familiarity is not None and config.input is not None
    if not judged or config.data.name != pretrained.TRAINED_ON or config.data.side != SIDE:
        return None
    onnx, content = pretrained.verify()
    familiarity = Familiarity.of(content["metrics"])
    return None if familiarity is None or onnx == model.onnx else (Predictor(onnx, config.threads), familiarity)
