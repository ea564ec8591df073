"""The ledger of all private trainings ever started on the same data, and what they give away together.

An epsilon is of one release. Trainings again with ``force=true``, with other settings or in a sweep are releases of the
same images and compose, whichever of them is kept: who chooses among them has looked at them all.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnist_etc.artifacts.data_key import DataKey, named
from mnist_etc.errors import ArtifactError, ConfigError
from mnist_etc.files import exclusive, read_limited, write_bytes
from mnist_etc.privacy.accounting import SampledGaussian, spent
from mnist_etc.privacy.config import LifetimePrivacyConfig
from mnist_etc.privacy.guarantee import Stage
from mnist_etc.privacy.rounding import at_least
from mnist_etc.privacy.unit import Unit

__all__ = ["Ledger", "Standing"]

LIMIT = 2**26
KEY = ".privacy_key"
KEYS = {"id", "data", "started", "model", "seed_given", "stages"}
LATER = {"people", "split"}
"""Keys that not every entry has."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What all private trainings on the same data give away together, at the delta of the one that asks."""

    epsilon: float
    delta: float
    trainings: int
    """That compose to ``epsilon``."""
    unprotected: int
    """Those with a given seed, which have no epsilon."""
    apart: int
    """Those that protect another unit, or other people of the same images, which do not compose with these."""
    other_splits: int = 0
    """Those that held out other validation images, of which everything is published as it is."""
    chose_defaults: bool = False
    """Whether this project's default settings were chosen by trainings on these data, which are in no ledger."""

    @property
    def words(self) -> str:
        """All of it, for a reader."""
        count = f"{self.trainings} training" + "s" * (self.trainings != 1)
        words = f"epsilon {at_least(self.epsilon)} at delta {self.delta:g}, of {count}"
        if self.unprotected:
            words += f"; and {self.unprotected} with a given privacy.seed, which guarantee nothing"
        if self.apart:
            words += f"; and {self.apart} that protect another unit, which do not add up with these"
        if self.other_splits:
            words += (
                f"; and {self.other_splits} with another validation split, whose figures and pictures of images that "
                "were trained on here are outside any epsilon"
            )
        if self.chose_defaults:
            words += "; not of the hundred or so on these images by which the default settings were chosen"
        return words

    def to_manifest(self) -> dict[str, Any]:
        """For the key "lifetime" beside a guarantee."""
        return {"words": self.words, "epsilon": self.epsilon, "delta": self.delta, "trainings": self.trainings}


