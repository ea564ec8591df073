"""Requests to a Triton server, several in flight, over HTTP, gRPC, or gRPC with the images in shared memory."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import CLASSES, SIDE
from mnist_etc.errors import ServingError
from mnist_etc.export.config import MODEL
from mnist_etc.policy.registry import POLICIES
from mnist_etc.serving.config import WireProtocol
from mnist_etc.serving.transport import IN_FLIGHT, Description, Transport, Unavailable, translated

__all__ = ["connect"]

TIMEOUT = 30.0
"""Seconds for one answer; longer counts as a lost connection."""
TYPES = {"TYPE_UINT8": "UINT8", "TYPE_FP32": "FP32"}
FORM = {"input": [SIDE, SIDE, 1], "output": [CLASSES]}
GRPC_OPTIONS = [("grpc.enable_http_proxy", 0)]


def connect(address: str, protocol: WireProtocol, largest: int) -> tuple[Transport, Description]:
    """A connection that is ready for requests, and what the model behind it wants.

    Args:
        address: host:port.
        protocol: of that port; shm takes the gRPC port.
        largest: images a request at most, where the model takes more.

    Raises:
        Unavailable: the server does not answer.
        ServingError: it has no such model, or one with other inputs or outputs.
    """
    kinds: dict[WireProtocol, Callable[[str], Transport]] = {
        WireProtocol.http: _Http,
        WireProtocol.grpc: _Grpc,
        WireProtocol.shm: _SharedMemory,
    }
    transport = kinds[protocol](address)
    try:
        description = _described(transport.config(), address)
        transport.prepare(description, min(description.max_batch_size, largest))
    except BaseException:
        transport.close()
        raise
    return transport, description


def _described(config: Mapping[str, Any], address: str) -> Description:
    tensors = [*config.get("input", []), *config.get("output", [])]
    form = {tensor.get("name"): [int(size) for size in tensor.get("dims", [])] for tensor in tensors}
    types = [tensor.get("data_type") for tensor in tensors]
    batch = int(config.get("max_batch_size", 0))
    policy = config.get("parameters", {}).get("policy", {}).get("string_value", "logits")
    if form != FORM or types[0] not in TYPES or types[1] != "TYPE_FP32" or not batch:
        raise ServingError(
            f"Expected {MODEL} at {address} with {FORM}, pixels as TYPE_UINT8 or TYPE_FP32, in batches; received "
            f"{form} as {types}, max_batch_size {batch}. Publish it again: python -m mnist_etc.export"
        )
    if policy not in POLICIES:
        raise ServingError(
            f"Expected {MODEL} at {address} with a policy of {', '.join(POLICIES)}; received {policy!r}. "
            "Publish it again: python -m mnist_etc.export"
        )
    return Description(datatype=TYPES[types[0]], max_batch_size=batch, policy=policy)


class _Http(Transport):
    def __init__(self, address: str) -> None:
        from tritonclient import http

        self._address, self._http = address, http
        self._client = http.InferenceServerClient(
            address, concurrency=IN_FLIGHT, connection_timeout=TIMEOUT, network_timeout=TIMEOUT
        )

    def send(self, pixels: NDArray[Any]) -> Any:
        from gevent import spawn  # type: ignore[import-untyped] # tritonclient's own async_infer sleeps 10 ms a request

        tensor = self._http.InferInput("input", pixels.shape, "UINT8" if pixels.dtype == np.uint8 else "FP32")
        tensor.set_data_from_numpy(pixels)
        outputs = [self._http.InferRequestedOutput("output")]
        return spawn(_outcome, lambda: self._client.infer(MODEL, [tensor], outputs=outputs))

    def receive(self, sent: Any) -> NDArray[np.float32]:
        with self._translated():
            return np.asarray(sent.get().result().as_numpy("output"))

    def config(self) -> Mapping[str, Any]:
        with self._translated():
            return dict(self._client.get_model_config(MODEL))

    def close(self) -> None:
        self._client.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        from geventhttpclient.response import HTTPParseError

        with translated(self._address):
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


class _Grpc(Transport):
    def __init__(self, address: str) -> None:
        from tritonclient import grpc

        self._address, self._grpc = address, grpc
        self._client = grpc.InferenceServerClient(address, channel_args=GRPC_OPTIONS)

    def send(self, pixels: NDArray[Any]) -> Any:
        tensor = self._tensor(pixels)
        tensor.set_data_from_numpy(pixels)
        return self._ask(tensor, self._grpc.InferRequestedOutput("output"))

    def receive(self, sent: Any) -> NDArray[np.float32]:
        with translated(self._address):
            return np.asarray(sent.result().as_numpy("output"))

    def config(self) -> Mapping[str, Any]:
        with translated(self._address):
            return dict(self._client.get_model_config(MODEL, as_json=True, client_timeout=TIMEOUT)["config"])

    def close(self) -> None:
        self._client.close()

    def _tensor(self, pixels: NDArray[Any]) -> Any:
        return self._grpc.InferInput("input", pixels.shape, "UINT8" if pixels.dtype == np.uint8 else "FP32")

    def _ask(self, tensor: Any, output: Any) -> Future[Any]:
        outcome: Future[Any] = Future()

        def answered(result: Any, error: Exception | None) -> None:
            if error is None:
                outcome.set_result(result)
            else:
                outcome.set_exception(error)

        self._client.async_infer(MODEL, [tensor], answered, outputs=[output], client_timeout=TIMEOUT)
        return outcome


class _SharedMemory(_Grpc):
    """One region of `IN_FLIGHT` slots, each the pixels of a request, then its answer."""

    _region: Any = None

    def prepare(self, description: Description, images: int) -> None:
        from tritonclient.utils import shared_memory

        self._memory, self._sent = shared_memory, 0
        self._answers = images * SIDE * SIDE * (1 if description.datatype == "UINT8" else 4)
        self._slot = self._answers + images * CLASSES * 4
        self._name = f"mnist_etc_{secrets.token_hex(8)}"
        size = IN_FLIGHT * self._slot
        try:
            self._region = shared_memory.create_shared_memory_region(self._name, self._name, size, create_only=True)
        except shared_memory.SharedMemoryException as error:
            raise ServingError(
                f"Expected {size:,} bytes of shared memory; received: {error.__cause__}. Pass protocol=grpc."
            ) from error
        try:
            with translated(self._address):
                self._client.register_system_shared_memory(self._name, self._name, size, client_timeout=TIMEOUT)
        except ServingError as error:
            raise ServingError(
                f"Expected the server at {self._address} on this machine, to share memory with; received: "
                f"{error.__cause__}. Pass protocol=grpc."
            ) from error

    def send(self, pixels: NDArray[Any]) -> Any:
        offset = self._sent % IN_FLIGHT * self._slot
        self._sent += 1
        self._memory.set_shared_memory_region(self._region, [pixels], offset)
        tensor, output = self._tensor(pixels), self._grpc.InferRequestedOutput("output")
        tensor.set_shared_memory(self._name, pixels.nbytes, offset)
        output.set_shared_memory(self._name, len(pixels) * CLASSES * 4, offset + self._answers)
        return self._ask(tensor, output), offset + self._answers, len(pixels)

    def receive(self, sent: Any) -> NDArray[np.float32]:
        outcome, offset, images = sent
        with translated(self._address):
            outcome.result()
        shared = self._memory.get_contents_as_numpy(self._region, np.float32, (images, CLASSES), offset)
        return np.array(shared)

    def close(self) -> None:
        if self._region is not None:
            with contextlib.suppress(Exception):  # a server that is gone has forgotten the region
                self._client.unregister_system_shared_memory(self._name, client_timeout=1.0)
            self._memory.destroy_shared_memory_region(self._region)
            self._region = None
        super().close()
