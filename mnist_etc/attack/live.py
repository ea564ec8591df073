"""What each output policy's answer about one image gives away, by attacks that were fitted before: no TensorFlow.

`mnist_etc.attack.prepare` writes the file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.dataset import scale_pixels
from mnist_etc.errors import ArtifactError, DataError
from mnist_etc.files import read_limited

__all__ = ["ABOUT", "FILE", "LABEL", "SCHEMA", "LiveAttack", "Rebuilt", "describe", "output_names"]

FILE = "attack.onnx"
"""Its name, beside the model."""
ABOUT = "attack"
"""Key of what the file states of itself, JSON, in its metadata."""
SCHEMA = "mnist_etc/attack/1"
LABEL = "label"
"""The policy that every file holds: the mean image of the class, which others are held against."""
LIMIT = 2**25
SHOWN = 3
"""Numbers of an answer that its short text shows."""
ERRORS_ONLY = 3
REMEDY = "Prepare it again: python -m mnist_etc.export reconstruct=true, with the keys of the model."


def output_names(policy: str, attack: str = "") -> tuple[str, str]:
    """The outputs of the graph that hold a policy's answers ``(batch, classes)`` and images ``(batch, side, side)``."""
    return f"answer/{policy}", f"rebuilt/{policy}/{attack}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Rebuilt:
    """One policy's answer about an image, and what an attacker makes of it."""

    policy: str
    """As ``policies=`` of ``noprotect_reconstruction.py`` names it."""
    attack: str
    """The row of ATTACKS that errs least on this policy."""
    leakage_bits: float
    """Of the answer, at most."""
    answer: NDArray[np.float32]
    """``(classes,)``."""
    text: str
    """The same in a few words; see `describe`."""
    image: NDArray[np.float32]
    """``(side, side)`` in [0, 1]."""
    error: float
    """Mean squared error of a pixel on [0, 1], of this image."""
    baseline: float
    """That of the mean image of the class, which whoever knows the label alone has."""


class LiveAttack:
    """The attacks on one model, ready.

    Args:
        path: file that `mnist_etc.attack.prepare` wrote.
        model_sha256: of the model's file in service.

    Raises:
        ArtifactError: it cannot be read, is none, or was fitted to another model.
    """

    side: int
    """Pixels of an image's side."""
    names: tuple[str, ...]
    """Of the classes."""
    about: dict[str, Any]
    """What the file states: policies, attacks, their errors on images that the attacker had not, and what he had."""

    def __init__(self, path: Path, model_sha256: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        content = read_limited(path, LIMIT)
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors share no base class
            cause = " ".join(str(error).split())
            raise ArtifactError(f"Expected attacks as an ONNX graph in {path}; received: {cause}. {REMEDY}") from error
        try:
            self.about = dict(json.loads(self._session.get_modelmeta().custom_metadata_map[ABOUT]))
            stated = str(self.about["model_sha256"])
            self.names, self.side = tuple(map(str, self.about["classes"])), int(self.about["side"])
            self._rows = [
                (str(row["policy"]), str(row["attack"]), float(row["leakage_bits"])) for row in self._policies()
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"Expected {path} to state its attacks; received: {error!r}. {REMEDY}") from error
        outputs = {value.name for value in self._session.get_outputs()}
        wanted = {name for policy, attack, _ in self._rows for name in output_names(policy, attack)}
        if not wanted <= outputs or LABEL not in {policy for policy, _, _ in self._rows}:
            raise ArtifactError(
                f"Expected the outputs of {len(self._rows)} attacks in {path}; received {sorted(outputs)}. {REMEDY}"
            )
        if stated != model_sha256:
            raise ArtifactError(
                f"Expected {path} to attack the model with sha256 {model_sha256}; received one of {stated}. {REMEDY}"
            )
        self._bytes = self._session.get_inputs()[0].type == "tensor(uint8)"

    def _policies(self) -> list[dict[str, Any]]:
        if self.about.get("schema") != SCHEMA:
            raise ValueError(f"schema {self.about.get('schema')!r}")
        return list(self.about["policies"])

    def rebuild(self, image: NDArray[np.uint8]) -> list[Rebuilt]:
        """Ask the model about ``image``, uint8 ``(side, side)``, light on dark, and attack each policy's answer.

        Raises:
            DataError: the image is of another side.
        """
        if image.shape != (self.side, self.side):
            raise DataError(
                f"Expected an image of {self.side} x {self.side}, which the model reads; received "
                f"{' x '.join(map(str, image.shape))}. Prepare it as infer.py does."
            )
        names = [name for policy, attack, _ in self._rows for name in output_names(policy, attack)]
        given = image[None, :, :, None] if self._bytes else scale_pixels(image[None])
        told = dict(zip(names, self._session.run(names, {"input": given}), strict=True))
        original = image.astype(np.float64) / 255
        made = [(row, *(told[name][0] for name in output_names(row[0], row[1]))) for row in self._rows]
        errors = {row[0]: float(np.square(found - original).mean()) for row, _, found in made}
        return [
            Rebuilt(
                policy=policy,
                attack=attack,
                leakage_bits=bits,
                answer=answer,
                text=describe(answer, self.names),
                image=found,
                error=errors[policy],
                baseline=errors[LABEL],
            )
            for (policy, attack, bits), answer, found in made
        ]


def describe(answer: NDArray[np.float32], names: Sequence[str]) -> str:
    """The greatest numbers of an answer ``(classes,)`` and how many more it tells: ``3 0.91, 8 0.06``.

    The least number, where several classes share it, tells nothing of any of them. Of the label, 1, the class is all.
    """
    least = answer.min()
    shared = int((answer == least).sum()) > 1
    order = [int(place) for place in np.argsort(-answer, kind="stable") if not (shared and answer[place] == least)]
    if len(order) == 1 and answer[order[0]] == 1:
        return names[order[0]]
    words = [f"{names[place]} {answer[place]:.4g}" for place in order[:SHOWN]]
    more = len(order) - len(words)
    rest = f" and {more} more" if more else ""
    return f"{', '.join(words)}{rest}"
