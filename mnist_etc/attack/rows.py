"""One attack on one policy of one model: a row of the tables."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

from mnist_etc.attack.measures import Interval, Measures
from mnist_etc.errors import ArtifactError
from mnist_etc.files import temporary
from mnist_etc.policy.facts import PolicyFacts

if TYPE_CHECKING:
    from mnist_etc.attack.attacks import Rebuilt

__all__ = ["TABLE", "Row", "read_rows", "strongest", "write_rows"]

TABLE = "attacks.csv"
NOTHING = float("nan")


@dataclass(frozen=True, kw_only=True)
class Row:
    """Each ``..._half`` is half the width of a 95 % confidence interval over the targets."""

    model: str
    """Its data, its name and the privacy of its training images."""
    policy: str
    """Empty where no answer is used."""
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
    """``mse`` over that of the class mean."""
    of_floor_half: float
    ssim: float
    ssim_half: float
    cosine: float
    cosine_half: float
    same_class: float
    same_class_half: float

    @classmethod
    def of(
        cls,
        model: str,
        policy: str,
        facts: PolicyFacts | None,
        rebuilt: Rebuilt,
        measured: Measures,
        of_floor: Interval | None,
    ) -> Row:
        """From what was measured; what is not known is not a number."""
        known = PolicyFacts(NOTHING, NOTHING, NOTHING, NOTHING) if facts is None else facts
        intervals = {
            "mse": measured.mse,
            "of_floor": of_floor or Interval(NOTHING, NOTHING),
            "ssim": measured.ssim,
            "cosine": measured.cosine,
            "same_class": measured.same_class,
        }
        return cls(
            model=model,
            policy=policy,
            **asdict(known),
            attack=rebuilt.attack,
            knows_encoder=int(rebuilt.knows_encoder),
            queries=rebuilt.queries,
            targets=len(rebuilt.images),
            **{name: value.mean for name, value in intervals.items()},
            **{f"{name}_half": value.half for name, value in intervals.items()},
        )


def strongest(rows: Sequence[Row]) -> list[Row]:
    """Of each model and policy the attack of least error, in the order in which they first occur."""
    best: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.policy and (row.model, row.policy) in best:
            best[row.model, row.policy] = min(best[row.model, row.policy], row, key=lambda one: one.mse)
        elif row.policy:
            best[row.model, row.policy] = row
    return list(best.values())


def write_rows(folder: Path, rows: Sequence[Row]) -> None:
    """As CSV."""
    with temporary(folder / TABLE) as path, path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(
            {name: f"{v:.6g}" if isinstance(v, float) else v for name, v in asdict(row).items()} for row in rows
        )


def read_rows(folder: Path) -> list[Row]:
    """What `write_rows` wrote into ``folder``.

    Raises:
        ArtifactError: there is none, or it is not of this form.
    """
    path, kinds = folder / TABLE, get_type_hints(Row)
    try:
        with path.open(newline="") as file:
            return [Row(**{name: kinds[name](value) for name, value in row.items()}) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"Expected {path} of an earlier study; received: {error}. Name the folder that it printed at its end."
        ) from error
