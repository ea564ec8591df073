"""The network for handwritten digits that comes with the package; README.md beside it says from where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mnist_etc.errors import ArtifactError
from mnist_etc.files import sha256

__all__ = [
    "DATASETS",
    "FOLDER",
    "LIMIT",
    "MANIFEST",
    "NETWORK",
    "SERVED",
    "SERVED_MANIFEST",
    "TRAINED_ON",
    "verify",
]

DATASETS = ("mnist", "digits")
"""Whose classes it knows."""
TRAINED_ON = "mnist"
"""The dataset whose images it was trained on."""
FOLDER = Path(__file__).parent
NETWORK, MANIFEST = "digits.onnx", "digits.json"
SERVED, SERVED_MANIFEST = "served.onnx", "served.json"
"""The same network behind an output policy, with a manifest as a published version has it."""
LIMIT = 500_000
"""Bytes of the network."""


def verify() -> tuple[Path, dict[str, Any]]:
    """The ONNX file and its manifest.

    Raises:
        ArtifactError: the file or its manifest is missing or altered.
    """
    onnx, manifest = FOLDER / NETWORK, FOLDER / MANIFEST
    try:
        content = dict(json.loads(manifest.read_bytes()))
        stated = content["files"][onnx.name]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"Expected {manifest} of this package; received: {error!r}. Install it again.") from error
    if (received := sha256(onnx) if onnx.is_file() else "no such file") != stated:
        raise ArtifactError(f"Expected {onnx} with sha256 {stated}; received {received}. Install the package again.")
    return onnx, content
