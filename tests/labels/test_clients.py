"""Several clients of one database of labels, and clients that are killed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from label_stores import LABELS, Make, made
from processes import python
from support import ROOT

from mnist_etc.errors import LabelError
from mnist_etc.labels.rows import Event
from mnist_etc.labels.store import LabelStore

PATHS = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def clients(word: str, url: str, count: int, cwd: Path) -> list[list[int]]:
    done = python(str(ROOT / "tests/label_clients.py"), word, url, str(count), cwd=cwd, env=PATHS)
    assert done.returncode == 0, done.stderr
    told: list[list[int]] = json.loads(done.stdout)
    return told


def test_of_clients_that_race_for_the_last_labels_as_many_get_one_as_there_are(
    make: Make, url: str, tmp_path: Path
) -> None:
    store = make(budget=3)
    store.ask([38, 39], who="before", strategy="first", scores=[1, 1])
    told = clients("race", url, 6, tmp_path)
    assert len(told) == 1, told
    assert all(label == LABELS[index] for index, label in told)
    assert store.verify() == store.status().paid == 3
    store.extend(6, who="lead")
    asked = {index for index, _ in told}
    again = clients("race", url, 6, tmp_path)
    assert len(again) == 4, "the one that was told before is told again, and pays nothing"
    assert asked <= {index for index, _ in again}
    assert store.verify() == 6


def test_a_kill_at_any_moment_loses_no_paid_answer(make: Make, url: str, tmp_path: Path) -> None:
    store = make(budget=40)
    told = [line for line in clients("kill", url, 20, tmp_path) if line != [-1, -1]]
    assert told, "no client lived to be told a label"
    paid = {row.index: row.answer for row in store.rows() if row.event is Event.ask}
    assert dict(told).items() <= paid.items()
    assert len({index for index, _ in told}) == len(told), "an answer that was given is asked for again"
    assert store.verify() == len(paid) == sum(row.event is Event.ask for row in store.rows())
    assert len(paid) - len(told) <= 20, "each kill hides at most the one answer that was on its way"
    left = store.status().left
    assert store.ask(range(40), who="after", strategy="all", scores=[0.0] * 40) == dict(enumerate(LABELS.tolist()))
    assert store.status().paid == len(paid) + left == 40


def test_a_kill_while_it_is_made_leaves_all_of_it_or_nothing(url: str, tmp_path: Path) -> None:
    done = clients("make", url, 12, tmp_path)
    if not LabelStore.exists(url):
        assert [1] not in done
        made(url)
    store = LabelStore.open(url)
    assert store.verify() == 0
    assert len(store.ask([0, 1], who="a", strategy="b", scores=[1, 2])) == 2


def test_answers_of_another_process_are_seen(make: Make, url: str) -> None:
    first, second = make(budget=2), LabelStore.open(url)
    second.ask([3], who="second", strategy="s", scores=[1])
    assert first.known()[0].tolist() == [3]
    first.ask([4], who="first", strategy="s", scores=[1])
    with pytest.raises(LabelError, match="at most 0 more"):
        second.ask([5], who="second", strategy="s", scores=[1])
    assert second.verify() == 2
