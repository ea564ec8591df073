"""Search Triton's fastest configuration on this machine: ``python -m mnist_etc.serving.tune [key=value ...]``."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from tqdm import tqdm

from mnist_etc.export.config import ExportCommand
from mnist_etc.export.model_config import encode
from mnist_etc.files import exclusive, write_bytes
from mnist_etc.overrides import keys
from mnist_etc.serving.config import TuneCommand
from mnist_etc.serving.server import leave_on_signals
from mnist_etc.serving.tuning.candidates import Candidate, Graphs, candidates, served
from mnist_etc.serving.tuning.measurement import Load, Measurement, measure
from mnist_etc.serving.tuning.report import Report
from mnist_etc.serving.tuning.search import Record, halve, rank

__all__ = ["tune"]


def tune(command: TuneCommand) -> Candidate:
    """Search, write what was found into ``command.output`` and print the winner.

    Returns:
        The winner.

    Raises:
        ArtifactError: there is no such trained model.
        ConfigError: ``command.output`` holds measurements of something else.
        ServingError: the server or perf_analyzer failed; what was measured is kept.
    """
    folder = Path(command.output)
    leave_on_signals()
    with exclusive(folder / ".lock", key="output"):
        return _tune(command, folder, _graphs(command))


def _tune(command: TuneCommand, folder: Path, graphs: Graphs) -> Candidate:
    record = Record(folder / "measurements.json", _about(command, graphs))
    record.load(force=command.force)
    several = candidates(command)
    with tqdm(desc="measurements", unit="", disable=None, leave=False) as bar:

        def measured(candidate: Candidate, levels: Sequence[int]) -> dict[int, Measurement]:
            model = graphs[candidate.input_type, candidate.variant]
            with served(candidate.config(command.triton), model, command.serving) as server:
                figures = {
                    level: measure(server, Load(concurrency=level, milliseconds=command.milliseconds))
                    for level in levels
                }
            bar.update(len(figures))
            return figures

        last = halve(
            record,
            several,
            measured,
            concurrency=command.concurrency,
            p99_milliseconds=command.p99_milliseconds,
            rounds=command.rounds,
            survivors=command.survivors,
        )
    given_up = [one for one in several if one not in last]
    ranked = last + rank(record, given_up, command.concurrency[-1], command.p99_milliseconds)
    report = Report(record=record, several=ranked, concurrency=command.concurrency)
    winner = last[0]
    heading = f"# Triton on this machine\n\n{_machine()}; {len(several)} candidates; best first.\n\n{_verdict(winner)}"
    report.write(folder, heading)
    write_bytes(folder / "config.pbtxt", encode(winner.config(command.triton)).encode(), key="output")
    level = command.concurrency[-1]
    print(
        f"{winner.name}: {record.middle(winner, level, 'images_per_second'):,.0f} images/s at concurrency {level}, "
        f"p99 {record.middle(winner, level, 'p99') / 1000:.2f} ms, limited by: {report.limit(winner, level)}"
    )
    if record.middle(winner, level, "p99") / 1000 > command.p99_milliseconds:
        print(f"no candidate keeps p99 under {command.p99_milliseconds:g} ms; this one comes nearest")
    print(f"table, plot and config.pbtxt in {folder}/")
    print(f"publish it: python -m mnist_etc.export {' '.join([*_model_keys(), winner.overrides()])}")
    return winner


def _model_keys() -> list[str]:
    """What this command line says of the model, which export must be told too."""
    known = {*keys(ExportCommand), "data", "features"} - {"force", "input_type", "variant"}
    return [word for word in sys.argv[1:] if word.partition("=")[0] in known]


def _graphs(command: TuneCommand) -> Graphs:
    """Of each input type and variant asked for."""
    from mnist_etc.export.trained_model import TrainedModel

    trained = TrainedModel.of(command)
    return {
        (kind, variant): trained.graph(kind, variant).SerializeToString(deterministic=True)
        for kind, variant in product(command.input_type, command.variant)
    }


def _about(command: TuneCommand, graphs: Graphs) -> dict[str, object]:
    content = b"".join(graphs[key] for key in sorted(graphs, key=str))
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


def _verdict(winner: Candidate) -> str:
    return f"Winner: {winner.name}.\n\n    python -m mnist_etc.export {winner.overrides()}"
