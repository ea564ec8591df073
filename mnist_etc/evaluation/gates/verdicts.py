"""What each gate says of a model, as a table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mnist_etc.artifacts.gates import GatesConfig, JudgedBy
from mnist_etc.errors import ArtifactError, ConfigError, GateError
from mnist_etc.evaluation.gates.evidence import Evidence
from mnist_etc.evaluation.gates.registry import GATES
from mnist_etc.files import read_limited
from mnist_etc.schema import check

__all__ = ["SCHEMA", "Verdict", "as_trained", "bounds", "judge", "refuse_failed", "table", "to_json"]

SCHEMA = "mnist_etc/gates/1"
"""The form of the JSON, which changes with its fields."""
LIMIT = 2**20
UNWRITTEN = "as_trained"
"""Key that is about the file itself."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Of one gate."""

    gate: str
    figure: float | None
    """None: there is no evidence."""
    bound: float
    at_most: bool
    """The bound is the greatest figure that passes, not the least."""
    passed: bool
    words: str
    """What the figure is and rests on."""


def bounds(config: GatesConfig) -> dict[str, float]:
    """The bounds of the gates that are on, by their names."""
    given = {name: getattr(config, name) if GATES[name].bound is None else GATES[name].bound for name in GATES}
    return {name: float(bound) for name, bound in given.items() if bound is not None}


def judge(config: GatesConfig, evidence: Evidence) -> list[Verdict]:
    """Hold ``evidence`` to each gate that is on, in the order of the table; what no gate asks for is not measured."""
    verdicts = []
    for name, bound in bounds(config).items():
        row, figure = GATES[name], GATES[name].figure(evidence, config)
        if figure.value is None:
            passed = row.optional
        else:
            passed = figure.value <= bound if row.at_most else figure.value >= bound
        verdicts.append(
            Verdict(
                gate=name,
                figure=figure.value,
                bound=bound,
                at_most=row.at_most,
                passed=passed,
                words=f"{row.help}: {figure.words}",
            )
        )
    return verdicts


def table(verdicts: Sequence[Verdict]) -> str:
    """A line a gate: name, figure, bound, pass or FAIL, and what the figure rests on."""
    rows = [("gate", "figure", "bound", "")]
    rows += [(one.gate, _figure(one), _bound(one), "pass" if one.passed else "FAIL") for one in verdicts]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    told = ["", *(one.words for one in verdicts)]
    return "\n".join(
        "  ".join([*map(str.ljust, row, widths), words]).rstrip() for row, words in zip(rows, told, strict=True)
    )


def to_json(config: GatesConfig, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """For a file: the schema, whether all passed, the configuration, and each verdict.

    A figure that no JSON number can say is null.
    """
    settings = asdict(config) | {"judged_by": config.judged_by and config.judged_by.value}
    return {
        "schema": SCHEMA,
        "passed": all(one.passed for one in verdicts),
        "configuration": {key: value for key, value in settings.items() if key != UNWRITTEN},
        "gates": [
            asdict(one) | {"figure": one.figure if one.figure is None or math.isfinite(one.figure) else None}
            for one in verdicts
        ],
    }


def as_trained(config: GatesConfig, path: Path) -> GatesConfig:
    """``config`` with what is null in it taken from the JSON in ``path``, by which its training was judged.

    Raises:
        ArtifactError: there is none, or it is not as `to_json` makes it.
    """
    try:
        content = json.loads(read_limited(path, LIMIT))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}")
        stated = content["configuration"]
        by = stated["judged_by"]
        trained = GatesConfig(**stated | {"judged_by": by and JudgedBy(by), UNWRITTEN: False})
        check(trained, "gates.")
    except (ArtifactError, ConfigError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"Expected the bounds of the model's training in {path}; received: {' '.join(str(error).split())} "
            "Train it again, or pass gates=default or gates=off."
        ) from error
    given = {key: value for key, value in vars(config).items() if value is not None}
    return replace(trained, **given)


def refuse_failed(verdicts: Sequence[Verdict]) -> None:
    """Raise unless all gates passed.

    Raises:
        GateError: names those that failed, with figure and bound.
    """
    if failed := [one for one in verdicts if not one.passed]:
        said = ", ".join(f"{one.gate} {_figure(one)}, {_bound(one)}" for one in failed)
        raise GateError(f"Expected a model that passes every release gate; received {said}. It was not published.")


def _figure(verdict: Verdict) -> str:
    return "not measured" if verdict.figure is None else f"{verdict.figure:.4g}"


def _bound(verdict: Verdict) -> str:
    return f"{'at most' if verdict.at_most else 'at least'} {verdict.bound:.4g}"
