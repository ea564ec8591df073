"""The measurements of a search, on disk as they are made."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mnist_etc.errors import ConfigError
from mnist_etc.files import read_limited, write_bytes
from mnist_etc.serving.tuning.candidates import Candidate
from mnist_etc.serving.tuning.measurement import Measurement

__all__ = ["Trials"]

LIMIT = 2**26
REMEDY = "Pass output=<another folder>, or force=true to measure anew."


@dataclass
class Trials:
    """Every measurement of a search, written to ``path`` as it is made, so that a stopped search goes on from there."""

    path: Path
    fingerprint: Mapping[str, Any]
    """The model, machine and settings that the measurements are of; those of others are refused."""
    measurements: dict[tuple[str, int], list[Measurement]] = field(default_factory=dict)
    """By the candidate's name and the concurrency, in the order of the rounds."""

    def load(self, *, force: bool) -> None:
        """Take up what an earlier search measured, unless ``force``.

        Raises:
            ArtifactError: The file cannot be read.
            ConfigError: The file is no record of a search, or one of another model, machine or settings.
        """
        if force or not self.path.exists():
            return
        content = read_limited(self.path, LIMIT)
        try:
            record = json.loads(content)
            fingerprint = dict(record["about"])
            trials = [
                (str(row["candidate"]), int(row["concurrency"]), _measurement(row["figures"]))
                for row in record["measurements"]
            ]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise ConfigError(
                f"Expected {self.path} as a search writes it; received another file ({error!r}). {REMEDY}"
            ) from error
        if fingerprint != self.fingerprint:
            changed = [key for key in self.fingerprint if self.fingerprint[key] != fingerprint.get(key)]
            raise ConfigError(
                f"Expected {self.path} of this search; received one with another {', '.join(changed)}. {REMEDY}"
            )
        for name, concurrency, measurement in trials:
            self.measurements.setdefault((name, concurrency), []).append(measurement)

    def add(self, candidate: Candidate, measured: Mapping[int, Measurement]) -> None:
        """Keep what was measured of ``candidate`` at each concurrency, on disk too.

        Raises:
            ArtifactError: The file cannot be written.
        """
        for concurrency, measurement in measured.items():
            self.measurements.setdefault((candidate.name, concurrency), []).append(measurement)
        rows = [
            {"candidate": name, "concurrency": concurrency, "figures": asdict(measurement)}
            for (name, concurrency), rounds in self.measurements.items()
            for measurement in rounds
        ]
        record = {"about": dict(self.fingerprint), "measurements": rows}
        write_bytes(self.path, (json.dumps(record) + "\n").encode(), key="output")

    def rounds(self, candidate: Candidate, concurrency: int) -> int:
        """The number of rounds in which ``candidate`` was measured so far."""
        return len(self.measurements.get((candidate.name, concurrency), []))

    def median(self, candidate: Candidate, concurrency: int, name: str) -> float:
        """The median over the rounds of one figure, a field of `Measurement`."""
        rounds = self.measurements[candidate.name, concurrency]
        return float(statistics.median(getattr(measurement, name) for measurement in rounds))


def _measurement(figures: Mapping[str, Any]) -> Measurement:
    return Measurement(**{name: float(value) for name, value in dict(figures).items()})
