"""The state after the last finished epoch, so that a killed training goes on to the same bits."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mnist_etc.data.array_file import DAMAGE
from mnist_etc.errors import ArtifactError
from mnist_etc.files import unfinished, write_bytes

__all__ = ["Checkpoint"]

OWNER_ONLY = 0o600
Metrics = dict[str, float]


class Checkpoint:
    """One ``.npz`` file: the variables, the metrics of every epoch so far, and the settings they belong to.

    Its owner alone may read it, since a private training's secret seeds lie there.

    Args:
        path: where it lies.
        settings: whatever must be the same for the state, and its secret numbers, to be of use; JSON types.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.settings = settings
        self._secret: list[int] = []

    def secret(self, draw: Callable[[], Sequence[int]]) -> list[int]:
        """Numbers that are drawn once for a training, kept in this file and nowhere else, and go with it."""
        if not self._secret:
            self._secret = self._found[0]["secret"] if self._found else list(draw())
        return self._secret

    def save(self, variables: Sequence[keras.Variable], history: list[Metrics]) -> None:
        """Write the state in one step.

        Raises:
            ArtifactError: it cannot be written; the one of before stays.
        """
        arrays = {f"variable_{index}": variable.numpy() for index, variable in enumerate(variables)}
        state = json.dumps({"settings": self.settings, "history": history, "secret": self._secret})
        content = io.BytesIO()  # on a full disk, numpy 1.26 leaves an open zip behind, which complains when collected
        np.savez(content, state=np.array(state), **arrays)
        write_bytes(self.path, content.getvalue(), OWNER_ONLY)

    def restore(self, variables: Sequence[keras.Variable]) -> list[Metrics]:
        """Fill ``variables`` and return the metrics of the finished epochs; none where nothing usable lies there.

        Raises:
            ArtifactError: the secret numbers are of a model of other shapes, which must not share them.
        """
        if not self._found:
            return []
        state, values = self._found
        if [variable.shape for variable in variables] != [value.shape for value in values]:
            if self._secret:
                raise ArtifactError(
                    f"Expected {self.path} of a model of these shapes; received one of others, with the seeds of its "
                    "noise, which serve once. Remove it."
                )
            self._say("of another configuration")
            return []
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return list(state["history"])

    def remove(self) -> None:
        """Forget the state, and what a process that was killed as it wrote one left: the secret numbers are in it."""
        for path in (self.path, *unfinished(self.path)):
            path.unlink(missing_ok=True)

    @cached_property
    def _found(self) -> tuple[dict[str, Any], list[Any]] | None:
        """State and values of the file that was there at the start; None where it is of no use."""
        if not self.path.is_file():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                state = dict(json.loads(str(file["state"])))
                values = [file[f"variable_{index}"] for index in range(len(file.files) - 1)]
            known = state.keys() >= {"settings", "history", "secret"}
        except DAMAGE:
            known = False
        if not known:
            self._say("damaged")
        elif state["settings"] != self.settings:
            self._say("of another configuration or source")
        else:
            return state, values
        return None

    def _say(self, what: str) -> None:
        print(f"{self.path} is {what}: starting from the first epoch", flush=True)
