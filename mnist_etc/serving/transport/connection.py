"""The connection that a protocol asks for, once the model behind it is known to be one of this project's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from mnist_etc.data.dataset import CLASSES, SIDE
from mnist_etc.errors import ServingError
from mnist_etc.export.config import MODEL
from mnist_etc.policy.registry import POLICIES
from mnist_etc.serving.protocol import WireProtocol
from mnist_etc.serving.transport.base import Description, Transport
from mnist_etc.serving.transport.grpc import GrpcTransport
from mnist_etc.serving.transport.http import HttpTransport
from mnist_etc.serving.transport.shared_memory import SharedMemoryTransport

__all__ = ["connect"]

TYPES = {"TYPE_UINT8": "UINT8", "TYPE_FP32": "FP32"}
FORM = {"input": [SIDE, SIDE, 1], "output": [CLASSES]}


def connect(address: str, protocol: WireProtocol, largest: int) -> tuple[Transport, Description]:
    """Connect to a server, and ask it what its model takes.

    Args:
        address: ``host:port``.
        protocol: Protocol of that port; ``shm`` takes the gRPC port.
        largest: Images a request at most, where the model takes more.

    Returns:
        The connection, ready for requests, and the model behind it.

    Raises:
        Unavailable: The server does not answer.
        ServingError: It has no such model, or one with other inputs or outputs.
    """
    transport = _transport(protocol)(address)
    try:
        description = _described(transport.config(), address)
        transport.prepare(description, min(description.max_batch_size, largest))
    except BaseException:
        transport.close()
        raise
    return transport, description


def _transport(protocol: WireProtocol) -> type[HttpTransport | GrpcTransport]:
    match protocol:
        case WireProtocol.http:
            return HttpTransport
        case WireProtocol.grpc:
            return GrpcTransport
        case WireProtocol.shm:
            return SharedMemoryTransport
        case _:
            assert_never(protocol)


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
