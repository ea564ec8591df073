"""The schema of ``conf/service.yaml``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.errors import ConfigError
from mnist_etc.schema import between, path, text
from mnist_etc.serving.protocol import WireProtocol

__all__ = ["LOOPBACK", "RATE", "ServiceCommand", "ServiceConfig"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Addresses that are reached from this machine alone."""
RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")
"""How a rate is written."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""How a key may be called."""


@dataclass(kw_only=True)
class ServiceConfig:
    """The settings of the service: where it listens, what it serves, and what it lets through."""

    address: str
    """The address to listen on; on any but loopback keys are required."""
    port: int = between(0, 65_535)
    """The port; 0: any that is free, which is printed."""
    hosts: list[str]
    """Names that requests may be for besides the address itself, as a proxy in front passes them on; else refused."""
    repository: str = path()
    """Triton's model repository, of which the version in service is served."""
    server: str | None = text(null="ONNX Runtime in this process")
    """The ``host:port`` of a Triton server that runs the model instead; null: ONNX Runtime in this process."""
    protocol: WireProtocol
    """The protocol to that server: its HTTP port takes http, its gRPC port grpc."""
    poll_seconds: float = between(0.05, 3600)
    """Seconds between looks for another version in service, and at the file of keys."""
    workers: int = between(1, 64)
    """Threads that decode and classify."""
    max_batch_size: int = between(1, 4096)
    """Requests, and images, that one run of the model takes at most."""
    max_queue: int = between(1, 100_000)
    """Requests that may wait for a worker; of more each is answered 429."""
    max_body_bytes: int = between(1, 2**31)
    """Bytes of a request's body."""
    max_held_bytes: int = between(1, 2**36)
    """Bytes of all bodies that are held at once; a request that goes over is answered 503."""
    max_pixels: int = between(1, 2**28)
    """Pixels of a picture, or of all images in an array, as their headers state them, before anything is decoded."""
    max_images: int = between(1, 100_000)
    """Images of a request."""
    seconds: float = between(0.1, 3600)
    """Seconds that a body may take to arrive, and again an answer to be made."""
    connections: int = between(8, 100_000)
    """Connections that are kept; of more the one that has been idle longest is closed."""
    keys: str | None = path(null="no keys, on loopback alone")
    """The JSON file of the API keys, which add_key= writes; null, or no such file: no keys, on loopback alone."""
    rate: str | None = text(null="no limit")
    """Requests a sender may make, such as 600/minute; a key's own rate, where it has one, counts instead."""
    rates: str = text()
    """Where rates are counted: ``memory://``, or ``redis://host:port`` for several services together."""
    prepare: Prepare
    """The preparation of a picture, as infer.py's."""
    polarity: Polarity
    reconstruct: bool | None
    """Whether to show an image's sender what each output policy's answer would give away, POST /v1/reconstruct, where
    attacks were prepared; null: where no key is required."""
    leakage_budget_bits: float | None = between(1, 1_000_000)
    """Bits that answers may tell a key about near-identical images in a day; null: no limit."""
    counts: str | None = path(null="no file")
    """The JSON file of how many answers told what, hour by hour, for python -m mnist_etc drift."""
    exit_seconds: int = between(0, 3600)
    """Seconds that requests in flight may take to end after a stop was asked for."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if self.rate is not None and not RATE.fullmatch(self.rate):
            raise ConfigError(f"Expected service.rate such as 600/minute; received {self.rate!r}.")
        if self.protocol is WireProtocol.shm:
            raise ConfigError("Expected service.protocol as http or grpc; received shm, which is of one client alone.")
        if self.max_held_bytes < self.max_body_bytes:
            raise ConfigError(
                f"Expected service.max_held_bytes of at least service.max_body_bytes, {self.max_body_bytes}; received "
                f"{self.max_held_bytes}."
            )


@dataclass(kw_only=True)
class ServiceCommand:
    """The keys of ``python -m mnist_etc.service``, which answers over HTTP until it is stopped."""

    service: ServiceConfig
    add_key: str | None = text(null="run the service")
    """The name of an API key to make; it is printed once, its hash goes into service.keys, and nothing is served."""
    key_rate: str | None = text(null="service.rate")
    """The rate of the key that add_key= makes; null: service.rate, whatever it is when the key is used."""
    remove_key: str | None = text(null="run the service")
    """The name of an API key to remove from service.keys; nothing is served."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        for key in ("add_key", "remove_key"):
            name = getattr(self, key)
            if name is not None and not NAME.fullmatch(name):
                raise ConfigError(
                    f"Expected {key} of up to 64 letters, digits, dots, dashes and underscores; received {name!r}."
                )
            if name is not None and self.service.keys is None:
                raise ConfigError(f"Expected {key} with a file of keys; received service.keys=null. Name the file.")
        if self.add_key is not None and self.remove_key is not None:
            raise ConfigError("Expected add_key or remove_key; received both. Do one after the other.")
        if self.key_rate is not None and (self.add_key is None or not RATE.fullmatch(self.key_rate)):
            raise ConfigError(f"Expected key_rate such as 600/minute, with add_key; received {self.key_rate!r}.")
