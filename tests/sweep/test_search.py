"""A search in this process, its trials toys in processes of their own."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from support import ROOT

from mnist_etc.errors import ArtifactError, ConfigError
from mnist_etc.sweep.job import _so_far
from mnist_etc.sweep.registry import PRUNERS, SAMPLERS
from mnist_etc.sweep.results import best_of, write_plots, write_table
from mnist_etc.sweep.search import MOST_KILLS, Search
from mnist_etc.sweep.space import Parameter, Space
from mnist_etc.sweep.storage import answering, check_storage, open_storage, without_password
from mnist_etc.sweep.study import counted, mend, open_study

sys.path.insert(0, str(Path(__file__).parent))
from toy import EPOCHS, Toy, value_of

SPACE = Space({"x": Parameter(type="float", low=0.0, high=1.0)}, {"x": {}})


@pytest.fixture(autouse=True)
def this_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the processes of trials."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def searched(
    folder: Path, work: Toy, trials: int, *, pruner: str = "none", sampler: str = "random", processes: int = 2
) -> optuna.Study:
    storage = open_storage(str(folder / "journal.log"), 10)
    study = open_study(storage, "toy", {"command": "toy"}, PRUNERS[pruner]())
    quiet = {"say": lambda _: None}
    Search(study, storage, SPACE, work, sampler=SAMPLERS[sampler], trials=trials, processes=processes, **quiet).run()
    return study


def test_values_folders_and_a_search_that_goes_on(tmp_path: Path) -> None:
    study = searched(tmp_path, Toy(tmp_path, seconds=0), 3)
    for number, trial in enumerate(study.trials):
        assert trial.value == value_of(trial.params["x"])
        assert trial.user_attrs["folder"] == trial.user_attrs["told"] == f"trial_{number:04d}"
        assert [*trial.intermediate_values] == list(range(1, EPOCHS + 1))
    before = [trial.params for trial in study.trials]
    more = searched(tmp_path, Toy(tmp_path, seconds=0), 5)
    assert [trial.params for trial in more.trials[:3]] == before
    assert len({trial.params["x"] for trial in more.trials}) == 5
    launched = (tmp_path / "events").read_text().split().count("launched")
    assert launched == 5
    searched(tmp_path, Toy(tmp_path, seconds=0), 5)
    assert (tmp_path / "events").read_text().split().count("launched") == launched, "all is there already"


def test_one_process_at_a_time_draws_the_same_again(tmp_path: Path) -> None:
    values = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        study = searched(tmp_path / name, Toy(tmp_path / name, seconds=0), 4, sampler="tpe", processes=1)
        values.append([trial.params["x"] for trial in study.trials])
    assert values[0] == values[1]


def test_what_is_behind_is_pruned(tmp_path: Path) -> None:
    study = searched(tmp_path, Toy(tmp_path, seconds=0.1), 12, pruner="median", processes=4)
    states = [trial.state.name for trial in study.trials]
    assert states.count("PRUNED") > 0
    assert states.count("COMPLETE") >= 5
    finished = (tmp_path / "events").read_text().split().count("finished")
    assert finished < 12, "a pruned trial was ended early"


def test_failed_trials_count_and_constraints_bound_the_best(tmp_path: Path) -> None:
    study = searched(tmp_path, Toy(tmp_path, seconds=0, most=0.2, fails=0.8), 14, processes=4)
    failed = [trial for trial in study.trials if trial.state.name == "FAIL"]
    assert failed
    for trial in failed:
        assert trial.params["x"] > 0.8
        assert trial.user_attrs["error"].startswith("exit code 1")
    best = best_of(study)
    assert best is not None
    assert best.params["x"] <= 0.2
    assert (study.best_value, len(study.trials)) == (best.value, 14)
    write_table(study, tmp_path / "trials.csv")
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 15
    assert next(path.stem for path in write_plots(study, tmp_path / "plots")) == "history"
    none = searched(tmp_path, Toy(tmp_path, seconds=0), 14)
    assert len(none.trials) == 14


def test_a_lost_trial_goes_on_in_its_folder_once(tmp_path: Path) -> None:
    study = open_study(open_storage(str(tmp_path / "j"), 10), "toy", {"command": "toy"}, PRUNERS["none"]())
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    trial.set_user_attr("folder", "trial_0000")
    study.tell(study.ask(), 0.5)
    assert _so_far(study) == "1 trial so far, 1 under way"
    assert mend(study, alone=True) == 1
    assert mend(study, alone=True) == 0
    assert _so_far(study) == "1 trial so far, 1 under way"
    again = counted(study)[1]
    assert (again.state.name, again.number, again.user_attrs["folder"]) == ("WAITING", 2, "trial_0000")
    retried = study.ask()
    assert retried.suggest_float("x", 0, 1) == trial.params["x"]


def test_a_search_says_that_a_lost_trial_goes_on(tmp_path: Path) -> None:
    storage, said = open_storage(str(tmp_path / "j"), 10), list[str]()
    study = open_study(storage, "toy", {"command": "toy"}, PRUNERS["none"]())
    study.ask().suggest_float("x", 0, 1)
    work = Toy(tmp_path, seconds=0)
    Search(study, storage, SPACE, work, sampler=SAMPLERS["random"], trials=1, say=said.append).run()
    assert said[0] == "1 trial of a search that was ended goes on"


def test_a_database_takes_a_trial_without_heartbeat_for_lost(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/study.db"
    storage = open_storage(address, 1)
    study = open_study(storage, "toy", {"command": "toy"}, PRUNERS["none"]())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dead = study.ask()
    dead.suggest_float("x", 0, 1)
    dead.set_user_attr("folder", "trial_0000")
    assert isinstance(storage, optuna.storages.RDBStorage)
    storage.record_heartbeat(storage.get_trial_id_from_study_id_trial_number(1, 0))
    Search(
        study,
        storage,
        SPACE,
        Toy(tmp_path, seconds=0),
        sampler=SAMPLERS["tpe"],
        trials=2,
        heartbeat=1,
        say=lambda _: None,
    ).run()
    assert [trial.state.name for trial in counted(study)] == ["COMPLETE"] * 2
    assert [trial.params for trial in counted(study) if trial.user_attrs["folder"] == "trial_0000"] == [dead.params]
    assert len(study.trials) == 3


def test_a_study_of_something_else(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path / "j"), 10)
    open_study(storage, "one", {"command": "supervised model=cnn"}, PRUNERS["none"]())
    with pytest.raises(ConfigError, match=r"model=tiny; received one of a command with model=cnn\. Pass sweep\.name="):
        open_study(storage, "one", {"command": "supervised model=tiny"}, PRUNERS["none"]())
    open_study(storage, "two", {"command": "supervised data=digits model=tiny model.epochs=2"}, PRUNERS["none"]())
    told = r"with model=cnn, no model\.epochs; received one of a command with model=tiny, model\.epochs=2\."
    with pytest.raises(ConfigError, match=told):
        open_study(storage, "two", {"command": "supervised data=digits"}, PRUNERS["none"](), {"model": "cnn"})


class Hooked(Toy):
    """Each of the first trials meets something once it runs."""

    def __init__(self, folder: Path, *meets: Callable[[Any], object], seconds: float = 0) -> None:
        super().__init__(folder, seconds=seconds)
        self.meets = list(meets)

    def launch(self, folder: str, values: Mapping[str, Any]) -> Any:
        """See `mnist_etc.sweep.search.Work`."""
        child = super().launch(folder, values)
        if self.meets:
            self.meets.pop(0)(child)
        return child


def kill(child: Any) -> None:
    os.kill(child.pid, signal.SIGKILL)


def test_a_trial_whose_process_is_killed_goes_on(tmp_path: Path) -> None:
    study = searched(tmp_path, Hooked(tmp_path, kill, kill, seconds=0.05), 3)
    assert [trial.state.name for trial in counted(study)] == ["COMPLETE"] * 3
    assert len({trial.user_attrs["folder"] for trial in counted(study)}) == 3
    assert (len(study.trials), len([*tmp_path.glob("trial_*")])) == (5, 3), "it went on in its folder"
    assert len({trial.params["x"] for trial in counted(study)}) == 3


def test_a_trial_that_is_always_killed_fails_in_the_end(tmp_path: Path) -> None:
    study = searched(tmp_path, Hooked(tmp_path, *[kill] * 9, seconds=1), 1)
    (trial,) = counted(study)
    assert (trial.state.name, len(study.trials)) == ("FAIL", MOST_KILLS + 1)
    assert trial.user_attrs["error"].startswith("exit code -9")


def test_a_trial_that_others_took_for_dead_is_left_to_them(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/study.db"
    study = open_study(open_storage(address, 10), "toy", {"command": "toy"}, PRUNERS["none"]())

    def take(_: object) -> None:
        study.tell(0, state=optuna.trial.TrialState.FAIL)

    storage, said = open_storage(address, 10), list[str]()
    own = open_study(storage, "toy", {"command": "toy"}, PRUNERS["none"]())
    work = Hooked(tmp_path, take, seconds=0.05)
    Search(own, storage, SPACE, work, sampler=SAMPLERS["random"], trials=1, say=said.append).run()
    assert said[0].startswith("trial_0000  gave no sign of life")
    assert [trial.state.name for trial in own.trials] == ["FAIL", "COMPLETE"]


def test_a_storage_that_stops_to_answer_ends_the_search_in_a_line(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/study.db"
    storage = open_storage(address, 10)
    study = open_study(storage, "toy", {"command": "toy"}, PRUNERS["none"]())
    ran = list[Any]()

    def damage(child: Any) -> None:
        ran.append(child)
        (tmp_path / "study.db").write_bytes(b"no database" * 9000)

    work = Hooked(tmp_path, damage, seconds=0.5)
    search = Search(study, storage, SPACE, work, sampler=SAMPLERS["random"], trials=1, say=lambda _: None)
    told = r"study\.db to answer; received: .*the same command goes on"
    with pytest.raises(ArtifactError, match=told) as error, answering(address):
        search.run()
    assert len(str(error.value).splitlines()) == 1
    assert ran[0].wait() < 0, "it was left running"


def test_pictures_where_no_trial_keeps_to_its_bounds(tmp_path: Path) -> None:
    study = searched(tmp_path, Toy(tmp_path, seconds=0, most=-1), 2)
    assert best_of(study) is None
    assert "slices" in {path.stem for path in write_plots(study, tmp_path / "plots")}


def test_the_half_line_that_a_full_disk_left_is_cut(tmp_path: Path) -> None:
    searched(tmp_path, Toy(tmp_path, seconds=0), 1)
    with (tmp_path / "journal.log").open("ab") as file:
        file.write(b'{"op_code":4,"wor')
    assert len(counted(searched(tmp_path, Toy(tmp_path, seconds=0), 2))) == 2
    assert len(counted(searched(tmp_path, Toy(tmp_path, seconds=0), 2))) == 2


@pytest.mark.parametrize("words", ["postgresql://me:se@cret/@host/x", "postgresql://host/x?user=me&password=secret"])
def test_no_password_is_shown(words: str) -> None:
    shown = without_password(words)
    assert ("cret" in shown, "***" in shown, "host/x" in shown) == (False, True, True)


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        ("sqlite://", r"Expected a file in sweep\.storage"),
        ("sqlite:///", r"Expected a file in sweep\.storage"),
        ("sqlite:///:memory:", r"Expected a file in sweep\.storage"),
        ("sqlite:////nowhere/at/all.db", "received no folder /nowhere/at"),
        ("mysql://me:secret@host/x", r"a journal file, sqlite:///file\.db or postgresql://.*received mysql://me:\*"),
        ("redis://host/x", "received redis://host/x"),
    ],
)
def test_a_storage_that_is_none(storage: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        check_storage(storage)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("storage", ["study.log", "sqlite:///study.db", "postgres://h/x", "postgresql+psycopg://h/x"])
def test_a_storage_that_may_be_one(storage: str) -> None:
    check_storage(storage)


def test_a_file_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "numbers").write_text("5\n")
    with pytest.raises(ConfigError, match="a storage that answers"):
        open_storage(str(tmp_path / "numbers"), 10)
