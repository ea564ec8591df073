"""ONNX Runtime: images to what a full model says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import CLASSES, SIDE
from mnist_etc.errors import ArtifactError

__all__ = ["Predictor", "softmax"]

CHUNK = 64
"""Images a run of the model: activations of one chunk are what it holds in memory."""
ERRORS_ONLY = 3


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
        return softmax(self.logits(images))

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the model answers, float32 ``(n, 10)``; see `probabilities`."""
        out = np.empty((len(images), CLASSES), np.float32)
        for start in range(0, len(images), CHUNK):
            part = slice(start, start + CHUNK)
            scaled = images[part, :, :, None].astype(np.float32) / np.float32(255)
            out[part] = self._session.run(["output"], {"input": scaled})[0]
        return out


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities from logits, both float32 ``(n, 10)``."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
