"""The same ONNX file and the same decoding behind LitServe: ``litserve_service.py <model.onnx> <port> <workers>``."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

import litserve
import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.decode import decode_file
from mnist_etc.data.prepare import prepare

BATCH, BATCH_SECONDS = 64, 0.0005


class Digits(litserve.LitAPI):
    """One session on one thread in each worker; LitServe batches the requests."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Open the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])

    def decode_request(self, request: Any) -> Any:
        """One picture."""
        file = io.BytesIO(base64.b64decode(request["image"]))
        return prepare(decode_file(file, "image", Polarity.auto).gray, Prepare.auto).images[0]

    def batch(self, inputs: list[Any]) -> Any:
        """Several."""
        return np.stack(inputs)

    def predict(self, x: Any) -> Any:
        """Answers ``(n, 10)``."""
        return self._session.run(["output"], {"input": x[..., None]})[0]

    def unbatch(self, output: Any) -> Any:
        """A row each."""
        return list(output)

    def encode_response(self, output: Any) -> dict[str, Any]:
        """The class and its probability."""
        return {"digit": int(output.argmax()), "probability": float(output.max())}


if __name__ == "__main__":
    api = Digits(max_batch_size=BATCH, batch_timeout=BATCH_SECONDS)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=int(sys.argv[3]))
    server.run(host="127.0.0.1", port=int(sys.argv[2]), log_level="error", generate_client_file=False)
