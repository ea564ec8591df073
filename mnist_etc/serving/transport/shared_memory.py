"""Requests to a Triton server on this machine over gRPC, the images and their answers in shared memory."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import ServingError
from mnist_etc.serving.transport.base import IN_FLIGHT, TIMEOUT, Description, translate_errors
from mnist_etc.serving.transport.grpc import GrpcTransport

__all__ = ["SharedMemoryTransport"]


class SharedMemoryTransport(GrpcTransport):
    """A gRPC connection and one region of `IN_FLIGHT` slots, each the pixels of a request, then its answer."""

    _region: Any = None

    def prepare(self, description: Description, images: int) -> None:
        """Make the region, and have the server map it.

        Raises:
            ServingError: There is too little shared memory, or the server is on another machine.
        """
        from tritonclient.utils import shared_memory

        self._memory, self._sent, self._classes = shared_memory, 0, description.classes
        self._answers = -(-images * description.side**2 * (1 if description.datatype == "UINT8" else 4) // 4) * 4
        self._slot = self._answers + images * self._classes * 4
        self._name = f"mnist_etc_{secrets.token_hex(8)}"
        size = IN_FLIGHT * self._slot
        try:
            self._region = shared_memory.create_shared_memory_region(self._name, self._name, size, create_only=True)
        except shared_memory.SharedMemoryException as error:
            raise ServingError(
                f"Expected {size:,} bytes of shared memory; received: {error.__cause__}. Pass protocol=grpc."
            ) from error
        try:
            with translate_errors(self._address):
                self._client.register_system_shared_memory(self._name, self._name, size, client_timeout=TIMEOUT)
        except ServingError as error:
            raise ServingError(
                f"Expected the server at {self._address} on this machine, to share memory with; received: "
                f"{error.__cause__}. Pass protocol=grpc."
            ) from error

    def send(self, pixels: NDArray[Any]) -> Any:
        """Send a request; see `Transport.send`."""
        offset = self._sent % IN_FLIGHT * self._slot
        self._sent += 1
        self._memory.set_shared_memory_region(self._region, [pixels], offset)
        tensor, output = self._tensor(pixels), self._grpc.InferRequestedOutput("output")
        tensor.set_shared_memory(self._name, pixels.nbytes, offset)
        output.set_shared_memory(self._name, len(pixels) * self._classes * 4, offset + self._answers)
        return self._ask(tensor, output), offset + self._answers, len(pixels)

    def receive(self, sent: Any) -> NDArray[np.float32]:
        """Wait for its answer; see `Transport.receive`."""
        outcome, offset, images = sent
        with translate_errors(self._address):
            outcome.result()
        shared = self._memory.get_contents_as_numpy(self._region, np.float32, (images, self._classes), offset)
        return np.array(shared)

    def close(self) -> None:
        """End the connection and remove the region, here and on the server."""
        if self._region is not None:
            with contextlib.suppress(Exception):  # a server that is gone has forgotten the region
                self._client.unregister_system_shared_memory(self._name, client_timeout=1.0)
            self._memory.destroy_shared_memory_region(self._region)
            self._region = None
        super().close()
