"""A study's results as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from mnist_etc.attack.by_confidence import ConfidenceRow
from mnist_etc.attack.results import Result, strongest

__all__ = ["tables"]

GLOSSARY = """\
MSE of a pixel on [0, 1], mean over {targets} targets with its 95 % confidence interval; accuracy, calibration error
and log loss of the answers about the whole split. Answers: about photos of one page, each turned, moved, zoomed and
noisy, the first of them exact; their bits add up, and their epsilons where a policy has one. Of label alone: over the
MSE of the strongest attack on as many answers that tell the class alone; at the 1st percentile of the targets, and over
the fifth of the targets that the model is least sure of. Same class: how often an independent network sees the
original's class in the rebuilt image. Queries: about each target.
"""


def tables(results: Sequence[Result], confidences: Sequence[ConfidenceRow]) -> str:
    """The strongest attacks, the same by confidence, and all attacks."""
    several = len({row.model for row in results}) > 1
    words = GLOSSARY.format(targets=" or ".join(f"{count:,}" for count in sorted({row.targets for row in results})))
    parts = [
        _table([_best(row) for row in strongest(results)], several=several),
        _table([_confidence(row) for row in confidences], several=False),
        _table([_attack(row) for row in results], several=several),
    ]
    return f"{words}\n" + "\n\n".join(part for part in parts if part) + "\n"


def _best(row: Result) -> dict[str, str]:
    return {
        "model": row.model,
        "policy": row.policy,
        "answers": str(row.answers),
        "bits": f"{row.answers * row.leakage_bits:.1f}",
        "epsilon": "" if isnan(row.epsilon) else f"{row.answers * row.epsilon:g}",
        "accuracy": f"{100 * row.accuracy:.2f} %",
        "calibration error": f"{row.calibration_error:.4f}",
        "log loss": f"{row.log_loss:.3f}",
        "strongest attack": row.attack,
        "its MSE": _interval(row.mse, row.mse_half),
        "of label alone": _interval(row.of_floor, row.of_floor_half, 3),
        "1st percentile": f"{row.first_percentile:.3f}",
        "least sure fifth": f"{row.least_sure:.3f}",
        "same class": _interval(row.same_class, row.same_class_half, 3),
    }


def _confidence(row: ConfidenceRow) -> dict[str, str]:
    lowest, highest = (f"{value:.3f}" for value in (row.lowest, row.highest))
    return {
        "model": row.model,
        "answers of": row.policy,
        "answers": str(row.answers),
        "confidence": lowest if lowest == highest else f"{lowest} to {highest}",
        "targets": f"{row.targets:,}",
        "strongest attack": row.attack,
        "of label alone": _interval(row.of_floor, row.of_floor_half, 3),
    }


def _attack(row: Result) -> dict[str, str]:
    return {
        "model": row.model,
        "policy": row.policy or "-",
        "answers": str(row.answers) if row.answers else "-",
        "attack": row.attack,
        "knows encoder": "yes" if row.knows_encoder else "no",
        "queries": f"{row.queries:,.0f}",
        "MSE": _interval(row.mse, row.mse_half),
        "of label alone": _interval(row.of_floor, row.of_floor_half, 3),
        "1st percentile": "" if isnan(row.first_percentile) else f"{row.first_percentile:.3f}",
        "SSIM": _interval(row.ssim, row.ssim_half, 3),
        "cosine": _interval(row.cosine, row.cosine_half, 3),
        "same class": _interval(row.same_class, row.same_class_half, 3),
    }


def _table(rows: Sequence[dict[str, str]], *, several: bool) -> str:
    """Without the column ``model`` unless there are ``several``."""
    if not rows:
        return ""
    heads = [head for head in rows[0] if several or head != "model"]
    lines = [heads, ["---"] * len(heads), *([row[head] for head in heads] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _interval(mean: float, half: float, digits: int = 4) -> str:
    """Of a single target there is no half width."""
    if isnan(mean):
        return ""
    return f"{mean:.{digits}f}" if isnan(half) else f"{mean:.{digits}f} ± {half:.{digits}f}"
