"""The page's server: what it shows to whom, and whom it refuses."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from label_stores import LABELS, NAMES, made
from sklearn.datasets import load_digits

from mnist_etc.labels.page.app import create_app
from mnist_etc.labels.page.choice import Chooser
from mnist_etc.labels.page.desk import Desk
from mnist_etc.labels.store import LabelStore

JSON = {"content-type": "application/json"}


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    return made(f"sqlite:///{tmp_path}/labels.db", 6, known=False)


@pytest.fixture
def client(store: LabelStore) -> Iterator[TestClient]:
    desk = Desk(store, batch=4)
    with TestClient(create_app(desk, "ada"), base_url="http://127.0.0.1:8900") as client:
        yield client
    desk.close()


def state(client: TestClient, who: str = "ada") -> dict[str, Any]:
    """What ``who`` is shown, once nothing is being chosen any more or a question is there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found: dict[str, Any] = client.post("/state", json={"who": who}).raise_for_status().json()
        if found["question"] or not found["choosing"]:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing was chosen")


def test_where_nothing_waits_it_chooses(client: TestClient, store: LabelStore) -> None:
    shown = state(client)
    question = shown["question"]
    assert (question["strategy"], question["who"]) == ("centers", "labels serve")
    assert question["image"].startswith("data:image/png;base64,")
    assert shown["classes"] == list(NAMES)
    assert len(store.waiting()) == 4


def test_what_a_training_asked_is_shown_first(client: TestClient, store: LabelStore) -> None:
    store.ask([7, 3], who="trainer", strategy="margin", scores=[0.25, 0.5])
    shown = state(client)["question"]
    assert (shown["index"], shown["strategy"], shown["score"], shown["who"]) == (7, "margin", 0.25, "trainer")


def test_answers_skips_and_undos_are_rows_in_the_name_of_who_does_them(client: TestClient, store: LabelStore) -> None:
    store.ask([7, 3], who="trainer", strategy="margin", scores=[0.25, 0.5])
    shown = client.post("/answer", json={"who": "ada", "index": 7, "label": 2}).json()
    assert (shown["question"]["index"], shown["paid"], shown["counts"]) == (3, 1, [0, 0, 1])
    shown = client.post("/skip", json={"who": "ada", "index": 3}).json()
    assert shown["skipped"] == 1
    shown = client.post("/undo", json={"who": "ada"}).json()
    assert shown["question"]["index"] == 3
    shown = client.post("/undo", json={"who": "ada"}).json()
    assert (shown["question"]["index"], shown["paid"], shown["answered"]) == (7, 1, 0)
    told = client.post("/undo", json={"who": "ada"})
    assert (told.status_code, told.json()["error"][:8]) == (409, "Expected")
    assert [row.who for row in store.rows() if row.event.value in ("answer", "skip", "undo")] == ["ada"] * 4
    assert store.verify() == 1


def test_two_people_are_shown_different_questions(client: TestClient, store: LabelStore) -> None:
    store.ask([7, 3], who="trainer", strategy="margin", scores=[0.25, 0.5])
    first, second = (state(client, who)["question"]["index"] for who in ("ada", "bob"))
    assert (first, second) == (7, 3)
    assert state(client, "ada")["question"]["index"] == 7


def test_the_whole_budget_can_be_answered_then_it_ends(client: TestClient, store: LabelStore) -> None:
    for _ in range(6):
        index = state(client)["question"]["index"]
        client.post("/answer", json={"who": "ada", "index": index, "label": int(LABELS[index])}).raise_for_status()
    shown = state(client)
    assert (shown["question"], shown["end"]) == (None, "The budget of 6 labels is spent.")
    refused = client.post("/answer", json={"who": "bob", "index": int(store.known()[0][0]), "label": 0})
    assert refused.status_code == 409
    assert "at most 0 more labels" in refused.json()["error"]
    shown = client.post("/undo", json={"who": "ada"}).json()
    assert shown["question"]["index"] == index, "what was undone is paid, and can be answered anew"
    assert state(client, "bob")["question"] is None
    assert store.verify() == 6


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (JSON | {"origin": "http://evil.example"}, "of this page alone"),
        (JSON | {"origin": "null"}, "of this page alone"),
        (JSON | {"origin": "http://127.0.0.1:8901"}, "of this page alone"),
        (JSON | {"sec-fetch-site": "cross-site"}, "of another site"),
        (JSON | {"host": "evil.example:8900"}, "a Host of this machine"),
        ({"content-type": "text/plain"}, "application/json"),
        ({"content-type": "application/x-www-form-urlencoded"}, "application/json"),
    ],
)
def test_what_another_site_sends_is_refused(
    client: TestClient, store: LabelStore, headers: dict[str, str], reason: str
) -> None:
    store.ask([7], who="trainer", strategy="margin", scores=[0.25])
    refused = client.post("/answer", content=b'{"who": "ada", "index": 7, "label": 2}', headers=headers)
    assert refused.status_code == 403
    assert reason in refused.json()["error"]
    assert store.verify() == 0
    own = JSON | {"origin": "http://127.0.0.1:8900", "sec-fetch-site": "same-origin"}
    client.post("/answer", content=b'{"who": "ada", "index": 7, "label": 2}', headers=own).raise_for_status()
    assert store.verify() == 1


def test_nothing_of_it_can_be_framed_or_reaches_out(client: TestClient) -> None:
    for path in ("/", "/page.js", "/page.css"):
        shown = client.get(path).raise_for_status()
        policy = shown.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "://" not in shown.text
    assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 404


def test_malformed_requests_change_nothing(client: TestClient, store: LabelStore) -> None:
    for body in (
        {},
        {"who": ""},
        {"who": "ada", "index": "x", "label": 1},
        {"who": "ada", "index": 0, "label": 1, "z": 1},
        {"who": "ada", "index": 0, "label": True},
        {"who": "\ud800", "index": 0, "label": 1},
        {"who": "ada", "index": 0, "label": 1, "\ud800": 1},
    ):
        done = client.post("/answer", content=json.dumps(body), headers={"content-type": "application/json"})
        assert (done.status_code, [*done.json()]) == (422, ["error"])
    assert client.post("/answer", json={"who": "ada", "index": 0, "label": 99}).status_code == 409
    assert client.post("/answer", json={"who": "ada", "index": -1, "label": 0}).status_code == 409
    assert store.verify() == 0


def test_its_choice_is_better_than_chance_once_there_are_labels() -> None:
    """Clusters find every class sooner than chance does, then a classifier says where it wavers."""
    digits = load_digits()
    images, labels = (digits.images * 15.9).astype(np.uint8), digits.target
    chooser = Chooser(images, 10)
    none = np.empty(0, np.int64)
    strategy, first = chooser.choose(none, none, none, 20)
    assert strategy == "centers"
    assert len({*labels[first.indices].tolist()}) >= 9
    others = np.array([index for index in range(100) if index not in first.indices], np.int64)
    strategy, second = chooser.choose(first.indices, labels[first.indices], others, 20)
    assert strategy == "cluster_margin"
    assert not {*second.indices.tolist()} & {*first.indices.tolist(), *others.tolist()}
    everything = np.arange(len(images))
    assert len(chooser.choose(none, none, everything, 20)[1].indices) == 0
    assert len(chooser.choose(none, none, everything[:-3], 20)[1].indices) == 3
