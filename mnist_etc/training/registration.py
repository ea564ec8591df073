"""How a trained network enters a registry of models: what answers images does so behind an output policy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.data import Dataset
from mnist_etc.export.input_type import InputType
from mnist_etc.policy.specification import format_policy, parse_policy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["FULL_MODEL", "Registered", "registered"]

FULL_MODEL = "full_model"
"""The name in the registry of a network from images to classes; the others are parts of one."""
POLICY = "levels:2"
"""That ``export`` and ``supervised`` publish behind where nothing else is asked for."""


class Network(Protocol):
    """A network that a training leaves: `mnist_etc.training.recipe.Published`."""

    @property
    def name(self) -> str:
        """In the registry."""

    @property
    def artifact(self) -> Artifact:
        """Its files."""

    @property
    def network(self) -> Any:
        """The Keras model."""

    @property
    def examples(self) -> npt.NDArray[np.float32]:
        """Inputs of it, none of a training image."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Registered:
    """What is registered of one network."""

    path: Path
    """An ONNX file."""
    answer: npt.NDArray[np.float32]
    """Its output for one example."""
    tags: dict[str, str] = field(default_factory=dict)
    """What it tells: the policy, and the bits of one answer."""


@contextmanager
def registered(one: Network, dataset: Dataset) -> Iterator[Registered]:
    """Yield the form of ``one`` that a registry may hold, whose servers ask no one for a password.

    A full model is the graph that ``export`` serves by default, behind the policy ``levels``, fitted to the validation
    images, or where there are none behind ``label``. A part of one is the part itself: it takes or gives hidden codes.

    Raises:
        ExportError: its ONNX file is not as this project writes it.
    """
    answer = one.network(one.examples[:1]).numpy()
    if one.name != FULL_MODEL:
        yield Registered(path=one.artifact.onnx, answer=answer)
        return
    import onnx

    from mnist_etc.export.serving_graph import build_serving_graph
    from mnist_etc.policy.graph import append_policy
    from mnist_etc.policy.output_policy import fit_policy
    from mnist_etc.predictor import Predictor

    validation = dataset.validation
    told = parse_policy(POLICY if len(validation) else "label")  # which needs no image whose label is known
    logits = Predictor(one.artifact.onnx).logits(validation.images)
    policy = fit_policy(told, logits, validation.labels, validation.side)
    graph = append_policy(build_serving_graph(onnx.load(one.artifact.onnx), InputType.float32), policy)
    tags = {"policy": format_policy(policy.config), "leakage_bits": f"{policy.leakage_bits():.10g}"}
    with tempfile.TemporaryDirectory(prefix="mnist_etc-registered-") as folder:
        path = Path(folder, "model.onnx")
        path.write_bytes(graph.SerializeToString(deterministic=True))
        yield Registered(path=path, answer=answer, tags=tags)
