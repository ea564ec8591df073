"""A trained full model on ONNX Runtime: from images to class probabilities."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.classes import check_names
from mnist_etc.data.dataset import scale_pixels
from mnist_etc.errors import ArtifactError, DataError

__all__ = ["CLASSES", "Predictor", "softmax", "to_metadata"]

CLASSES = "classes"
"""Key of the names of classes in an ONNX file's metadata: a JSON list; without it they are "0", "1", ..."""

CHUNK = 64
"""Images a run of the model: activations of one chunk are what it holds in memory."""
ERRORS_ONLY = 3


class Predictor:
    """A full model from ``input``, float32 ``(batch, side, side, 1)`` in [0, 1], to ``output``, ``(batch, classes)``.

    The output is logits.

    Args:
        path: ONNX file of the model.
        threads: Threads of ONNX Runtime; 0 for one a core.

    Raises:
        ArtifactError: ONNX Runtime cannot load the file, or its input, its output or the names of its classes are
            others.
    """

    names: tuple[str, ...]
    """Of the classes, in the order of the output."""
    side: int
    """Pixels of each side of an image."""

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
        match received:
            case {"input": [int(side), int(other), 1], "output": [int(classes)], **rest} if side == other and not rest:
                self.side, self.names = side, self._names(classes, path)
            case _:
                raise ArtifactError(
                    f"Expected input (batch, 28, 28, 1), or of another side, and output (batch, classes) in {path}; "
                    f"received {received}. Train it again."
                )

    def _names(self, classes: int, path: Path) -> tuple[str, ...]:
        stated = self._session.get_modelmeta().custom_metadata_map.get(CLASSES)
        try:
            names = check_names(tuple(map(str, range(classes))) if stated is None else json.loads(stated), str(path))
        except (ValueError, TypeError, RecursionError, DataError) as error:
            raise ArtifactError(f"{' '.join(str(error).split())} Train {path} again.") from error
        if len(names) != classes:
            raise ArtifactError(
                f"Expected {classes:,} names of classes in {path}; received {len(names):,}. Train it again."
            )
        return names

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify images.

        Args:
            images: uint8 ``(n, side, side)``, light on dark.

        Returns:
            Class probabilities, float32 ``(n, classes)``: the softmax of `logits`.

        Raises:
            DataError: The images are of another side than the model's.
        """
        return softmax(self.logits(images))

    def classify(self, images: NDArray[np.uint8]) -> list[str]:
        """Name the most probable class of each of the images, which are as `probabilities` takes them."""
        return [self.names[number] for number in self.logits(images).argmax(axis=1)]

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the model on images as `probabilities` takes them; its output is logits, float32 ``(n, classes)``."""
        if images.shape[1:] != (self.side, self.side):
            raise DataError(
                f"Expected images of {self.side} x {self.side}, which the model reads; received "
                f"{' x '.join(map(str, images.shape[1:]))}. Pass data.side={self.side}, or a model of the other side."
            )
        out = np.empty((len(images), len(self.names)), np.float32)
        for start in range(0, len(images), CHUNK):
            part = slice(start, start + CHUNK)
            out[part] = self._session.run(["output"], {"input": scale_pixels(images[part])})[0]
        return out


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn logits into probabilities, both float32 ``(n, classes)``."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def to_metadata(names: Sequence[str]) -> dict[str, str]:
    """What an ONNX file says of its classes."""
    return {CLASSES: json.dumps(list(names))}
