"""The file of a summary."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mnist_etc.files import write_bytes
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.labels import Labeler
from mnist_etc.inference.model import SelectedModel
from mnist_etc.inference.output import STANDARD_OUTPUT
from mnist_etc.inference.summary import SCHEMA, Summary

__all__ = ["write_summary"]


def write_summary(config: InferCommand, model: SelectedModel, table: str, summary: Summary, labeler: Labeler) -> None:
    """Write what was asked and what it came to, where ``summary=`` asks for it.

    Raises:
        ArtifactError: the file cannot be written.
    """
    if config.summary is None:
        return
    asked = {
        "model": config.server or str(model.onnx),
        "privacy": model.privacy,
        "input": config.input,
        "labels": config.labels,
        "output": table,
    }
    content = {"schema": SCHEMA, **asked, **summary.content(labeler)}
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    if config.summary != STANDARD_OUTPUT:
        write_bytes(Path(config.summary), text.encode(), key="summary")
    elif sys.__stdout__ is not None:
        sys.__stdout__.write(text)
        sys.__stdout__.flush()
