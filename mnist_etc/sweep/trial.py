"""A trial: a training command with the values of the trial, in a process, a folder and a tracked run of its own."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_etc.artifacts.artifact import Artifact
from mnist_etc.artifacts.remedies import arguments, flatten
from mnist_etc.composition import compose, entry
from mnist_etc.files import read_limited
from mnist_etc.processes import Teller
from mnist_etc.sweep.config import SweepCommand
from mnist_etc.sweep.engines import Place
from mnist_etc.sweep.registry import TARGETS
from mnist_etc.sweep.space import Space, Value, word

__all__ = ["Training"]

PLACES = (
    *("artifacts=", "repository=", "skip_export=", "skip_visualizations=", "quiet="),
    *("gates.", "tracking."),
)
"""Words that say where files lie, or what is made of a finished model: they decide no accuracy."""
SPENT = ("privacy.ledger=", "privacy.lifetime_epsilon=")
"""Words by which private trainings on the same images are counted together."""
LOG = "trial.log"
LIMIT = 2**26
ANSWERS = 300
"""By which latency is measured."""


class Training:
    """See `mnist_etc.sweep.search.Work`.

    Args:
        command: what is swept, and its keys.
        folder: of the study.
    """

    def __init__(self, command: SweepCommand, folder: Path) -> None:
        self.place: Place
        """Where trials run; set before the first is launched."""
        self._sweep, self.folder = command.sweep, folder
        self._unsaid = [
            word("tracking_uri", command.tracking_uri),
            word("tracking.tensorboard", command.tracking.tensorboard),
        ]
        if command.labels.url is not None:
            self._unsaid.append(word("labels.url", command.labels.url))
        self.name, self.target = command.sweep.command, TARGETS[command.sweep.command]
        self.base = _words(command)
        """Of the command line, before the values of a trial."""
        self.tags: dict[str, str] = {}
        """Of the tracked run of each trial."""

    @property
    def settings(self) -> list[str]:
        """Those of `base` that a study belongs to."""
        return [word for word in self.base if not word.startswith((*PLACES, *SPENT))]

    @property
    def counted_by(self) -> list[str]:
        """Those of `base` by which a training of the best counts beside the trials."""
        return [word for word in self.base if word.startswith(SPENT)]

    @property
    def threads(self) -> int:
        """Of each trial."""
        return self.place.threads(self._sweep.threads, self._sweep.processes)

    def check(self, space: Space) -> None:
        """Refuse a space with a value that no trial can have.

        Raises:
            ConfigError: names it.
        """
        for words in space.corners():
            compose(self.name, self.target.schema, [*self.base, *words])

    def launch(self, folder: str, values: Mapping[str, Value]) -> Teller:
        """See `mnist_etc.sweep.search.Work`."""
        own = self.folder / folder
        own.mkdir(parents=True, exist_ok=True)
        words = [*self._all(folder, values), f"run_name={folder}", *self._unsaid]
        return self.place.start([*entry(self.name), *words], log=own / LOG, threads=self.threads, tags=self.tags)

    def measure(self, folder: str, values: Mapping[str, Value]) -> tuple[dict[str, float], dict[str, Any]]:
        """See `mnist_etc.sweep.search.Work`; a null epsilon is more than any."""
        artifact = self.artifact(folder, values)
        privacy = json.loads(read_limited(artifact.manifest, LIMIT)).get("privacy", {})
        size, epsilon = artifact.onnx.stat().st_size / 1e6, privacy.get("epsilon")
        notes: dict[str, Any] = {"size_mb": size, "threads": self.threads}
        if epsilon is not None:
            notes["epsilon"] = epsilon
        excess = {}
        if self._sweep.size_mb is not None:
            excess["size_mb"] = size - self._sweep.size_mb
        if self._sweep.latency_ms is not None:
            notes["latency_ms"] = _latency(artifact.onnx)
            excess["latency_ms"] = notes["latency_ms"] - self._sweep.latency_ms
        if self._sweep.epsilon is not None:
            excess["epsilon"] = 1e9 if epsilon is None else epsilon - self._sweep.epsilon
        return excess, notes

    def failed(self, folder: str, code: int) -> str:
        """See `mnist_etc.sweep.search.Work`."""
        log = self.folder / folder / LOG
        errors = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("error: ")]
        return f"exit code {code}: {errors[-1].removeprefix('error: ') if errors else f'see {log}'}"

    def artifact(self, folder: str, values: Mapping[str, Value]) -> Artifact:
        """The model that a trial published."""
        return self.target.artifact(compose(self.name, self.target.schema, self._all(folder, values)))

    def _all(self, folder: str, values: Mapping[str, Value]) -> list[str]:
        own = [word(key, value) for key, value in values.items()]
        return [
            *(one for one in self.base if not one.startswith("artifacts=")),
            *own,
            f"artifacts={self.folder / folder}",
        ]


def _words(command: SweepCommand) -> list[str]:
    """The words that make the swept command's configuration from its defaults."""
    name = command.sweep.command
    schema = TARGETS[name].schema
    known: set[str] = set(schema.__dataclass_fields__)
    classifier = command.classifier if "classifier" in known else None
    model = command.model if "model" in known else None
    words = arguments(name, schema, flatten(command, (schema,)), command, classifier, model)
    return [shlex.split(one)[0] for one in words]


def _latency(onnx: Path) -> float:
    """Milliseconds that 99 in 100 answers to a single image take."""
    import numpy as np

    from mnist_etc.predictor import Predictor

    predictor = Predictor(onnx, threads=1)
    image = np.zeros((1, predictor.side, predictor.side), np.uint8)
    took = []
    for _ in range(ANSWERS):
        began = time.perf_counter()
        predictor.probabilities(image)
        took.append(time.perf_counter() - began)
    return float(np.percentile(took[ANSWERS // 10 :], 99) * 1000)
