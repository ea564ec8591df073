"""The same ONNX model behind MLServer: a runtime of its own, as its documentation describes."""

from __future__ import annotations

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxModel(MLModel):
    """One ONNX Runtime session on one thread; MLServer batches the requests."""

    async def load(self) -> bool:
        """Open the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            self.settings.parameters.uri, options, providers=["CPUExecutionProvider"]
        )
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Logits."""
        images = NumpyCodec.decode_input(payload.inputs[0])
        logits = self._session.run(["output"], {"input": images})[0]
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("output", logits)])
