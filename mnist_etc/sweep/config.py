"""The schema of ``python -m mnist_etc.sweep``."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_etc.artifacts.config import SupervisedCommand, TrainCommand
from mnist_etc.cluster import RayConfig
from mnist_etc.errors import ConfigError
from mnist_etc.schema import between, one_of, path, text
from mnist_etc.sweep.engines import SWEEP_ENGINES
from mnist_etc.sweep.registry import PRUNERS, SAMPLERS, TARGETS

__all__ = ["SweepCommand", "SweepConfig"]


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

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        SWEEP_ENGINES[self.sweep.engine].require_installed()
        if self.force:
            raise ConfigError(
                "Expected force=false of a search, which goes on with its study; received true. To begin anew: "
                "sweep.name=<another name>"
            )
