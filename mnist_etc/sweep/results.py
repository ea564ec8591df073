"""What a search leaves: a table of its trials, pictures, and the best configuration as an experiment."""

from __future__ import annotations

import csv
import io
import shlex
import warnings
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_etc.files import temporary, write_bytes

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

__all__ = ["best_of", "write_best", "write_plots", "write_table"]

PLOTS = {
    "history": "plot_optimization_history",
    "importance": "plot_param_importances",
    "slices": "plot_slice",
    "parallel_coordinates": "plot_parallel_coordinate",
}
"""File names, and functions of ``optuna.visualization.matplotlib``."""
FEW = 2
"""Finished trials that the pictures need."""


def best_of(study: optuna.Study) -> FrozenTrial | None:
    """The best trial of those that keep to every constraint, if there is one."""
    try:
        return study.best_trial
    except ValueError:
        return None


def write_table(study: optuna.Study, path: Path) -> None:
    """A row a trial: number, state, value, seconds, the folder, each value, and what is noted of it."""
    trials = study.get_trials(deepcopy=False)
    parameters = list(dict.fromkeys(key for trial in trials for key in trial.params))
    notes = sorted({key for trial in trials for key in trial.user_attrs})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["number", "state", "value", *parameters, *notes])
    for trial in trials:
        given = [trial.params.get(key, "") for key in parameters] + [trial.user_attrs.get(key, "") for key in notes]
        writer.writerow([trial.number, trial.state.name, "" if trial.value is None else trial.value, *given])
    write_bytes(path, text.getvalue().encode(), key="artifacts")


def write_plots(study: optuna.Study, folder: Path) -> list[Path]:
    """Pictures of history, importance, slices and parallel coordinates, as far as there is something to see."""
    finished = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    if len(finished) < FEW:
        return []
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt
    from optuna.visualization import matplotlib as pictures

    made = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, function in PLOTS.items():
            try:
                drawn = getattr(pictures, function)(study, target_name="validation accuracy")
            except (ValueError, RuntimeError, ZeroDivisionError):  # nothing differs, so nothing is important
                continue
            axes = drawn if hasattr(drawn, "figure") else drawn.ravel()[0]
            figure = axes.figure
            wide = max(len(one.params) for one in finished) if name in ("slices", "parallel_coordinates") else 1
            figure.set_size_inches(max(8.0, 3.8 * wide), 5.0)
            with temporary(folder / f"{name}.png") as path:
                figure.savefig(path, dpi=110, bbox_inches="tight")
            plt.close(figure)
            made.append(folder / f"{name}.png")
    return made


def write_best(
    path: Path, command: str, settings: list[str], typed: Mapping[str, Any], best: Mapping[str, Any], told: str
) -> None:
    """The best configuration, as a file that ``experiment=<path>`` takes.

    Args:
        path: of the file.
        command: how the command is started that it is for.
        settings: words of the command line that are not the trial's.
        typed: value by key of all settings.
        best: value by key of the trial's.
        told: what it reached, for the first lines.
    """
    import yaml

    groups, nested = {}, dict[str, Any]()
    for one in settings:
        key, _, value = one.partition("=")
        if key in typed:
            _put(nested, key, typed[key])
        else:
            groups[key] = value
    for key, value in best.items():
        _put(nested, key, yaml.safe_load(value) if isinstance(value, str) and value.startswith("[") else value)
    defaults = [{f"override /{group}": value} for group, value in groups.items()]
    body = yaml.safe_dump(
        {**({"defaults": defaults} if defaults else {}), **nested}, sort_keys=False, allow_unicode=True
    )
    head = f"# @package _global_\n# {command} {shlex.quote(f'experiment={path}')}          {told}\n"
    write_bytes(path, (head + body).encode(), key="artifacts")


def _put(nested: dict[str, Any], key: str, value: Any) -> None:
    *above, last = key.split(".")
    for part in above:
        nested = nested.setdefault(part, {})
    nested[last] = value.value if isinstance(value, Enum) else value
