"""A trained full model, as its artifacts hold it, and the graphs that can be served of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
import onnx
from numpy.typing import NDArray

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.chosen import Chosen
from mnist_etc.artifacts.config import UseCommand
from mnist_etc.data import Dataset, load
from mnist_etc.data.dataset import spread
from mnist_etc.export.config import InputType, Variant
from mnist_etc.export.int8 import quantize
from mnist_etc.export.serving_graph import build_serving_graph

__all__ = ["TrainedModel"]

CALIBRATION = 512
"""Images that int8 is calibrated on."""


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A trained full model whose files agree with their manifest, and the data it was trained on."""

    artifact: Artifact
    manifest: dict[str, Any]
    dataset: Dataset

    @classmethod
    def of(cls, command: UseCommand) -> TrainedModel:
        """Read the model that the training keys of ``command`` choose.

        Raises:
            ArtifactError: There is none, or it is altered or of other data.
            DataError: The data cannot be read.
        """
        chosen = Chosen.of(command)
        artifact = chosen.artifact
        manifest = chosen.verified(artifact.onnx)
        chosen.verified(artifact.h5)
        dataset = load(command.data)
        chosen.verified(artifact.onnx, chosen.sha256_of(dataset))
        return cls(artifact=artifact, manifest=manifest, dataset=dataset)

    @property
    def private(self) -> bool:
        """Whether DP-SGD trained any part of it, so that nothing exact of the training images may be written."""
        parts = self.manifest["configuration"].values()
        return any(part.get("private") for part in parts if isinstance(part, dict))

    def images(self, count: int) -> NDArray[np.uint8]:
        """``count`` training images at even distances, uint8 ``(count, side, side)``; all where there are fewer.

        Of a private model, whose guarantee covers the training images, they are validation images.
        """
        split = self.dataset.validation if self.private else self.dataset.train
        return split.images[spread(len(split), count)]

    def graph(self, input_type: InputType, variant: Variant) -> onnx.ModelProto:
        """Build the graph to serve, before its output policy; int8 is calibrated on `images`.

        Raises:
            ValueError: ``variant`` is auto, which names no graph.
        """
        plain = build_serving_graph(onnx.load(self.artifact.onnx), input_type)
        match variant:
            case Variant.float32:
                return plain
            case Variant.int8:
                return quantize(plain, self.images(CALIBRATION))
            case Variant.auto:
                raise ValueError("Expected variant float32 or int8; received auto.")
            case _:
                assert_never(variant)
