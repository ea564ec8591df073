"""The file of counts: by model and hour, how many answers told what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from mnist_etc.errors import ArtifactError
from mnist_etc.evaluation.drift import Counts, Reference, read_counts
from mnist_etc.files import exclusive, read_limited, write_bytes

__all__ = ["HOUR", "KEY", "Hours", "Tally", "hour_of"]

HOUR = 3600
SCHEMA = "mnist_etc/counts/1"
MOST_HOURS, MOST_MODELS = 24 * 92, 8
"""That are kept; the oldest go first."""
LIMIT = 2**25
KEY = "service.counts"
FORM = "%Y-%m-%dT%HZ"


def hour_of(seconds: float) -> int:
    """The hour since 1970 that ``seconds`` since 1970 lie in."""
    return int(seconds // HOUR)


@dataclass(eq=False, kw_only=True)
class Tally:
    """Of one model: counts by hours since 1970."""

    policy: str
    reference: Reference
    hours: dict[int, Counts] = field(default_factory=dict)

    @classmethod
    def of(cls, policy: str, reference: Reference) -> Self:
        """Of no answer."""
        return cls(policy=policy, reference=reference)

    def add(self, hour: int, counts: Counts) -> None:
        """Count more of an hour."""
        self.hours[hour] = self.hours[hour] + counts if hour in self.hours else counts

    def __add__(self, other: Tally) -> Tally:
        """Of both together; of this one's reference."""
        whole = self.copy()
        for hour, counts in other.hours.items():
            whole.add(hour, counts)
        return whole

    def keep(self, count: int, now: int) -> None:
        """Forget all hours but the last ``count`` up to ``now``."""
        for hour in [hour for hour in self.hours if hour <= now - count]:
            del self.hours[hour]

    def copy(self) -> Tally:
        """Another that changes on its own."""
        return Tally(policy=self.policy, reference=self.reference, hours=dict(self.hours))

    def sum(self) -> Counts:
        """Of all hours."""
        whole = self.reference.nothing()
        for counts in self.hours.values():
            whole += counts
        return whole

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "policy": self.policy,
            "classes": list(self.reference.names),
            "reference": self.reference.plain(),
            "hours": {
                datetime.fromtimestamp(hour * HOUR, UTC).strftime(FORM): counts.plain()
                for hour, counts in sorted(self.hours.items())
            },
        }

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Self:
        """What `plain` wrote; raises where it is of another form."""
        reference = Reference.read(plain["reference"], tuple(map(str, plain["classes"])))
        sizes = {name: len(counts) for name, counts in reference.counts.bins.items()}
        hours = {}
        for text, counts in plain["hours"].items():
            found = read_counts(counts)
            if {name: len(one) for name, one in found.bins.items()} != sizes:
                raise ValueError(f"counts of another form in {text}")
            hours[hour_of(datetime.strptime(text, FORM).replace(tzinfo=UTC).timestamp())] = found
        return cls(policy=str(plain["policy"]), reference=reference, hours=hours)


class Hours:
    """What the file holds."""

    @staticmethod
    def read(path: Path) -> dict[str, Tally]:
        """The tallies by model, ``<name>/<version>``.

        Raises:
            ArtifactError: It is no such file, or damaged.
        """
        content = read_limited(path, LIMIT)
        try:
            plain = json.loads(content)
            if plain["schema"] != SCHEMA:
                raise ValueError(f"schema {plain['schema']!r}")
            return {str(name): Tally.read(one) for name, one in plain["models"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ArtifactError) as error:
            cause = " ".join(str(error).split())
            raise ArtifactError(
                f"Expected the counts that the service wrote in {path}; received: {cause}. Move it away; the service "
                "begins another."
            ) from error

    @staticmethod
    def add(path: Path, more: Mapping[str, Tally]) -> None:
        """Add ``more`` to the file in one step; other processes may do so, too.

        Raises:
            ArtifactError: It is damaged, or cannot be written.
        """
        with exclusive(path.with_name(f".{path.name}.lock"), key=KEY, wait=True):
            held = Hours.read(path) if path.is_file() else {}
            for name, tally in more.items():
                before = held.pop(name, None)
                same = before is not None and before.reference.same(tally.reference)
                held[name] = before + tally if before is not None and same else tally.copy()
                held[name].keep(MOST_HOURS, max(held[name].hours, default=0))
            kept = dict(list(held.items())[-MOST_MODELS:])
            plain = {"schema": SCHEMA, "models": {name: tally.plain() for name, tally in kept.items()}}
            write_bytes(path, json.dumps(plain).encode(), 0o600, key=KEY)
