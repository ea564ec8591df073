"""The job of ``python -m mnist_etc labels``, and its actions that need nothing but the database."""

from __future__ import annotations

from mnist_etc.errors import LabelError
from mnist_etc.labels.actions.config import LabelsCommand
from mnist_etc.labels.actions.registry import ACTIONS
from mnist_etc.registry import resolve

__all__ = ["ENDED", "init", "labels", "status"]

ENDED = "every answer that was taken is in the database, and nothing by halves"
"""Told after Ctrl-C or SIGTERM."""


def labels(command: LabelsCommand) -> None:
    """Do the action that is asked for.

    Raises:
        LabelError: the database is down, not there, of other data or altered, or refuses.
        ConfigError: its address is none, or its driver is not installed.
        DataError: the data, or a file of answers, cannot be read.
        KeyboardInterrupt: it was ended, with the line to be told.
    """
    try:
        resolve(ACTIONS[command.action].job)(command)
    except KeyboardInterrupt as error:
        raise type(error)(ENDED) from None


def init(command: LabelsCommand) -> None:
    """Make a database of the images that may be trained on; where there is one of them, raise its budget.

    Raises:
        LabelError: the one that is there is of other images, or has a greater budget.
        DataError: the data cannot be read.
    """
    from mnist_etc.labels.pool import read_pool
    from mnist_etc.labels.store import LabelStore

    asked = command.labels
    there = LabelStore.exists(asked.url)
    pool = read_pool(command.data)
    known = asked.known and pool.labels is not None
    if there:
        store = LabelStore.open(asked.url, dataset=pool.dataset)
        if store.knows != known:
            raise LabelError(
                f"Expected a database made with labels.known={str(known).lower()} at {store.place}; received one with "
                f"labels.known={str(store.knows).lower()}. Pass that, or another labels.url."
            )
        store.extend(asked.budget, who=command.who)
        print(f"{store.place} was there: a budget of {asked.budget:,}")
        return
    store = LabelStore.create(
        asked.url,
        images=pool.images,
        names=pool.names,
        labels=pool.labels if known else None,
        budget=asked.budget,
        dataset=pool.dataset,
        who=command.who,
        files=pool.files,
        pictures=None if known else pool.pictures,
    )
    who = (
        "the database knows them"
        if known
        else f"people answer: python -m mnist_etc labels serve labels.url={store.place}"
    )
    print(f"{store.place}: {len(store):,} images, {len(store.names)} classes, a budget of {asked.budget:,}; {who}")


def status(command: LabelsCommand) -> None:
    """Print what is paid and left, the answers of each class, and what a replay of the ledger proves.

    Raises:
        LabelError: the replay proves something else.
    """
    from mnist_etc.labels.store import LabelStore

    store = LabelStore.open(command.labels.url)
    now, proved = store.status(), store.verify()
    if proved < now.paid:
        raise LabelError(f"Expected {now.paid:,} paid answers at {store.place}; received {proved:,}. Look again.")
    width = max(13, *(len(name) for name in now.counts))
    print(f"{store.place}: {now.images:,} images {now.dataset[:12]}...")
    for word in ("budget", "paid", "left", "answered", "waiting", "skipped", "disagreements"):
        print(f"  {word:<{width}} {getattr(now, word):>9,}")
    print("answers of each class")
    for name, count in now.counts.items():
        print(f"  {name:<{width}} {count:>9,}")
    print(f"a replay of {now.rows:,} rows proves {proved:,} paid answers; the last row is {now.head}")
