"""A database of labels that is down, altered, spent or of other data: one line, an exit code, nothing paid or lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from label_stores import IMAGES, execute, file_of, made
from support import Run, refused

from mnist_etc.errors import ConfigError, LabelError
from mnist_etc.labels.pool import fingerprint
from mnist_etc.labels.store import LabelStore

LABELS = ("-m", "mnist_etc", "labels")
HERE = "labels.url=sqlite:///labels.db"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/labels.db"


def test_a_refused_label(run: Run, url: str, tmp_path: Path) -> None:
    store = made(url, 1, known=False)
    store.answer(0, 1, who="ada")
    (tmp_path / "more.csv").write_text("index,label\n1,cat\n2,dog\n")
    refused(run(*LABELS, "import", "more.csv", HERE), "at most 0 more labels", "received 2. Nothing was paid")
    assert store.verify() == 1


def test_a_budget_of_zero(run: Run, url: str, tmp_path: Path) -> None:
    assert run(*LABELS, "init", "data=digits", "labels.budget=0", HERE).returncode == 0
    store = LabelStore.open(url)
    with pytest.raises(LabelError, match="at most 0 more labels"):
        store.ask([0], who="trainer", strategy="margin", scores=[1])
    assert store.verify() == 0
    refused(run(*LABELS, "init", "data=digits", "labels.budget=-1", HERE), "labels.budget between 0", code=2)


def test_no_database(run: Run, tmp_path: Path) -> None:
    for word in ("status", "serve"):
        refused(run(*LABELS, word, HERE), "a database of labels at sqlite:///labels.db", "labels init")
    assert list(tmp_path.iterdir()) == [], "nothing was made"


def test_a_file_of_something_else(run: Run, tmp_path: Path) -> None:
    (tmp_path / "labels.db").write_bytes(b"no database, but longer than the header of one" * 9)
    refused(run(*LABELS, HERE), "the database of labels at sqlite:///labels.db", "not a database")
    (tmp_path / "labels.db").unlink()
    with closing(sqlite3.connect(tmp_path / "labels.db")) as other:
        other.execute("CREATE TABLE studies (id INTEGER)")
    refused(run(*LABELS, HERE), "a database of labels", "none")


def test_a_database_that_is_down(run: Run) -> None:
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    with pytest.raises(LabelError, match=r"at postgresql\+psycopg://ada:\*\*\*@127\.0\.0\.1:9/labels") as told:
        LabelStore.open("postgresql://ada:secret@127.0.0.1:9/labels")
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_database_that_goes_down(url: str) -> None:
    store = made(url, known=False)
    store.answer(1, 1, who="ada")
    away = file_of(url).rename(file_of(url).with_suffix(".away"))
    with pytest.raises(LabelError, match="no such file"):
        store.answer(2, 1, who="ada")
    assert not file_of(url).exists()
    away.rename(file_of(url))
    store.answer(2, 1, who="ada")
    assert store.verify() == 2


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "labels.db", "://", "nonsense://x"])
def test_what_is_no_address(run: Run, address: str) -> None:
    refused(run(*LABELS, f"labels.url={address}"), "labels.url", code=2)


def test_a_driver_that_is_not_installed() -> None:
    with pytest.raises(ConfigError, match=r"with its driver installed; received: .*mnist-etc\[postgres\]"):
        LabelStore.open("mysql+nodriver://ada:secret@host/labels")


def test_of_another_dataset(run: Run, url: str) -> None:
    store = made(url)
    refused(run(*LABELS, "init", "data=digits", HERE), "the labels of the images", fingerprint(IMAGES)[:12])
    assert store.verify() == 0


def test_a_broken_chain(run: Run, url: str) -> None:
    store = made(url)
    store.ask([3, 4], who="trainer", strategy="margin", scores=[1, 2])
    execute(url, "UPDATE label_ledger SET answer = (answer + 1) % 3 WHERE seq = 2", unguarded=True)
    refused(run(*LABELS, HERE), "hash ", "in row 2 of the ledger")
    with pytest.raises(LabelError, match="in row 2"):
        LabelStore.open(url).ask([5], who="trainer", strategy="margin", scores=[1])


def test_nobody_is_asked_what_the_database_knows(run: Run, url: str) -> None:
    made(url)
    refused(run(*LABELS, "serve", HERE), "whose questions people answer", "labels.known=false")


def test_a_port_that_is_taken(run: Run, url: str) -> None:
    import socket

    made(url, known=False)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        refused(run(*LABELS, "serve", HERE, f"port={other.getsockname()[1]}"), "a free port", code=2)
