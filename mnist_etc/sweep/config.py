"""The schema of ``python -m mnist_etc.sweep``."""

from __future__ import annotations

from dataclasses import dataclass, field

from mnist_etc.artifacts.config import SupervisedCommand, TrainCommand
from mnist_etc.cluster import RayConfig
from mnist_etc.errors import ConfigError
from mnist_etc.labels.config import LabelsConfig
from mnist_etc.schema import between, one_of, path, text
from mnist_etc.sweep.engines import SWEEP_ENGINES
from mnist_etc.sweep.registry import PRUNERS, SAMPLERS, TARGETS

__all__ = ["SweepCommand", "SweepConfig"]

FEW_LABELS = "few_labels"
"""As ``sweep.command``."""


@dataclass(kw_only=True)
class SweepConfig:
    """What is searched, how, and where it is recorded."""

    command: str = one_of(TARGETS)
    """The training that a trial is."""
    space: str | None = path(null="the model's own, of conf/sweep/space/")
    """File of the search space: a name in ``conf/sweep/space/``, or a path of a YAML file."""
    trials: int = between(1, 1_000_000)
    """That come to an end, earlier ones of the same study among them."""
    timeout: float | None = between(1e-3, 1e9)
    """Seconds after which no trial is begun any more; null: none."""
    engine: str = one_of(SWEEP_ENGINES)
    """Where trials run."""
    processes: int = between(1, 1024)
    """Trials at a time."""
    threads: int | None = between(1, 1024)
    """Of each trial; null: the cores of this machine, or of the cluster, shared among the processes."""
    name: str | None = text(null="one after the model and the data")
    """Of the study; the same name goes on with the same study."""
    storage: str | None = path(null="a journal file in the folder of the study")
    """Where trials are recorded: a path of a journal file, sqlite:///file.db, postgresql://user@host/database."""
    sampler: str = one_of(SAMPLERS)
    pruner: str = one_of(PRUNERS)
    """Ends a trial after an epoch in which it is behind the others."""
    grace: int = between(1, 86_400)
    """Seconds without a sign of life after which a trial of another machine counts as dead; of databases alone."""
    size_mb: float | None = between(1e-6, 1e6)
    """Most megabytes of the ONNX file, a million bytes each; a trial over it is never the best."""
    latency_ms: float | None = between(1e-6, 1e6)
    """Most milliseconds that 99 in 100 answers to a single image take, once warm."""
    epsilon: float | None = between(0, 1e6)
    """Greatest epsilon of one trial's model; all trials together give away more, as the ledger says."""


@dataclass(kw_only=True)
class SweepCommand(SupervisedCommand, TrainCommand):
    """``python -m mnist_etc.sweep``: the keys of what is swept, and ``sweep.``."""

    multirun = False

    sweep: SweepConfig
    ray: RayConfig
    labels: LabelsConfig = field(default_factory=LabelsConfig)
    """Of ``sweep.command=few_labels`` alone."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        SWEEP_ENGINES[self.sweep.engine].require_installed()
        if self.force:
            raise ConfigError(
                "Expected force=false of a search, which goes on with its study; received true. To begin anew: "
                "sweep.name=<another name>"
            )
        self._check_labels()

    def _check_labels(self) -> None:
        """Refuse labels that nothing sweeps, and a search whose labels nobody counts."""
        asked = self.sweep.command == FEW_LABELS
        if asked != (self.labels.budget is not None):
            raise ConfigError(
                f"Expected labels.budget with sweep.command={FEW_LABELS}, and null with any other; received "
                f"sweep.command={self.sweep.command} and labels.budget={_null(self.labels.budget)}."
            )
        if asked and (self.labels.url is None or not self.labels.validation):
            raise ConfigError(
                "Expected labels.url of one database, so that the labels of all trials are counted together, and "
                f"labels.validation of one label or more, which the trials are judged by; received "
                f"{_null(self.labels.url)} and {self.labels.validation}. Pass both."
            )


def _null(value: object) -> object:
    return "null" if value is None else value
