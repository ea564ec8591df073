"""The state after the last finished epoch, so that a killed training goes on to the same bits."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mnist_etc.data.arrays import DAMAGE
from mnist_etc.files import write_bytes

__all__ = ["Checkpoint"]

Metrics = dict[str, float]


class Checkpoint:
    """One ``.npz`` file: the variables, the metrics of every epoch so far, and the settings they belong to.

    Args:
        path: where it lies.
        settings: whatever must be the same for the state to be of use; JSON types.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.settings = settings

    def save(self, variables: Sequence[keras.Variable], history: list[Metrics]) -> None:
        """Write the state in one step.

        Raises:
            ArtifactError: it cannot be written; the one of before stays.
        """
        arrays = {f"variable_{index}": variable.numpy() for index, variable in enumerate(variables)}
        state = json.dumps({"settings": self.settings, "history": history})
        content = io.BytesIO()  # on a full disk, numpy 1.26 leaves an open zip behind, which complains when collected
        np.savez(content, state=np.array(state), **arrays)
        write_bytes(self.path, content.getvalue())

    def restore(self, variables: Sequence[keras.Variable]) -> list[Metrics]:
        """Fill ``variables`` and return the metrics of the finished epochs; none where nothing usable lies there."""
        if not self.path.is_file():
            return []
        try:
            with np.load(self.path, allow_pickle=False) as file:
                state = json.loads(str(file["state"]))
                values = [file[f"variable_{index}"] for index in range(len(variables))]
            settings, history = state["settings"], list(state["history"])
        except DAMAGE:
            print(f"{self.path} is damaged: starting from the first epoch", flush=True)
            return []
        if settings != self.settings or [v.shape for v in variables] != [v.shape for v in values]:
            print(f"{self.path} is of another configuration: starting from the first epoch", flush=True)
            return []
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return history

    def remove(self) -> None:
        """Forget the state."""
        self.path.unlink(missing_ok=True)
