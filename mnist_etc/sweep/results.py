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
from mnist_etc.processes import THREADS
from mnist_etc.sweep.study import RETRY_OF, counted, number_of

if TYPE_CHECKING:
    import optuna
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from optuna.trial import FrozenTrial

__all__ = ["best_of", "write_best", "write_plots", "write_table"]

PLOTS = {
    "history": "plot_optimization_history",
    "importance": "plot_param_importances",
    "slices": "plot_slice",
    "parallel_coordinates": "plot_parallel_coordinate",
}
"""File names, and functions of ``optuna.visualization.matplotlib``."""
PALE = "#cccccc"
"""Optuna's color of trials over a bound, on a background of nearly the same."""
FEW = 2
"""Finished trials that the pictures need."""


def best_of(study: optuna.Study) -> FrozenTrial | None:
    """The best trial of those that keep to every constraint, if there is one."""
    try:
        return study.best_trial
    except ValueError:
        return None


def write_table(study: optuna.Study, path: Path) -> None:
    """A row a trial: number, which is its folder's, state, value, each value drawn, and what is noted of it."""
    trials = sorted(counted(study), key=number_of)
    parameters = list(dict.fromkeys(key for trial in trials for key in trial.params))
    notes = sorted({key for trial in trials for key in trial.user_attrs} - {RETRY_OF})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["number", "state", "value", *parameters, *notes])
    for trial in trials:
        given = [trial.params.get(key, "") for key in parameters] + [trial.user_attrs.get(key, "") for key in notes]
        writer.writerow([number_of(trial), trial.state.name, "" if trial.value is None else trial.value, *given])
    write_bytes(path, text.getvalue().encode(), key="artifacts")


def write_plots(study: optuna.Study, folder: Path) -> list[Path]:
    """Pictures of history, importance, slices and parallel coordinates, as far as there is something to see."""
    finished = [trial for trial in counted(study) if trial.state.name == "COMPLETE"]
    if len(finished) < FEW:
        return []
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt
    from optuna.visualization import matplotlib as pictures

    made, shown = [], _numbered(finished)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, function in PLOTS.items():
            try:
                drawn = getattr(pictures, function)(shown, target_name="validation accuracy")
            except (ValueError, RuntimeError, ZeroDivisionError):  # nothing differs, so nothing is important
                continue
            axes = drawn if hasattr(drawn, "figure") else drawn.ravel()[0]
            figure = axes.figure
            _make_legible(name, figure)
            wide = max(len(one.params) for one in finished) if name in ("slices", "parallel_coordinates") else 1
            figure.set_size_inches(max(8.0, 3.8 * wide), 5.0)
            with temporary(folder / f"{name}.png") as path:
                figure.savefig(path, dpi=110, bbox_inches="tight")
            plt.close(figure)
            made.append(folder / f"{name}.png")
    return made


def _numbered(finished: list[FrozenTrial]) -> optuna.Study:
    """A study in memory whose trials have the numbers of their folders; at each other number is one that failed."""
    import optuna

    study, by_number = optuna.create_study(direction="maximize"), {number_of(trial): trial for trial in finished}
    for number in range(max(by_number) + 1):
        study.add_trial(by_number.get(number) or optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL))
    return study


def _make_legible(name: str, figure: Figure) -> None:
    """Colors that stand out from the background, trials by whole numbers, and the best as the steps that it makes."""
    import matplotlib as mpl
    import numpy as np
    from matplotlib.colors import ListedColormap, to_rgba
    from matplotlib.ticker import MaxNLocator

    visible = ListedColormap(mpl.colormaps["viridis_r"](np.linspace(0.2, 1, 256)))
    for axes in figure.axes:
        for drawn in axes.collections:
            if drawn.get_array() is not None:
                drawn.set_cmap(visible)
            elif np.array_equal(drawn.get_facecolor(), [to_rgba(PALE)]):
                drawn.set(facecolor="white", edgecolor="black")
        if name == "history":
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            for line in axes.get_lines():
                line.set_drawstyle("steps-post")
        if name == "parallel_coordinates":
            axes.grid(visible=False)
            title = axes.get_title()
            axes.set_title("")
            axes.set_title(title, loc="left", y=1.03)  # in the middle it covers the legend
        if name == "slices" and axes.get_xscale() == "log":
            _few_ticks(axes)
        if name == "slices" and axes.get_label() == "<colorbar>":
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _few_ticks(axes: Axes) -> None:
    """On a logarithmic axis of a narrow picture, so that no two labels overlap."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    low, high = axes.get_xlim()
    within = MaxNLocator(3) if high < 10 * low else LogLocator(subs=(1, 3) if high < 100 * low else (1,))
    axes.xaxis.set_major_locator(within)
    axes.xaxis.set_major_formatter("{x:.3g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def write_best(
    path: Path,
    command: str,
    settings: list[str],
    typed: Mapping[str, Any],
    best: Mapping[str, Any],
    told: str,
    threads: int | None,
    *,
    secret: bool = False,
) -> None:
    """The best configuration, as a file that ``experiment=<path>`` takes.

    Args:
        path: of the file.
        command: how the command is started that it is for.
        settings: words of the command line that are not the trial's.
        typed: value by key of all settings.
        best: value by key of the trial's.
        told: what it reached, for the first lines.
        threads: that the trial had; None: nothing is known of them.
        secret: its noise was drawn from a secret seed, so that no other training has it.
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
    if secret:
        head += "# private: this training draws noise of its own, and is one more on the same images\n"
    elif threads is not None:
        repeated = " ".join(f"{name}={threads}" for name in THREADS)
        head += f"# threads of the trial: {threads}; the same command repeats it to the bit after: export {repeated}\n"
    write_bytes(path, (head + body).encode(), key="artifacts")


def _put(nested: dict[str, Any], key: str, value: Any) -> None:
    *above, last = key.split(".")
    for part in above:
        nested = nested.setdefault(part, {})
    nested[last] = value.value if isinstance(value, Enum) else value
