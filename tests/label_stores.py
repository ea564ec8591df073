"""A pool of a few images, for tests of databases of labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sqlalchemy import create_engine, text

from mnist_etc.labels.pool import fingerprint
from mnist_etc.labels.store import LabelStore

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8)).astype(np.uint8)
LABELS = np.arange(40) * 7 % 3
NAMES = ("cat", "dog", "owl")
Make = Callable[..., LabelStore]
"""The fixture `make`."""
UNGUARDED = {
    "sqlite": [
        "DROP TRIGGER label_ledger_follows",
        *(
            f"DROP TRIGGER label_{table}_{verb}"
            for table in ("ledger", "items", "pool")
            for verb in ("UPDATE", "DELETE")
        ),
    ],
    "postgresql": ["DROP FUNCTION label_refuse() CASCADE", "DROP FUNCTION label_follow() CASCADE"],
}
"""What its owner can do to a database: nothing in it keeps him from what he then writes."""


def made(url: str, budget: int = 10, *, known: bool = True) -> LabelStore:
    """A new database of `IMAGES`, whose labels it knows unless ``known`` is false."""
    labels, dataset = LABELS if known else None, fingerprint(IMAGES)
    return LabelStore.create(url, images=IMAGES, names=NAMES, labels=labels, budget=budget, dataset=dataset)


def execute(url: str, *statements: str, unguarded: bool = False) -> None:
    """Run statements on a database past the program, all or none."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            for statement in (*(UNGUARDED[engine.name] if unguarded else ()), *statements):
                connection.execute(text(statement))
    finally:
        engine.dispose()


def file_of(url: str) -> Path:
    """The file of a database of SQLite."""
    return Path(url.removeprefix("sqlite:///"))
