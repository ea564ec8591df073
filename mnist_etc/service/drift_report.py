"""The job of ``python -m mnist_etc drift``: tables and a plot of how answers are spread."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from mnist_etc.errors import ArtifactError, ConfigError, ExitCode
from mnist_etc.evaluation.drift import ALARM_P, ALARM_PSI, Comparison, Counts, compare
from mnist_etc.evaluation.markdown import escape, table
from mnist_etc.service.drift_config import DriftCommand
from mnist_etc.service.hours import HOUR, Hours, Tally

__all__ = ["drift"]

MOST_ROWS = 60
"""Bins of a table; of more those are shown that moved most."""


def drift(command: DriftCommand) -> int:
    """Print the tables, write the plot.

    Returns:
        ``ExitCode.DRIFTED`` where something drifted.

    Raises:
        ArtifactError: There is no such file of counts, it is damaged, or the plot cannot be written.
        ConfigError: The file holds no such model.
    """
    path = Path(command.counts)
    if not path.is_file():
        raise ArtifactError(
            f"Expected the counts of a service in {path}; received no such file. Run the service, or pass counts=<file>"
        )
    name, tally = _chosen(Hours.read(path), command, path)
    last = max(tally.hours)
    recent = tally.copy()
    recent.keep(command.hours, last)
    now, before = recent.sum(), tally.reference.counts
    found = {of: compare(now.bins[of], before.bins[of]) for of in now.bins}
    print(f"{name}, policy {tally.policy}: {now.images:,} answers in {_span(recent)}\n")
    print(_verdicts(found))
    for of in found:
        print(f"\n{_shares(tally, of, now, before)}")
    if command.plot is not None:
        from mnist_etc.evaluation.plots.drift import plot_drift

        rows = {of: (tally.reference.words(of), now.bins[of], before.bins[of]) for of in found}
        plot_drift(Path(command.plot), rows, {of: one.verdict for of, one in found.items()})
        print(f"\n{command.plot}")
    return ExitCode.DRIFTED if any(one.drifted for one in found.values()) else ExitCode.DONE


def _chosen(models: Mapping[str, Tally], command: DriftCommand, path: Path) -> tuple[str, Tally]:
    answered = {name: tally for name, tally in models.items() if tally.hours}
    if not answered:
        raise ArtifactError(f"Expected counts of answers in {path}; received none. Run the service.")
    name = command.version or max(answered, key=lambda one: max(answered[one].hours))
    if name not in answered:
        raise ConfigError(f"Expected version as one of {', '.join(answered)}; received {name!r}.")
    return name, answered[name]


def _span(tally: Tally) -> str:
    first, last = (
        datetime.fromtimestamp(hour * HOUR, UTC).strftime("%Y-%m-%d %H:00")
        for hour in (min(tally.hours), max(tally.hours) + 1)
    )
    return f"{len(tally.hours):,} hour{'s' * (len(tally.hours) > 1)} from {first} to {last} UTC"


def _verdicts(found: Mapping[str, Comparison]) -> str:
    rows = [[of, f"{one.images:,}", f"{one.psi:.3f}", f"{one.p:.2g}", one.verdict] for of, one in found.items()]
    said = f"Drift: a population stability index of {ALARM_PSI:g} or more, and a chi-squared p below {ALARM_P:g}."
    return f"{table(['of', 'answers', 'PSI', 'p', 'verdict'], rows)}\n\n{said}"


def _shares(tally: Tally, of: str, now: Counts, before: Counts) -> str:
    mine, theirs = now.bins[of] / max(1, now.images), before.bins[of] / max(1, before.images)
    order = list(range(len(mine)))
    if len(mine) > MOST_ROWS:
        order = sorted(sorted(order, key=lambda bin_: -abs(mine[bin_] - theirs[bin_]))[:MOST_ROWS])
    words = tally.reference.words(of)
    rows = [[escape(words[one]), f"{now.bins[of][one]:,}", f"{mine[one]:.1%}", f"{theirs[one]:.1%}"] for one in order]
    return table([of, "answers", "share", "of validation images"], rows, numbers=3)