class Ledger:
    """A JSON file, one entry a private training, read and written under a lock.

    It names the data by an HMAC, so it tells nobody which they were. Data are the same where every image and label is:
    images taken out or added make others.

    Args:
        privacy: where it lies, the bound on what it sums up, and by which delta and accountant.
    """

    def __init__(self, privacy: LifetimePrivacyConfig) -> None:
        self.path, self._privacy = Path(privacy.ledger), privacy
        self.key = DataKey(self.path.parent / KEY)

    def named(self, dataset_sha256: str, *, private: bool) -> dict[str, str]:
        """How to tag the data, see `mnist_etc.artifacts.data_key.named`; makes no key in the place of a lost one.

        Raises:
            ArtifactError: see `enter`.
        """
        if not private:
            return named(dataset_sha256, self.key, private=False)
        with self._locked():
            return named(dataset_sha256, self.key, private=True)

    def check(self, dataset_sha256: str, stages: Sequence[Stage], people: str = "") -> None:
        """Refuse now what `enter` would.

        Raises:
            ArtifactError: see `enter`.
            ConfigError: see `enter`.
        """
        with self._locked() as entries:
            self._permitted(entries, self.key.name(dataset_sha256), stages, self._people(people))

    def enter(
        self, training: str, dataset_sha256: str, stages: Sequence[Stage], model: str, people: str = "", split: str = ""
    ) -> Standing:
        """Count a training before its first step; one that is resumed is not counted again.

        Args:
            training: its name, the same when it is resumed, see `mnist_etc.privacy.seeds.Seeds.fingerprint`.
            dataset_sha256: of its data.
            stages: what it releases itself.
            model: what it trains.
            people: see `mnist_etc.data.Dataset.people_sha256`; two trainings that deal the same images to different
                people do not compose, since what is one person in one of them is several in the other.
            split: see `mnist_etc.data.Dataset.split_sha256`.

        Raises:
            ArtifactError: the ledger is damaged or cannot be written, or its key is lost.
            ConfigError: all trainings on these data would give away more than ``privacy.lifetime_epsilon``.
        """
        with self._locked() as entries:
            data, whose, held = self.key.name(dataset_sha256), self._people(people), self.key.name(split)
            if all(entry["id"] != training for entry in entries):
                self._permitted(entries, data, stages, whose)
                entries.append(
                    {
                        "id": training,
                        "data": data,
                        **({"people": whose} if whose else {}),
                        "started": datetime.now(UTC).isoformat(timespec="seconds"),
                        "model": model,
                        "split": held,
                        "seed_given": self._privacy.seed is not None,
                        "stages": [stage.to_manifest() for stage in stages],
                    }
                )
                self._write(entries)
            return self._beside(entries, data, stages[-1].unit, whose, held)

    def standing(self, dataset_sha256: str, unit: Unit, people: str = "", split: str = "") -> Standing:
        """What is entered for these data, of trainings that protect ``unit``; see `enter`.

        Raises:
            ArtifactError: see `enter`.
        """
        with self._locked() as entries:
            data, held = self.key.name(dataset_sha256), self.key.name(split)
            return self._beside(entries, data, unit, self._people(people), held)

    def _beside(self, entries: Sequence[Mapping[str, Any]], data: str, unit: Unit, people: str, split: str) -> Standing:
        others = sum(one["data"] == data and one.get("split", split) != split for one in entries)
        return replace(self._standing(entries, data, unit, people), other_splits=others)

    def _people(self, sha256: str) -> str:
        return self.key.name(sha256) if sha256 else ""

    def _permitted(self, entries: Sequence[Mapping[str, Any]], data: str, stages: Sequence[Stage], people: str) -> None:
        most = self._privacy.lifetime_epsilon
        if most is None:
            return
        if self._privacy.seed is not None:
            raise ConfigError(
                f"Expected privacy.seed=null with privacy.lifetime_epsilon={most:g}; received a seed, with which a "
                "training has no epsilon. Leave one of them out."
            )
        before = self._standing(entries, data, stages[-1].unit, people)
        if before.unprotected or before.apart:
            raise ConfigError(
                f"Expected private trainings on these images that add up, for privacy.lifetime_epsilon={most:g}; "
                f"received, by {self.path}, {before.words}. Pass privacy.lifetime_epsilon=null."
            )
        released = [stage.to_manifest() for stage in stages]
        new = {"id": "", "data": data, "people": people, "seed_given": False, "stages": released}
        after = self._standing([*entries, new], data, stages[-1].unit, people)
        if after.epsilon > most:
            raise ConfigError(
                f"Expected privacy.lifetime_epsilon of at least {at_least(after.epsilon)}, what this training and the "
                f"{before.trainings} before it on the same images (epsilon {at_least(before.epsilon)}, by {self.path}) "
                f"give away; received {most:g}. Raise it, or train with a lower privacy.target_epsilon."
            )

    def _standing(self, entries: Sequence[Mapping[str, Any]], data: str, unit: Unit, people: str) -> Standing:
        privacy, whom = self._privacy, (unit, people)
        same = [entry for entry in entries if entry["data"] == data]
        secret = [
            (one.get("people", ""), [Stage.from_manifest(stage) for stage in one["stages"]])
            for one in same
            if not one["seed_given"]
        ]
        counted = [released for whose, released in secret if (released[-1].unit, whose) == whom]
        return Standing(
            epsilon=spent(
                _merged([stage for released in counted for stage in released]), privacy.delta, privacy.accountant
            ),
            delta=privacy.delta,
            trainings=len(counted),
            unprotected=len(same) - len(secret),
            apart=len(secret) - len(counted),
        )

    @contextmanager
    def _locked(self) -> Iterator[list[dict[str, Any]]]:
        """All entries, while nobody else reads or writes them."""
        with exclusive(self.path.with_name(f".{self.path.name}.lock"), key="privacy.ledger", wait=True):
            yield self._read()

    def _read(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        try:
            content = dict(json.loads(read_limited(self.path, LIMIT)))
            intact = content.pop("sha256") == _digest(content)
            entries = [dict(entry) for entry in content["trainings"]]
            intact = intact and all(entry.keys() - LATER == KEYS for entry in entries)
        except (ValueError, KeyError, TypeError, RecursionError):
            intact = False
        if not intact:
            raise ArtifactError(
                f"Expected {self.path} as it was written; received a truncated or altered file. Put back a copy of it; "
                "without one nobody knows what was trained on these images: move it away to count anew."
            )
        if not self.key.path.exists() or content["key"] != self.key.name("ledger"):
            raise ArtifactError(
                f"Expected {self.key.path}, under whose key {self.path} names the data; received "
                f"{'another key' if self.key.path.exists() else 'no such file'}. Put it back; without it nobody knows "
                f"what was trained on these images: move {self.path} away to count anew."
            )
        return entries

    def _write(self, entries: Sequence[Mapping[str, Any]]) -> None:
        content = {"key": self.key.name("ledger"), "trainings": list(entries)}
        text = json.dumps(content | {"sha256": _digest(content)}, indent=2, allow_nan=False) + "\n"
        write_bytes(self.path, text.encode(), key="privacy.ledger")


def _merged(stages: Sequence[Stage]) -> list[SampledGaussian]:
    """Steps of one rate and noise as one mechanism, which composes faster; of Gaussians without sampling all."""
    precision, steps = 0.0, dict[tuple[float, float], int]()
    for one in stages:
        if one.sampling_rate == 1 and one.noise_multiplier > 0:
            precision += one.steps / one.noise_multiplier**2
        else:
            kind = (one.sampling_rate, one.noise_multiplier)
            steps[kind] = steps.get(kind, 0) + one.steps
    merged = [
        SampledGaussian(sampling_rate=rate, noise_multiplier=noise, steps=count)
        for (rate, noise), count in sorted(steps.items())
    ]
    if precision:
        merged.append(SampledGaussian(sampling_rate=1.0, noise_multiplier=1 / math.sqrt(precision), steps=1))
    return merged


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
