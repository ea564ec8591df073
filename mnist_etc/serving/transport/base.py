"""What every connection to a Triton server offers, whatever its protocol."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import ServingError
from mnist_etc.export.config import MODEL

__all__ = ["IN_FLIGHT", "PORTS", "TIMEOUT", "Description", "Transport", "Unavailable", "datatype", "translate_errors"]

IN_FLIGHT = 8
"""Requests that may wait for their answers at once."""
PORTS = "protocol=http takes the server's HTTP port, grpc and shm its gRPC port"
"""For messages."""
TIMEOUT = 30.0
"""Seconds for one answer; longer counts as a lost connection."""
BUSY = ("503", "StatusCode.UNAVAILABLE")


class Unavailable(Exception):  # noqa: N818 -- no failure of its own: what asks decides
    """No answer came, and asking again may help: a 503, gRPC's UNAVAILABLE, or a connection that was lost.

    Args:
        reason: What came instead of an answer.
        busy: Whether the server itself said 503.
    """

    def __init__(self, reason: str, *, busy: bool = False) -> None:
        super().__init__(reason)
        self.busy = busy


@dataclass(frozen=True, kw_only=True)
class Description:
    """The model of a server, as its configuration there describes it."""

    datatype: str
    """UINT8 for pixels of 0 to 255, FP32 for pixels of 0 to 1."""
    max_batch_size: int
    """Images a request at most."""
    policy: str
    """The output policy, which says what an answer holds: logits, or a form of probabilities."""
    side: int
    """Pixels of each side of an image."""
    names: tuple[str, ...] = field(repr=False)
    """Of the classes in the order of an answer's numbers."""
    version: int = field(default=0, compare=False)
    """As its configuration names it; 0: it does not. Another version may answer as this one does."""

    @property
    def classes(self) -> int:
        """Numbers of an answer."""
        return len(self.names)


class Transport(abc.ABC):
    """A connection to a server.

    Answers are received in the order in which the images were sent, and at most `IN_FLIGHT` requests are open at once.

    Args:
        address: ``host:port`` of the server.
    """

    @abc.abstractmethod
    def __init__(self, address: str) -> None: ...

    @abc.abstractmethod
    def send(self, pixels: NDArray[Any]) -> Any:
        """Send a request without waiting for its answer.

        Args:
            pixels: Images ``(n, side, side, 1)``, uint8 or float32 as the model's `Description` wants them.

        Returns:
            The open request, for `receive`.
        """

    @abc.abstractmethod
    def receive(self, sent: Any) -> NDArray[np.float32]:
        """Wait for the answer to an open request.

        Args:
            sent: An open request, from `send`.

        Returns:
            The model's output, float32 ``(n, classes)``.

        Raises:
            Unavailable: No answer came.
            ServingError: The server refused the request.
        """

    @abc.abstractmethod
    def config(self) -> Mapping[str, Any]:
        """Fetch the model's configuration, as JSON.

        Raises:
            Unavailable: No answer came.
            ServingError: The server has no such model.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """End the connection and remove what it left on the server."""

    def prepare(self, description: Description, images: int) -> None:  # noqa: B027 -- most need nothing
        """Get ready for requests of up to ``images`` images each."""


def datatype(pixels: NDArray[Any]) -> str:
    """Name the type of ``pixels``, uint8 or float32, as the KServe protocol does."""
    return "UINT8" if pixels.dtype == np.uint8 else "FP32"


@contextlib.contextmanager
def translate_errors(address: str) -> Iterator[None]:
    """Turn what tritonclient and the libraries below it raise into the two exceptions that callers know.

    Raises:
        Unavailable: No answer came, and asking again may help.
        ServingError: The server refused the request, or answered in another form.
    """
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
