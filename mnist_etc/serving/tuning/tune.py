"""Search Triton's fastest configuration on this machine: ``python -m mnist_etc.serving.tune [key=value ...]``."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from tqdm import tqdm

from mnist_etc.artifacts.config import UseCommand
from mnist_etc.artifacts.remedies import arguments, flatten
from mnist_etc.export.config import ExportCommand, TritonConfig
from mnist_etc.export.model_config import encode
from mnist_etc.export.repository import COMMAND
from mnist_etc.files import exclusive, write_bytes
from mnist_etc.serving.config import TuneCommand
from mnist_etc.serving.server import leave_on_signals
from mnist_etc.serving.tuning.candidates import Candidate, Graphs, candidates, serve_alone
from mnist_etc.serving.tuning.measurement import Measurement, Workload, measure
from mnist_etc.serving.tuning.report import Report
from mnist_etc.serving.tuning.successive_halving import rank, successive_halving
from mnist_etc.serving.tuning.trials import Trials

__all__ = ["export_command", "tune"]


def tune(command: TuneCommand) -> Candidate:
    """Search, write what was found into ``command.output`` and print the winner.

    Returns:
        The winner.

    Raises:
        ArtifactError: There is no such trained model.
        BusyError: Another search writes into ``command.output``.
        ConfigError: ``command.output`` holds measurements of something else.
        ServingError: The server or perf_analyzer failed; what was measured is kept.
    """
    folder = Path(command.output)
    leave_on_signals()
    with exclusive(folder / ".lock", key="output"):
        return _tune(command, folder, _graphs(command))


def _tune(command: TuneCommand, folder: Path, graphs: Graphs) -> Candidate:
    trials = Trials(folder / "measurements.json", _fingerprint(command, graphs))
    trials.load(force=command.force)
    several, level = candidates(command), command.concurrency[-1]
    last = _search(command, trials, several, graphs)
    given_up = [one for one in several if one not in last]
    ranked = last + rank(trials, given_up, level, command.p99_milliseconds)
    report, winner = Report(trials=trials, several=ranked, concurrency=command.concurrency), last[0]
    export = export_command(command, winner)
    heading = f"# Triton on this machine\n\n{_machine()}; {len(several)} candidates; best first.\n\n"
    report.write(folder, f"{heading}Winner: {winner.name}.\n\n    {export}")
    write_bytes(folder / "config.pbtxt", encode(graphs.config(winner, command.triton)).encode(), key="output")
    p99 = trials.median(winner, level, "p99") / 1000
    print(
        f"{winner.name}: {trials.median(winner, level, 'images_per_second'):,.0f} images/s at concurrency {level}, "
        f"p99 {p99:.2f} ms, limited by: {report.bottleneck(winner, level)}"
    )
    if p99 > command.p99_milliseconds:
        print(f"no candidate keeps p99 under {command.p99_milliseconds:g} ms; this one comes nearest")
    print(f"table, plot and config.pbtxt in {folder}/")
    print(f"publish it: {export}")
    return winner


def _search(command: TuneCommand, trials: Trials, several: list[Candidate], graphs: Graphs) -> list[Candidate]:
    """The last candidates, best first."""
    with tqdm(desc="measurements", unit="", disable=None, leave=False) as bar:

        def measured(candidate: Candidate, levels: Sequence[int]) -> dict[int, Measurement]:
            model = graphs.models[candidate.input_type, candidate.variant]
            with serve_alone(graphs.config(candidate, command.triton), model, command.serving) as server:
                figures = {
                    level: measure(server, Workload(concurrency=level, milliseconds=command.milliseconds))
                    for level in levels
                }
            bar.update(len(figures))
            return figures

        return successive_halving(
            trials,
            several,
            measured,
            concurrency=command.concurrency,
            p99_milliseconds=command.p99_milliseconds,
            rounds=command.rounds,
            survivors=command.survivors,
        )


def export_command(command: TuneCommand, winner: Candidate) -> str:
    """The command line, quoted for a shell, that publishes the model of ``command`` as ``winner`` serves it."""
    wanted = flatten(command, (UseCommand,))
    wanted |= flatten(winner.config(command.triton).triton, (TritonConfig,), "triton.")
    wanted |= {"input_type": winner.input_type, "variant": winner.variant}
    return " ".join([COMMAND, *arguments("export", ExportCommand, wanted, command, command.classifier, command.model)])


def _graphs(command: TuneCommand) -> Graphs:
    """Of each input type and variant asked for."""
    from mnist_etc.export.trained_model import TrainedModel

    trained = TrainedModel.of(command)
    models = {
        (kind, variant): trained.graph(kind, variant).SerializeToString(deterministic=True)
        for kind, variant in product(command.input_type, command.variant)
    }
    return Graphs(models=models, names=trained.dataset.names, side=trained.dataset.side)


def _fingerprint(command: TuneCommand, graphs: Graphs) -> dict[str, object]:
    content = b"".join(graphs.models[key] for key in sorted(graphs.models, key=str))
    base = command.triton
    return {
        "model": hashlib.sha256(content).hexdigest(),
        "machine": _machine(),
        "onnxruntime": importlib.metadata.version("onnxruntime"),
        "backend_directory": command.serving.backend_directory,
        "milliseconds": command.milliseconds,
        "max_batch_size": base.max_batch_size,
        "inter_op_threads": base.inter_op_threads,
        "preserve_ordering": base.preserve_ordering,
    }


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
