"""The result of one attack on one policy of one model, and the table of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

from mnist_etc.attack.adversary import Reconstruction
from mnist_etc.attack.metrics import Against, ImageMetrics, Interval
from mnist_etc.errors import ArtifactError
from mnist_etc.files import read_limited, temporary, write_json
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.specification import format_policy, parse_policy
from mnist_etc.policy.utility import PolicyUtility

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "TABLE",
    "Result",
    "Seen",
    "attack_error",
    "read_results",
    "strongest",
    "write_results",
    "write_rows",
    "write_study",
]

TABLE, STUDY = "attacks.csv", "study.json"
SCHEMA = "mnist_etc/study/1"
LIMIT = 2**20
NOTHING = float("nan")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What an attacker sees: nothing, by default."""

    policy: str = ""
    answers: int = 0
    """About photos of each target."""
    epsilon: float = NOTHING
    """Of one answer, where the policy is locally differentially private."""
    utility: PolicyUtility = field(default=PolicyUtility(NOTHING, NOTHING, NOTHING, NOTHING))


@dataclass(frozen=True, kw_only=True)
class Result:
    """Each ``..._half`` is half the width of a 95 % confidence interval over the targets."""

    model: str
    """Its data, its name and the privacy of its training images."""
    policy: str
    """Empty where no answer is used."""
    answers: int
    """About photos of each target; 0 where none is used."""
    epsilon: float
    """Of one answer, where the policy is locally differentially private."""
    leakage_bits: float
    accuracy: float
    calibration_error: float
    log_loss: float
    attack: str
    knows_encoder: int
    queries: float
    targets: int
    mse: float
    mse_half: float
    of_floor: float
    """``mse`` over that of the strongest attack on as many answers of the label alone."""
    of_floor_half: float
    first_percentile: float
    """Of the same ratio over the targets."""
    least_sure: float
    """The same ratio over the fifth of the targets that the model is least sure of."""
    ssim: float
    ssim_half: float
    cosine: float
    cosine_half: float
    same_class: float
    same_class_half: float

    @classmethod
    def of(
        cls,
        attack: str,
        reconstruction: Reconstruction,
        metrics: ImageMetrics,
        *,
        model: str,
        knows_encoder: bool = False,
        of_floor: Against | None = None,
        seen: Seen | None = None,
    ) -> Result:
        """From what was measured; what is not known is not a number."""
        known = Seen() if seen is None else seen
        over = of_floor or Against(Interval(NOTHING, NOTHING), NOTHING, NOTHING)
        intervals = {
            "mse": metrics.mse,
            "of_floor": over.mean,
            "ssim": metrics.ssim,
            "cosine": metrics.cosine,
            "same_class": metrics.same_class,
        }
        return cls(
            model=model,
            policy=known.policy,
            answers=known.answers,
            epsilon=known.epsilon,
            **asdict(known.utility),
            attack=attack,
            knows_encoder=int(knows_encoder),
            queries=reconstruction.queries,
            targets=len(reconstruction.images),
            first_percentile=over.first_percentile,
            least_sure=over.least_sure,
            **{name: value.mean for name, value in intervals.items()},
            **{f"{name}_half": value.half for name, value in intervals.items()},
        )


def strongest(results: Sequence[Result]) -> list[Result]:
    """Of each model, policy and number of answers the attack of least error, in the order in which they first occur."""
    best: dict[tuple[str, str, int], Result] = {}
    for row in results:
        if row.policy:
            key = row.model, row.policy, row.answers
            best[key] = min(best.get(key, row), row, key=lambda one: one.mse)
    return list(best.values())


def write_results(folder: Path, results: Sequence[Result]) -> None:
    """As CSV."""
    write_rows(folder / TABLE, Result, results)


def write_rows(table: Path, kind: type[DataclassInstance], rows: Sequence[DataclassInstance]) -> None:
    """Write ``rows``, all of the dataclass ``kind``, as CSV; without any, the names of its fields alone."""
    with temporary(table) as path, path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [one.name for one in fields(kind)])
        writer.writeheader()
        writer.writerows(
            {name: f"{v:.6g}" if isinstance(v, float) else v for name, v in asdict(row).items()} for row in rows
        )


def read_results(folder: Path) -> list[Result]:
    """What `write_results` wrote into ``folder``.

    Raises:
        ArtifactError: there is none, or it is not of this form.
    """
    path, kinds = folder / TABLE, get_type_hints(Result)
    try:
        with path.open(newline="") as file:
            return [Result(**{name: kinds[name](value) for name, value in row.items()}) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"Expected {path} of an earlier study; received: {error}. Name the folder that it printed at its end."
        ) from error


def write_study(folder: Path, model: str, sha256: str) -> None:
    """State which weights the tables in ``folder`` are of: the name in their rows, and the h5 file's checksum."""
    write_json(folder / STUDY, {"schema": SCHEMA, "model": model, "sha256": sha256})


def attack_error(folder: Path, sha256: str, policy: PolicyConfig) -> float | None:
    """The least error of any attack on ``policy``, over that of the label alone, whatever the number of answers.

    Args:
        folder: of an earlier study.
        sha256: of the h5 file of the model that is asked about.
        policy: that its answers go through.

    Returns:
        None where there is no study of these weights and this policy.

    Raises:
        ArtifactError: there is one, and it cannot be read.
    """
    if not (folder / STUDY).is_file() or parse_policy(format_policy(policy)).crowd != policy.crowd:
        return None
    try:
        study = json.loads(read_limited(folder / STUDY, LIMIT))
        if (study["schema"], study["sha256"]) != (SCHEMA, sha256):
            return None
        model = study["model"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"Expected {folder / STUDY} of an earlier study; received: {error}. Run the study again."
        ) from error
    rows = [row for row in read_results(folder) if (row.model, row.policy) == (model, format_policy(policy))]
    return min((row.of_floor for row in rows), default=None)
