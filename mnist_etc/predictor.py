"""A trained full model on ONNX Runtime: from images to class probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import CLASSES, SIDE, scaled
from mnist_etc.errors import ArtifactError

__all__ = ["Predictor", "softmax"]

CHUNK = 64
"""Images a run of the model: activations of one chunk are what it holds in memory."""
ERRORS_ONLY = 3


class Predictor:
    """A full model from ``input``, float32 ``(batch, 28, 28, 1)`` in [0, 1], to ``output``, logits ``(batch, 10)``.

    Args:
        path: ONNX file of the model.
        threads: Threads of ONNX Runtime; 0 for one a core.

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
        """Classify images.

        Args:
            images: uint8 ``(n, 28, 28)``, light on dark.

        Returns:
            Class probabilities, float32 ``(n, 10)``: the softmax of `logits`.
        """
        return softmax(self.logits(images))

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the model on images as `probabilities` takes them; its output is logits, float32 ``(n, 10)``."""
        out = np.empty((len(images), CLASSES), np.float32)
        for start in range(0, len(images), CHUNK):
            part = slice(start, start + CHUNK)
            out[part] = self._session.run(["output"], {"input": scaled(images[part])})[0]
        return out


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn logits into probabilities, both float32 ``(n, 10)``."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
