"""The result of one attack on one policy of one model, and the table of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import get_type_hints

from mnist_etc.attack.adversary import Reconstruction
from mnist_etc.attack.metrics import ImageMetrics, Interval
from mnist_etc.errors import ArtifactError
from mnist_etc.files import temporary
from mnist_etc.policy.utility import PolicyUtility

__all__ = ["TABLE", "Result", "read_results", "strongest", "write_results"]

TABLE = "attacks.csv"
NOTHING = float("nan")


@dataclass(frozen=True, kw_only=True)
class Result:
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
        utility: PolicyUtility | None,
        attack: str,
        reconstruction: Reconstruction,
        metrics: ImageMetrics,
        of_floor: Interval | None,
        *,
        knows_encoder: bool,
    ) -> Result:
        """From what was measured; what is not known is not a number."""
        known = PolicyUtility(NOTHING, NOTHING, NOTHING, NOTHING) if utility is None else utility
        intervals = {
            "mse": metrics.mse,
            "of_floor": of_floor or Interval(NOTHING, NOTHING),
            "ssim": metrics.ssim,
            "cosine": metrics.cosine,
            "same_class": metrics.same_class,
        }
        return cls(
            model=model,
            policy=policy,
            **asdict(known),
            attack=attack,
            knows_encoder=int(knows_encoder),
            queries=reconstruction.queries,
            targets=len(reconstruction.images),
            **{name: value.mean for name, value in intervals.items()},
            **{f"{name}_half": value.half for name, value in intervals.items()},
        )


def strongest(results: Sequence[Result]) -> list[Result]:
    """Of each model and policy the attack of least error, in the order in which they first occur."""
    best: dict[tuple[str, str], Result] = {}
    for row in results:
        if row.policy and (row.model, row.policy) in best:
            best[row.model, row.policy] = min(best[row.model, row.policy], row, key=lambda one: one.mse)
        elif row.policy:
            best[row.model, row.policy] = row
    return list(best.values())


def write_results(folder: Path, results: Sequence[Result]) -> None:
    """As CSV."""
    with temporary(folder / TABLE) as path, path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Result)])
        writer.writeheader()
        writer.writerows(
            {name: f"{v:.6g}" if isinstance(v, float) else v for name, v in asdict(row).items()} for row in results
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
