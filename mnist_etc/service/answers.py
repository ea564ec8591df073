"""What a request is answered: JSON of the model's answers, which tell what its output policy tells and no more."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_etc.data.inputs import EMPTY
from mnist_etc.service.model import ServedModel

__all__ = ["DIGITS", "as_json", "as_png"]

DIGITS = 6
"""Digits after the point of a probability."""


def as_json(
    model: ServedModel,
    names: Sequence[str],
    warnings: Sequence[str],
    images: NDArray[np.uint8],
    outputs: NDArray[np.float32],
    label_only: NDArray[np.bool_] | None,
    *,
    explain: bool,
) -> bytes:
    """The answer to a request.

    Args:
        model: That answered.
        names: Of the images.
        warnings: Of the images; empty where there is none.
        images: uint8 ``(n, side, side)``, as the model saw them.
        outputs: What the policy tells, float32 ``(n, classes)``.
        label_only: ``(n,)``: of which the class alone is told; None: of none.
        explain: Show the images.
    """
    best = outputs.argmax(axis=1).tolist()
    shares = model.shares(outputs).tolist() if model.tells_probability else [None] * len(best)
    told: list[dict[str, Any]] = []
    for row, (name, number, share, warning) in enumerate(zip(names, best, shares, warnings, strict=True)):
        empty = warning == EMPTY
        silent = empty or share is None or (label_only is not None and label_only[row])
        answer: dict[str, Any] = {
            "name": name,
            "class": None if empty else model.names[number],
            "digit": None if empty else number,
            "probability": None if silent else round(share, DIGITS),
            "warning": warning or None,
            "image": as_png(images[row]) if explain else None,
        }
        told.append(answer)
    about = {"model": model.name, "version": model.version, "policy": model.policy}
    return json.dumps({**about, "leakage_bits": model.leakage_bits, "answers": told}).encode()


def as_png(image: NDArray[np.uint8]) -> str:
    """A gray image uint8 ``(height, width)`` as a PNG in a data: URL."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
