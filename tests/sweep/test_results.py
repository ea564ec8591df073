"""What a search leaves, of a study whose second trial was lost and went on under the number of its folder."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import optuna
import pytest

from mnist_etc.sweep.results import write_best, write_plots, write_table
from mnist_etc.sweep.study import mend


@pytest.fixture
def study() -> optuna.Study:
    """Trials 0, 1 and 3: what Optuna calls 2 is 1 that went on; the last one keeps to no bound."""
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    for number, value in ((0, 0.5), (1, None), (2, 0.7), (3, 0.6)):
        trial = study.ask()
        trial.suggest_float("model.learning_rate", 1e-3, 1e-2, log=True)
        trial.suggest_categorical("model.optimizer", ["adam", "sgd"])
        trial.set_user_attr("folder", trial.user_attrs.get("folder", f"trial_{number:04d}"))
        if value is None:
            assert mend(study, alone=True) == 1
        else:
            trial.set_constraint("size_mb", 1.0 if number == 3 else -1.0)
            study.tell(trial, value)
    return study


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Figures that are written, in the order of the files."""
    from matplotlib.figure import Figure

    kept, save = list[Any](), Figure.savefig

    def keeping(figure: Any, *given: Any, **named: Any) -> None:
        kept.append(figure)
        save(figure, *given, **named)

    monkeypatch.setattr(Figure, "savefig", keeping)
    return kept


def test_a_row_a_trial_by_the_number_of_its_folder(study: optuna.Study, tmp_path: Path) -> None:
    write_table(study, tmp_path / "trials.csv")
    rows = [*csv.DictReader((tmp_path / "trials.csv").read_text().splitlines())]
    found = [(row["number"], row["folder"], row["state"], row["value"]) for row in rows]
    assert found == [
        ("0", "trial_0000", "COMPLETE", "0.5"),
        ("1", "trial_0001", "COMPLETE", "0.7"),
        ("3", "trial_0003", "COMPLETE", "0.6"),
    ]
    assert "retry_of" not in rows[0], "Optuna's number"


def test_pictures(study: optuna.Study, drawn: list[Any], tmp_path: Path) -> None:
    names = [path.stem for path in write_plots(study, tmp_path / "plots")]
    figures = dict(zip(names, drawn, strict=True))
    (history, *_), (slices, *_, bar) = figures["history"].axes, figures["slices"].axes
    kept, over = history.collections
    assert (kept.get_offsets()[:, 0].tolist(), over.get_offsets()[:, 0].tolist()) == ([0, 1], [3])
    assert slices.collections[0].get_array().tolist() == [0, 1]
    assert [line.get_drawstyle() for line in history.get_lines()] == ["steps-post"]
    for axis in (history.xaxis, bar.yaxis):
        assert all(float(tick).is_integer() for tick in axis.get_majorticklocs())
    lines = figures["parallel_coordinates"].axes[0].collections[0]
    for collection in (slices.collections[0], lines):
        red, green, blue, _ = collection.get_cmap()(0.0)
        assert max(red, green, blue) - min(red, green, blue) > 0.4, "nearly none, on grey"
    for dots in (over, slices.collections[1]):
        assert dots.get_edgecolor()[0].tolist() == [0, 0, 0, 1], "of trials over a bound, nearly the background's"
    assert len([tick for tick in slices.get_xticks() if 1e-3 <= tick <= 1e-2]) < 5, "their labels would overlap"


def test_the_best_says_how_many_threads_repeat_it(tmp_path: Path) -> None:
    write_best(tmp_path / "best.yaml", "python -m x", [], {}, {"model.epochs": 2}, "0.9", 3)
    head = [line for line in (tmp_path / "best.yaml").read_text().splitlines() if line.startswith("#")]
    assert "threads of the trial: 3; " in head[2]
    assert "OMP_NUM_THREADS=3 " in head[2]
    assert "TF_NUM_INTRAOP_THREADS=3 TF_NUM_INTEROP_THREADS=3" in head[2]


def test_the_best_of_private_trials_promises_no_repetition(tmp_path: Path) -> None:
    """Its noise was secret, and to train it again is one more release of the same images."""
    write_best(tmp_path / "best.yaml", "python -m x", [], {}, {"model.epochs": 2}, "0.9", 3, secret=True)
    text = (tmp_path / "best.yaml").read_text()
    assert "to the bit" not in text
    assert "# private: this training draws noise of its own, and is one more on the same images\n" in text
