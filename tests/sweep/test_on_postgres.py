"""A search recorded on a real PostgreSQL server: its trials, two processes at a time, and those of another machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import optuna
import postgres
import pytest
from support import ROOT

from mnist_etc.errors import ConfigError
from mnist_etc.sweep.registry import PRUNERS, SAMPLERS
from mnist_etc.sweep.search import Search
from mnist_etc.sweep.space import Parameter, Space
from mnist_etc.sweep.storage import open_storage
from mnist_etc.sweep.study import counted, mend, open_study

sys.path.insert(0, str(Path(__file__).parent))
from toy import Toy, value_of

SPACE = Space({"x": Parameter(type="float", low=0.0, high=1.0)}, {"x": {}})


@pytest.fixture
def url() -> Iterator[str]:
    """Of a database of its own, as people write it: without the name of the driver."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.cluster() as url:
        yield url.replace("+psycopg", "")


def test_a_search_and_one_that_goes_on_with_it(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def search(trials: int) -> optuna.Study:
        storage = open_storage(url, 120)
        study = open_study(storage, "toy", {"command": "toy"}, PRUNERS["none"]())
        chosen = {"sampler": SAMPLERS["random"], "trials": trials, "processes": 2, "say": lambda _: None}
        Search(study, storage, SPACE, Toy(tmp_path, seconds=0), heartbeat=30, **chosen).run()  # type: ignore[arg-type]
        return study

    study = search(3)
    assert [trial.value for trial in study.trials] == [value_of(trial.params["x"]) for trial in study.trials]
    assert len(counted(search(5))) == 5
    with pytest.raises(ConfigError, match="the study toy to be of a command with"):
        open_study(open_storage(url, 120), "toy", {"command": "other"}, PRUNERS["none"]())
    assert mend(study, alone=False) == 0
