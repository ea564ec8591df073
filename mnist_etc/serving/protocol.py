"""How a client and a server talk: apart from the server's configuration, which clients need not know."""

from __future__ import annotations

from enum import Enum

__all__ = ["WireProtocol"]


class WireProtocol(Enum):
    """The way that images reach a server."""

    http = "http"
    grpc = "grpc"
    shm = "shm"
    """gRPC, with the images in shared memory, for a server and a client on one machine."""
