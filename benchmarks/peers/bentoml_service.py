"""The same ONNX file and the same decoding behind BentoML: ``bentoml serve bentoml_service:Digits``."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import bentoml
import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.decode import decode_file
from mnist_etc.data.prepare import prepare


@bentoml.service(workers=int(os.environ.get("BENTOML_WORKERS", "1")), metrics={"enabled": True})
class Digits:
    """One session on one thread in each worker."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            os.environ["DIGITS_MODEL"], options, providers=["CPUExecutionProvider"]
        )

    @bentoml.api
    def predict(self, image: str) -> dict[str, Any]:
        """The class and its probability of one picture, base64."""
        import base64

        file = io.BytesIO(base64.b64decode(image))
        seen = prepare(decode_file(file, "image", Polarity.auto).gray, Prepare.auto).images
        output = self._session.run(["output"], {"input": seen[..., None]})[0][0]
        return {"digit": int(output.argmax()), "probability": float(output.max())}
