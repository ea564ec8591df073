"""What a connection to a Triton server is, whatever its protocol."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import ServingError
from mnist_etc.export.config import MODEL

__all__ = ["IN_FLIGHT", "PORTS", "Description", "Transport", "Unavailable", "translated"]

IN_FLIGHT = 8
"""Requests that may wait for their answers at once."""
PORTS = "protocol=http takes the server's HTTP port, grpc and shm its gRPC port"
"""For messages."""
BUSY = ("503", "StatusCode.UNAVAILABLE")


class Unavailable(Exception):  # noqa: N818 -- no failure of its own: what asks decides
    """No answer, and asking again may help: a 503, gRPC's UNAVAILABLE, or a connection that was lost.

    Args:
        reason: what was received instead.
        busy: the server itself said 503.
    """

    def __init__(self, reason: str, *, busy: bool = False) -> None:
        super().__init__(reason)
        self.busy = busy


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a server says of its model."""

    datatype: str
    """UINT8, pixels 0 to 255, or FP32, pixels 0 to 1."""
    max_batch_size: int
    """Images a request at most."""
    policy: str
    """What an answer holds: logits or probabilities."""


class Transport(abc.ABC):
    """A connection; the answers are received in the order in which the images were sent, `IN_FLIGHT` open at most."""

    @abc.abstractmethod
    def send(self, pixels: NDArray[Any]) -> Any:
        """Ask without waiting.

        Args:
            pixels: uint8 or float32 ``(n, 28, 28, 1)``, as the model's `Description` wants them.

        Returns:
            What `receive` takes.
        """

    @abc.abstractmethod
    def receive(self, sent: Any) -> NDArray[np.float32]:
        """Wait for an answer, ``(n, 10)``.

        Raises:
            Unavailable: there is none.
            ServingError: the server refused the request.
        """

    @abc.abstractmethod
    def config(self) -> Mapping[str, Any]:
        """The model's configuration, as JSON; raises as `receive` does."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the connection and remove what it left on the server."""

    def prepare(self, description: Description, images: int) -> None:  # noqa: B027 -- most need nothing
        """Get ready for requests of up to ``images``."""


@contextlib.contextmanager
def translated(address: str) -> Iterator[None]:
    """What tritonclient and the libraries below it raise, as the two exceptions that callers know."""
    from tritonclient.utils import InferenceServerException

    try:
        yield
    except InferenceServerException as error:
        reason = " ".join(str(error.message()).split()).rstrip(".")
        if error.status() in (*BUSY, "StatusCode.DEADLINE_EXCEEDED"):
            raise Unavailable(f"{error.status()} {reason}", busy=error.status() == "503") from error
        remedy = (
            "Publish it: python -m mnist_etc.export"
            if "unknown model" in reason
            else "Compare the server's model and protocol= with this command"
        )
        raise ServingError(f"Expected {MODEL} at {address} to answer; received: {reason}. {remedy}") from error
    except OSError as error:
        raise Unavailable(error.strerror or str(error) or type(error).__name__) from error
    except ValueError as error:
        raise ServingError(
            f"Expected Triton at server={address}; received an answer in another form: {error}. {PORTS}."
        ) from error
