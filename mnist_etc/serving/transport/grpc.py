"""Requests to a Triton server over gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.export.config import MODEL
from mnist_etc.serving.transport.base import TIMEOUT, Transport, datatype, translate_errors

__all__ = ["GrpcTransport"]

CHANNEL_OPTIONS = [("grpc.enable_http_proxy", 0)]


class GrpcTransport(Transport):
    """A connection over gRPC."""

    def __init__(self, address: str) -> None:
        from tritonclient import grpc

        self._address, self._grpc = address, grpc
        self._client = grpc.InferenceServerClient(address, channel_args=CHANNEL_OPTIONS)

    def send(self, pixels: NDArray[Any]) -> Any:
        """Send a request; see `Transport.send`."""
        tensor = self._tensor(pixels)
        tensor.set_data_from_numpy(pixels)
        return self._ask(tensor, self._grpc.InferRequestedOutput("output"))

    def receive(self, sent: Any) -> NDArray[np.float32]:
        """Wait for its answer; see `Transport.receive`."""
        with translate_errors(self._address):
            return np.asarray(sent.result().as_numpy("output"))

    def config(self) -> Mapping[str, Any]:
        """Fetch the model's configuration; see `Transport.config`."""
        with translate_errors(self._address):
            return dict(self._client.get_model_config(MODEL, as_json=True, client_timeout=TIMEOUT)["config"])

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _tensor(self, pixels: NDArray[Any]) -> Any:
        return self._grpc.InferInput("input", pixels.shape, datatype(pixels))

    def _ask(self, tensor: Any, output: Any) -> Future[Any]:
        outcome: Future[Any] = Future()

        def answered(result: Any, error: Exception | None) -> None:
            if error is None:
                outcome.set_result(result)
            else:
                outcome.set_exception(error)

        self._client.async_infer(MODEL, [tensor], answered, outputs=[output], client_timeout=TIMEOUT)
        return outcome
