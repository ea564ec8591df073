"""The database of labels counts what is paid, whoever asks, however often."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple

import numpy as np
import pytest
from label_stores import IMAGES, LABELS, NAMES, Make, execute
from sqlalchemy.exc import DatabaseError

from mnist_etc.errors import LabelError
from mnist_etc.labels.pool import fingerprint
from mnist_etc.labels.rows import Event
from mnist_etc.labels.store import LabelStore

NEXT = "INSERT INTO label_ledger SELECT seq + 1, time, who, event, 7, image, strategy, score, answer, undoes,"


def ask(store: LabelStore, *indices: int, who: str = "trainer") -> dict[int, int]:
    return store.ask(indices, who=who, strategy="margin", scores=[index / 7 for index in indices])


def test_a_known_label_is_told_and_paid_once(make: Make, url: str) -> None:
    store = make(budget=4)
    assert ask(store, 5, 3, 5) == {5: LABELS[5], 3: LABELS[3]}
    assert ask(LabelStore.open(url), 3, 7, who="another") == {3: LABELS[3], 7: LABELS[7]}
    indices, labels = store.known()
    assert indices.tolist() == [5, 3, 7]
    assert labels.tolist() == LABELS[[5, 3, 7]].tolist()
    assert store.verify() == store.status().paid == 3
    assert store.status().left == 1
    assert sum(store.status().counts.values()) == 3


def test_a_row_says_who_asked_when_for_which_image_why_and_what_it_cost(make: Make) -> None:
    store = make()
    ask(store, 5)
    first, row = store.rows()
    assert (first.event, first.who, first.budget, first.paid) == (Event.init, "init", 10, 0)
    assert (row.event, row.who, row.index, row.strategy, row.score) == (Event.ask, "trainer", 5, "margin", 5 / 7)
    assert row.image == hashlib.sha256(IMAGES[5].tobytes()).hexdigest()
    assert (row.answer, row.cost, row.paid, row.budget) == (LABELS[5], 1, 1, 10)
    fields = [*astuple(row)]
    fields[3] = "ask"
    assert row.hash == hashlib.sha256(json.dumps(fields[:-1], separators=(",", ":")).encode()).hexdigest()
    assert row.previous == first.hash


def test_what_the_budget_does_not_suffice_for_is_refused_whole(make: Make) -> None:
    store = make(budget=3)
    ask(store, 0, 1)
    with pytest.raises(LabelError, match=r"at most 1 more labels .* of 3 of which 2 are paid; received 2\. Nothing"):
        ask(store, 2, 3)
    assert store.verify() == 2
    assert ask(store, 2, 0) == {2: LABELS[2], 0: LABELS[0]}
    with pytest.raises(LabelError, match="at most 0 more"):
        ask(store, 3)
    assert ask(store, 0, 1, 2).keys() == {0, 1, 2}
    store.extend(4, who="lead")
    assert ask(store, 3) == {3: LABELS[3]}
    with pytest.raises(LabelError, match="a budget of 4 or more"):
        store.extend(3, who="lead")
    assert [row.event for row in store.rows()].count(Event.budget) == 1
    assert store.verify() == 4


def test_a_budget_of_zero_pays_for_nothing(make: Make) -> None:
    store = make(budget=0)
    with pytest.raises(LabelError, match="at most 0 more labels"):
        ask(store, 0)
    assert ask(store) == {}
    assert store.verify() == 0


def test_people_answer_what_waits(make: Make) -> None:
    store = make(budget=3, known=False)
    assert ask(store, 4, 9) == {}
    assert [(one.index, one.strategy, one.score, one.who) for one in store.waiting()] == [
        (4, "margin", 4 / 7, "trainer"),
        (9, "margin", 9 / 7, "trainer"),
    ]
    assert ask(store, 4, 9) == {}
    assert len(list(store.rows())) == 3, "a question that waits is not asked twice"
    with pytest.raises(LabelError, match=r"at most 1 more labels .* and 2 that wait for an answer"):
        ask(store, 1, 2)
    store.answer(9, 2, who="ada")
    assert ask(store, 4, 9) == {9: 2}
    assert [one.index for one in store.waiting()] == [4]
    assert (store.status().paid, store.status().waiting) == (1, 1)
    assert store.verify() == 1


def test_the_same_answer_again_is_free_and_no_row(make: Make) -> None:
    store = make(budget=1, known=False)
    assert store.answer_all({4: 1}, who="ada") == 1
    assert store.answer_all({4: 1}, who="ada") == 0
    assert len(list(store.rows())) == 2
    store.answer(4, 2, who="ada")
    assert store.known()[1].tolist() == [2]
    assert [(row.cost, row.answer) for row in store.rows()][1:] == [(1, 1), (0, 2)]
    assert store.verify() == 1


def test_what_is_undone_stays_paid_and_is_free_afterwards(make: Make) -> None:
    store = make(budget=1, known=False)
    ask(store, 4)
    store.answer(4, 1, who="ada")
    store.answer(4, 2, who="ada")
    assert store.undo(who="ada") == 4
    assert store.known()[1].tolist() == [1]
    assert store.undo(who="ada") == 4
    assert store.known()[0].tolist() == []
    assert [one.index for one in store.waiting()] == [4]
    assert (store.status().paid, store.status().answered) == (1, 0)
    with pytest.raises(LabelError, match="to take back; received none"):
        store.undo(who="ada")
    with pytest.raises(LabelError, match="at most 0 more"):
        store.answer(4, 0, who="bob")
    store.answer(4, 0, who="ada")
    assert store.verify() == 1
    undone = [row for row in store.rows() if row.event is Event.undo]
    assert [row.undoes for row in undone] == [4, 3]


def test_a_skipped_image_waits_no_more_until_that_is_undone(make: Make) -> None:
    store = make(known=False)
    ask(store, 4, 9)
    store.skip(4, who="ada")
    assert [one.index for one in store.waiting()] == [9]
    assert store.skipped().tolist() == [4]
    assert ask(store, 4) == {}
    assert [one.index for one in store.waiting()] == [9]
    with pytest.raises(LabelError, match="an image that waits"):
        store.skip(4, who="bob")
    assert store.undo(who="ada") == 4
    assert [one.index for one in store.waiting()] == [4, 9]
    store.skip(4, who="ada")
    store.answer(4, 0, who="bob")
    assert store.skipped().tolist() == []
    assert store.verify() == 1


def test_of_people_who_differ_most_have_it_then_the_first(make: Make) -> None:
    store = make(known=False)
    for who, label in (("ada", 0), ("bob", 1)):
        store.answer(4, label, who=who)
    assert store.known()[1].tolist() == [0]
    assert store.status().disagreements == 1
    store.answer(4, 1, who="eve")
    assert store.known()[1].tolist() == [1]
    assert (store.status().paid, store.status().answered) == (3, 1), "every opinion is a paid answer"
    assert store.verify() == 3


def test_answers_are_taken_all_or_none(make: Make) -> None:
    store = make(budget=2, known=False)
    with pytest.raises(LabelError, match="at most 2 more"):
        store.answer_all({0: 1, 1: 1, 2: 1}, who="ada")
    with pytest.raises(LabelError, match="a label from 0 to 2; received 3"):
        store.answer_all({0: 1, 1: 3}, who="ada")
    with pytest.raises(LabelError, match="an image from 0 to 39"):
        store.answer_all({0: 1, 40: 1}, who="ada")
    assert store.verify() == 0
    assert len(list(store.rows())) == 1


def test_nobody_answers_what_the_database_knows(make: Make) -> None:
    store = make()
    with pytest.raises(LabelError, match="knows its labels"):
        store.answer(0, 0, who="ada")


@pytest.mark.parametrize("who", ["", " ", "a\nb", "x" * 101, "\0"])
def test_names_are_of_one_line(make: Make, who: str) -> None:
    with pytest.raises(LabelError, match="who as 1 to 100 characters"):
        ask(make(), 0, who=who)


def test_scores_are_finite_and_one_an_image(make: Make) -> None:
    store = make()
    with pytest.raises(ValueError, match="finite"):
        store.ask([0], who="a", strategy="b", scores=[float("nan")])
    with pytest.raises(ValueError, match="shorter"):
        store.ask([0, 1], who="a", strategy="b", scores=[1.0])
    store.ask(np.array([0, 1, 2]), who="a", strategy="b", scores=np.array([-0.0, 5e-324, 1 / 3], np.float64))
    assert store.verify() == 3


def test_a_database_is_made_once_and_opened_by_its_dataset_alone(make: Make, url: str) -> None:
    with pytest.raises(LabelError, match=r"received (none|no such file)\. Make it: python -m mnist_etc labels init"):
        LabelStore.open(url)
    store = make()
    with pytest.raises(LabelError, match="Expected no database of labels"):
        make()
    assert LabelStore.open(url, dataset=fingerprint(IMAGES)).names == NAMES
    with pytest.raises(LabelError, match="Expected the labels of the images"):
        LabelStore.open(url, dataset=fingerprint(IMAGES[1:]))
    assert len(store) == 40


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE label_ledger SET answer = 0 WHERE seq = 2",
        "UPDATE label_ledger SET budget = 99 WHERE seq = 1",
        "DELETE FROM label_ledger WHERE seq = 3",
        "DELETE FROM label_ledger",
        "UPDATE label_pool SET dataset = 'x'",
        "DELETE FROM label_items",
        "UPDATE label_items SET label = 0 WHERE label = 1",
        "INSERT INTO label_items VALUES (40, 'x', 1, NULL, NULL, NULL)",
        f"{NEXT} 0, paid, budget, previous, 'x' FROM label_ledger WHERE seq = 3",
        f"{NEXT} 1, paid + 1, budget + 1, hash, 'x' FROM label_ledger WHERE seq = 3",
        f"{NEXT} 1, paid + 1, budget, hash, 'x' FROM label_ledger WHERE seq = 3",
    ],
)
def test_the_database_itself_refuses(make: Make, url: str, statement: str) -> None:
    store = make(budget=2)
    ask(store, 4, 9)
    with pytest.raises(DatabaseError):
        execute(url, statement)
    assert store.verify() == 2


def test_an_index_of_another_kind_than_a_whole_number_is_taken_as_it_is_written(make: Make) -> None:
    assert make().ask([np.int32(4), np.uint8(4)], who="a", strategy="b", scores=[1, 2]) == {4: LABELS[4]}
