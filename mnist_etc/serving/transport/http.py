"""Requests to a Triton server over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.export.config import MODEL
from mnist_etc.serving.transport.base import IN_FLIGHT, TIMEOUT, Transport, Unavailable, datatype, translate_errors

__all__ = ["HttpTransport"]


class HttpTransport(Transport):
    """A connection over HTTP, on a pool of sockets."""

    def __init__(self, address: str) -> None:
        from tritonclient import http

        self._address, self._http = address, http
        self._client = http.InferenceServerClient(
            address, concurrency=IN_FLIGHT, connection_timeout=TIMEOUT, network_timeout=TIMEOUT
        )

    def send(self, pixels: NDArray[Any]) -> Any:
        """Send a request; see `Transport.send`."""
        from gevent import spawn  # type: ignore[import-untyped] # tritonclient's own async_infer sleeps 10 ms a request

        tensor = self._http.InferInput("input", pixels.shape, datatype(pixels))
        tensor.set_data_from_numpy(pixels)
        outputs = [self._http.InferRequestedOutput("output")]
        return spawn(_outcome, lambda: self._client.infer(MODEL, [tensor], outputs=outputs))

    def receive(self, sent: Any) -> NDArray[np.float32]:
        """Wait for its answer; see `Transport.receive`."""
        with self._translate_errors():
            return np.asarray(sent.get().result().as_numpy("output"))

    def config(self) -> Mapping[str, Any]:
        """Fetch the model's configuration; see `Transport.config`."""
        with self._translate_errors():
            return dict(self._client.get_model_config(MODEL))

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        from geventhttpclient.response import HTTPParseError

        with translate_errors(self._address):
            try:
                yield
            except HTTPParseError as error:  # a connection that ends within an answer is one
                raise Unavailable(f"no HTTP: {error}") from error


def _outcome(ask: Callable[[], Any]) -> Future[Any]:
    """Gevent prints what a greenlet raises, so it returns it."""
    outcome: Future[Any] = Future()
    try:
        outcome.set_result(ask())
    except Exception as error:  # noqa: BLE001 -- raised by whoever waits
        outcome.set_exception(error)
    return outcome
