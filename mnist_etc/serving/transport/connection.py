"""The connection that a protocol asks for, once the model behind it is known to be one of this project's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, assert_never

from mnist_etc.data.classes import check_names
from mnist_etc.errors import DataError, ServingError
from mnist_etc.export.config import MODEL
from mnist_etc.export.model_config import CLASSES
from mnist_etc.policy.registry import POLICIES
from mnist_etc.serving.protocol import WireProtocol
from mnist_etc.serving.transport.base import Description, Transport
from mnist_etc.serving.transport.grpc import GrpcTransport
from mnist_etc.serving.transport.http import HttpTransport
from mnist_etc.serving.transport.shared_memory import SharedMemoryTransport

__all__ = ["connect"]

AGAIN = "Publish it again: python -m mnist_etc.export"
TYPES = {"TYPE_UINT8": "UINT8", "TYPE_FP32": "FP32"}


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
    parameters = {key: value.get("string_value") for key, value in config.get("parameters", {}).items()}
    policy = parameters.get("policy", "logits")
    match form:
        case {"input": [side, other, 1], "output": [classes], **rest} if side == other > 0 and not rest:
            fits = types[0] in TYPES and types[1] == "TYPE_FP32" and bool(batch)
        case _:
            fits = False
    if not fits:
        raise ServingError(
            f"Expected {MODEL} at {address} with input [side, side, 1], output [classes], pixels as TYPE_UINT8 or "
            f"TYPE_FP32, in batches; received {form} as {types}, max_batch_size {batch}. {AGAIN}"
        )
    if policy not in POLICIES:
        raise ServingError(
            f"Expected {MODEL} at {address} with a policy of {', '.join(POLICIES)}; received {policy!r}. {AGAIN}"
        )
    return Description(
        datatype=TYPES[types[0]],
        max_batch_size=batch,
        policy=policy,
        side=side,
        names=_names(parameters.get(CLASSES), classes, address),
        version=_version(config["output"][0].get("label_filename", "")),
    )


def _version(labels: str) -> int:
    """The version whose folder the file of labels lies in."""
    folder = labels.partition("/")[0]
    return int(folder) if folder.isdecimal() else 0


def _names(stated: str | None, classes: int, address: str) -> tuple[str, ...]:
    """What the configuration states, or where it does not the classes' numbers."""
    source = f"{MODEL} at {address}"
    try:
        names = check_names(json.loads(stated) if stated else tuple(map(str, range(classes))), source)
        if len(names) != classes:
            raise ValueError(f"{len(names):,} names")
    except (ValueError, TypeError, RecursionError, DataError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ServingError(
            f"Expected names of the {classes:,} classes of {source}; received: {reason}. {AGAIN}"
        ) from error
    return names
