"""What is in service: one version of a model with its output policy, wherever it runs."""

from __future__ import annotations

import hashlib
import math
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.classes import check_names
from mnist_etc.data.dataset import scale_pixels
from mnist_etc.errors import ArtifactError, DataError
from mnist_etc.evaluation.drift import REFERENCE, Reference
from mnist_etc.policy.registry import POLICIES
from mnist_etc.predictor import softmax

__all__ = ["ServedModel", "load_graph", "policy_of"]

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From images uint8 ``(n, side, side)`` to what the policy tells, float32 ``(n, classes)``."""
CHUNK = 64
"""Images a run of the graph: activations of one chunk are what it holds in memory."""
ERRORS_ONLY = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class ServedModel:
    """A version of a model, ready to answer."""

    name: str
    version: int
    """As the repository numbers it; 0: the network that comes with the package."""
    policy: str
    """A row of `mnist_etc.policy.registry.POLICIES`, with its number where it has one: ``levels:2``."""
    leakage_bits: float | None
    """Maximal leakage of one answer, as its manifest states it; None: a server's model without one."""
    names: tuple[str, ...]
    """Of the classes, in the order of the answers' numbers."""
    side: int
    """Pixels of each side of an image."""
    dtype: str
    """Of the graph's input: ``uint8`` for pixels of 0 to 255, ``float32`` for 0 to 1."""
    accuracy: float | None
    """On validation images, as the manifest states it."""
    reference: Reference | None = field(repr=False, default=None)
    """How its answers about validation images are spread; None: the manifest does not say."""
    run: Run = field(repr=False)
    """Raises ServingError where a server that runs the model gives no answer."""
    gives_logits: bool = False
    """`run` gives logits, as the policy tells them."""
    onnx: bytes | None = field(repr=False, default=None)
    """The graph with its policy; None: a server runs it."""
    seconds: float = math.inf
    """That a run of one image takes in this process; infinity: a server runs it."""

    @property
    def tells_probability(self) -> bool:
        """Whether the greatest value of an answer is a probability, and not a mark on the class."""
        return POLICIES[self.policy.partition(":")[0]].tells_probability

    def shares(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The greatest probability that each of ``outputs`` ``(n, classes)`` tells; of logits by their softmax."""
        return np.asarray((softmax(outputs) if self.gives_logits else outputs).max(axis=1))

    def about(self) -> dict[str, Any]:
        """For ``/v1/models``."""
        bits = self.leakage_bits
        return {
            "name": self.name,
            "version": self.version,
            "policy": self.policy,
            "leakage_bits": bits if bits is None or math.isfinite(bits) else None,
            "classes": list(self.names),
            "side": self.side,
            "accuracy": self.accuracy,
            "input": {"name": "input", "dtype": self.dtype, "shape": [None, self.side, self.side, 1]},
        }


def load_graph(content: bytes, manifest: Mapping[str, Any], *, name: str, version: int, place: str) -> ServedModel:
    """Load a graph as `mnist_etc.export` publishes it on ONNX Runtime, and have it answer once.

    Args:
        content: Of the ONNX file.
        manifest: Of its version.
        name: Of the model.
        version: Its number.
        place: Where it lies, for messages.

    Raises:
        ArtifactError: The manifest does not name these bytes, ONNX Runtime cannot load them, or their input or output
            is another.
    """
    remedy = "Publish it again: python -m mnist_etc.export"
    if (received := hashlib.sha256(content).hexdigest()) != manifest.get("model_sha256"):
        stated = manifest.get("model_sha256", "none")
        raise ArtifactError(
            f"Expected {place} with sha256 {stated}, as its manifest says; received {received}. {remedy}"
        )
    try:
        about = manifest["policy"]
        policy = policy_of(about)
        run, side, classes, dtype = _open(content)
        names = check_names(tuple(manifest["classes"]), place)
        if len(names) != classes:
            raise ValueError(f"{len(names)} names of {classes} classes")
        bits = float(about["leakage_bits"])
        black = np.zeros((1, side, side), np.uint8)
        answer = run(black)
        if answer.shape != (1, classes):
            raise ValueError(f"an answer of shape {answer.shape}")
    except (KeyError, TypeError, ValueError, DataError) as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        raise ArtifactError(f"Expected a published model in {place}; received: {cause}. {remedy}") from error
    accuracy, spread = manifest.get("validation_accuracy"), manifest.get(REFERENCE)
    return ServedModel(
        name=name,
        version=version,
        policy=policy,
        leakage_bits=bits,
        names=names,
        side=side,
        dtype=dtype,
        accuracy=None if accuracy is None else float(accuracy),
        reference=None if spread is None else Reference.read(spread, names),
        run=run,
        gives_logits=POLICIES[str(about["name"])].tells_logits,
        onnx=content,
        seconds=min(timeit.repeat(lambda: run(black), number=1)),
    )


def policy_of(about: Mapping[str, Any]) -> str:
    """The policy that a manifest states, as `mnist_etc.policy.specification.format_policy` writes it.

    Raises:
        ValueError: There is no such policy.
    """
    name = str(about["name"])
    if name not in POLICIES:
        raise ValueError(f"policy {name!r}, which is none of {', '.join(POLICIES)}")
    number = POLICIES[name].number
    return f"{name}:{about[number]:g}" if number else name


def _open(content: bytes) -> tuple[Run, int, int, str]:
    """How to run a graph, the side of its images, its number of classes, and the type of its input."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise ValueError(" ".join(str(error).split())) from error
    types = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}
    form = {value.name: value.shape[1:] for value in [*session.get_inputs(), *session.get_outputs()]}
    match form, types.get(session.get_inputs()[0].type):
        case {"input": [int(side), int(other), 1], "output": [int(classes)], **rest}, str(dtype) if (
            side == other and not rest
        ):
            pass
        case _:
            raise ValueError(f"inputs and outputs {form}")

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        out = np.empty((len(images), classes), np.float32)
        for start in range(0, len(images), CHUNK):
            part = images[start : start + CHUNK]
            pixels = part[..., None] if dtype == "uint8" else scale_pixels(part)
            out[start : start + CHUNK] = session.run(["output"], {"input": pixels})[0]
        return out

    return run, side, classes, dtype
