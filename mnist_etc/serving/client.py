"""Classify through a Triton server: batches, several requests in flight, asked again where no answer came."""

from __future__ import annotations

import re
import socket
import sys
import time
from collections import deque
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import scale_pixels
from mnist_etc.errors import ConfigError, DataError, ServingError
from mnist_etc.export.config import MODEL
from mnist_etc.policy.registry import POLICIES
from mnist_etc.predictor import softmax
from mnist_etc.serving.protocol import WireProtocol
from mnist_etc.serving.transport.base import IN_FLIGHT, PORTS, Description, Transport, Unavailable
from mnist_etc.serving.transport.connection import connect

__all__ = ["TritonPredictor", "split_address"]

CHUNK = 128
"""Images a request at most, so that a batch of `mnist_etc.data.inputs` fills several."""
RETRY_SECONDS = 60.0
"""Without any answer, before a client gives up: longer than a server needs to start again."""
FIRST_WAIT, LONGEST_WAIT = 0.05, 2.0
PROBE_SECONDS = 5.0


class TritonPredictor:
    """The full model that a server serves; a context manager, since shared memory must be given back.

    A request is repeated, after waits that double, where no answer came: a 503, gRPC's UNAVAILABLE, a lost
    connection. An inference changes nothing on the server, so one that is repeated does no harm. The images without an
    answer are named on stderr, by their position among those that could be read.

    Args:
        server: ``host:port`` of the server.
        protocol: Protocol of that port; ``shm`` takes the gRPC port of a server on this machine.
        retry_seconds: Seconds without any answer after which to give up.

    Raises:
        ConfigError: ``server`` is not of that form.
        ServingError: Nothing listens there, or it serves no model of the expected form.
    """

    def __init__(self, server: str, protocol: WireProtocol, retry_seconds: float = RETRY_SECONDS) -> None:
        self._address, self._protocol, self._retry_seconds = server, protocol, retry_seconds
        self._transport: Transport | None = None
        self._done = 0
        _refuse_absent(server)
        patience = _Patience(server, retry_seconds)
        while self._transport is None:
            try:
                self._transport, self._description = connect(server, protocol, CHUNK)
            except Unavailable as error:
                if not error.busy:
                    raise ServingError(
                        f"Expected Triton at server={server} by {protocol.value}; received: {error}. {PORTS}."
                    ) from error
                patience.wait("the first request", error)

    @property
    def description(self) -> Description:
        """The served model, as its configuration describes it."""
        return self._description

    @property
    def names(self) -> tuple[str, ...]:
        """Of the served model's classes, in the order of its answers' numbers."""
        return self._description.names

    @property
    def side(self) -> int:
        """Pixels of each side of an image, as the served model takes it."""
        return self._description.side

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        transport, self._transport = self._transport, None
        if transport:
            transport.close()

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify images, each asked for until it has its answer.

        Args:
            images: uint8 ``(n, side, side)``, light on dark.

        Returns:
            Class probabilities as the served policy tells them, float32 ``(n, classes)``; of logits the softmax.

        Raises:
            DataError: The images are of another side than the model's.
            ServingError: The time for retries is spent, or the server refuses a request.
        """
        if images.shape[1:] != (self.side, self.side):
            raise DataError(
                f"Expected images of {self.side} x {self.side}, which {MODEL} at {self._address} reads; received "
                f"{' x '.join(map(str, images.shape[1:]))}. Pass data.side={self.side}, or serve a model of the other "
                "side."
            )
        out = np.empty((len(images), len(self.names)), np.float32)
        size = min(CHUNK, self._description.max_batch_size)
        parts = [slice(start, min(start + size, len(images))) for start in range(0, len(images), size)]
        patience = _Patience(self._address, self._retry_seconds)
        while parts:
            missing, error = self._ask(images, parts, out)
            if len(missing) < len(parts):
                patience = _Patience(self._address, self._retry_seconds)
            if error:
                self.close()
                patience.wait(f"images {_ranges(missing, self._done)}", error)
            parts = missing
        self._done += len(images)
        return out

    def _ask(
        self, images: NDArray[np.uint8], parts: list[slice], out: NDArray[np.float32]
    ) -> tuple[list[slice], Unavailable | None]:
        """Fill ``out``; return the parts that got no answer, and why. After the first of them nothing more is sent."""
        try:
            transport = self._connected()
        except Unavailable as error:
            return parts, error
        waiting, unsent = deque[tuple[slice, object]](), deque(parts)
        missing: list[slice] = []
        failure: Unavailable | None = None
        while waiting or (unsent and not failure):
            while unsent and not failure and len(waiting) < IN_FLIGHT:
                waiting.append((unsent[0], transport.send(self._pixels(images[unsent.popleft()]))))
            part, sent = waiting.popleft()
            try:
                out[part] = self._probabilities(transport.receive(sent), part.stop - part.start)
            except Unavailable as error:
                missing.append(part)
                failure = error
        return [*missing, *unsent], failure

    def _connected(self) -> Transport:
        """The connection, made anew where it was lost: what an old one still writes must reach nobody."""
        if self._transport is None:
            transport, description = connect(self._address, self._protocol, CHUNK)
            self._transport = transport
            if description != self._description:
                raise ServingError(
                    f"Expected {self._description} at {self._address}, as before the connection was lost; "
                    f"received {description}. Start again."
                )
        return self._transport

    def _pixels(self, images: NDArray[np.uint8]) -> NDArray[np.uint8] | NDArray[np.float32]:
        if self._description.datatype == "UINT8":
            return np.ascontiguousarray(images[..., None])
        return np.ascontiguousarray(scale_pixels(images))

    def _probabilities(self, answer: NDArray[np.float32], images: int) -> NDArray[np.float32]:
        expected = (images, len(self.names))
        if answer.shape != expected:
            raise ServingError(
                f"Expected an answer {expected} of {MODEL} at {self._address}; received {answer.shape}. "
                "Publish it again: python -m mnist_etc.export"
            )
        return softmax(answer) if POLICIES[self._description.policy].tells_logits else answer


class _Patience:
    """Waits that double, until ``seconds`` have passed since the first."""

    def __init__(self, address: str, seconds: float) -> None:
        self._address, self._seconds = address, seconds
        self._wait, self._end, self._said = FIRST_WAIT, 0.0, ""

    def wait(self, what: str, error: Unavailable) -> None:
        """Say once that ``what`` has no answer, and wait.

        Raises:
            ServingError: the time is spent.
        """
        now = time.monotonic()
        self._end = self._end or now + self._seconds
        if now >= self._end:
            raise ServingError(
                f"{MODEL} at {self._address} gave no answer to {what} within {self._seconds:g} s: {error}. "
                "Start the server again: make serve"
            )
        if what != self._said:
            print(f"no answer: {what} ({error}); trying again for {self._seconds:g} s", file=sys.stderr, flush=True)
            self._said = what
        time.sleep(min(self._wait, self._end - now))
        self._wait = min(2 * self._wait, LONGEST_WAIT)


def _ranges(parts: list[slice], offset: int) -> str:
    """``0-127, 256-319``: the positions in ``parts``, joined where they touch."""
    joined: list[list[int]] = []
    for part in sorted(parts, key=lambda part: int(part.start)):
        if joined and joined[-1][1] == part.start:
            joined[-1][1] = part.stop
        else:
            joined.append([part.start, part.stop])
    return ", ".join(f"{offset + start}-{offset + stop - 1}" for start, stop in joined)


def split_address(server: str, key: str = "server") -> tuple[str, int]:
    """The host and the port of ``host:port``; ``key`` names it in a message.

    Raises:
        ConfigError: It is of another form.
    """
    parts = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):([0-9]{1,5})", server)
    if not parts or not 1 <= int(parts[2]) <= 65_535:
        raise ConfigError(f"Expected {key}=<host>:<port>; received {server!r}. For example {key}=localhost:8500")
    return parts[1].strip("[]"), int(parts[2])


def _refuse_absent(server: str) -> None:
    try:
        socket.create_connection(split_address(server), PROBE_SECONDS).close()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ServingError(f"No server listens at server={server}: {reason}. Start it: make serve") from error
