"""The model that a Triton server runs, for a service in front of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.errors import ServingError
from mnist_etc.evaluation.drift import REFERENCE, Reference
from mnist_etc.export.config import MODEL
from mnist_etc.export.repository import ModelRepository
from mnist_etc.policy.registry import POLICIES
from mnist_etc.service.model import ServedModel, policy_of
from mnist_etc.service.source import ModelSource
from mnist_etc.serving.client import TritonPredictor, split_address
from mnist_etc.serving.protocol import WireProtocol
from mnist_etc.serving.transport.base import Description, Unavailable
from mnist_etc.serving.transport.connection import connect

__all__ = ["TritonSource"]

RETRY_SECONDS = 2.0
"""Without an answer, before a request is answered 503."""
TYPES = {"UINT8": "uint8", "FP32": "float32"}


class TritonSource(ModelSource):
    """The model that a server describes; what its manifest states, from the repository, where that lies here too.

    Args:
        server: ``host:port``.
        protocol: Of that port.
        root: Triton's model repository.

    Raises:
        ConfigError: ``server`` is not of that form.
    """

    def __init__(self, server: str, protocol: WireProtocol, root: Path) -> None:
        split_address(server, "service.server")
        self._server, self._protocol = server, protocol
        self._repository = ModelRepository(root)
        self._down = ""

    def seen(self) -> tuple[Description, int]:
        """The description of the model, and its version.

        Raises:
            ServingError: The server does not answer, or serves another model.
        """
        try:
            transport, description = connect(self._server, self._protocol, 1)
            transport.close()
        except (ServingError, Unavailable) as error:
            self._down = " ".join(str(error).split())
            raise ServingError(
                f"Expected Triton at {self._server} to answer; received: {self._down.rstrip('.')}. Start it: make "
                "serve, or pass service.server=<host>:<port>"
            ) from error
        self._down = ""
        return description, description.version

    def load(self) -> ServedModel:
        """The model of the server; see `ModelSource.load`."""
        connections = _Connections(self._server, self._protocol)
        description = connections.mine().description
        manifest = self._repository.manifest(description.version)
        about = manifest.get("policy", {})
        known = about.get("name") == description.policy
        return ServedModel(
            name=MODEL,
            version=description.version,
            policy=policy_of(about) if known else description.policy,
            leakage_bits=float(about["leakage_bits"]) if known else None,
            names=description.names,
            side=description.side,
            dtype=TYPES[description.datatype],
            accuracy=manifest.get("validation_accuracy") if known else None,
            reference=_reference(manifest, description.names) if known else None,
            run=partial(connections.run, len(description.names)),
        )

    def healthy(self) -> str:
        """Why the server gave no answer when it was last asked."""
        return self._down


def _reference(manifest: Mapping[str, Any], names: tuple[str, ...]) -> Reference | None:
    """What a manifest says of the answers; None of logits, since a client of Triton turns them into probabilities."""
    if REFERENCE not in manifest or POLICIES[str(manifest["policy"]["name"])].tells_logits:
        return None
    return Reference.read(manifest[REFERENCE], names)


class _Connections:
    """A connection for each thread that asks, since one takes requests of one thread alone."""

    def __init__(self, server: str, protocol: WireProtocol) -> None:
        self._server, self._protocol = server, protocol
        self._own = threading.local()

    def mine(self) -> TritonPredictor:
        """Of this thread."""
        predictor = getattr(self._own, "predictor", None)
        if not isinstance(predictor, TritonPredictor):
            predictor = TritonPredictor(self._server, self._protocol, RETRY_SECONDS)
            self._own.predictor = predictor
        return predictor

    def run(self, classes: int, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `mnist_etc.service.model.Run`; answers of another number of ``classes`` are another model's."""
        try:
            answers = self.mine().probabilities(images)
            if answers.shape[1] != classes:
                raise ServingError(f"Expected answers of {classes} numbers; received {answers.shape[1]}.")
        except ServingError:
            self._own.predictor = None
            raise
        return answers
