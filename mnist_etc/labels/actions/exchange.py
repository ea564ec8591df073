"""Answers to and from files: the actions ``export`` and ``import``."""

from __future__ import annotations

from pathlib import Path

from mnist_etc.data.classes import list_names
from mnist_etc.errors import DataError, LabelError
from mnist_etc.files import read_limited, write_bytes
from mnist_etc.labels.actions.answers import Answer, Images, csv_of, from_csv, from_tasks, tasks_of
from mnist_etc.labels.actions.config import LabelsCommand

__all__ = ["export", "take"]

LIMIT = 2**30
"""Bytes of a file of answers."""
ITSELF = "the database"
"""Who answered where the database knows the labels."""


def export(command: LabelsCommand) -> None:
    """Write every standing answer of every person to ``command.file``.

    Raises:
        LabelError: there is none, or see `mnist_etc.labels.store.LabelStore.open`.
        ArtifactError: the file cannot be written.
    """
    from mnist_etc.labels.store import LabelStore

    store, path = LabelStore.open(command.labels.url), Path(str(command.file))
    opinions = store.opinions()
    if not opinions:
        raise LabelError(
            f"Expected answers at {store.place}; received none. Answer some: python -m mnist_etc labels serve "
            f"labels.url={store.place}"
        )
    items = {item.index: item for item in store.items(list(opinions))}
    answers = [
        Answer(items[index], who or ITSELF, store.names[label])
        for index, by in opinions.items()
        for who, label in by.items()
    ]
    content = csv_of(answers) if path.suffix.lower() == ".csv" else tasks_of(answers)
    write_bytes(path, content.encode(), key="file")
    print(f"{len(answers):,} answers to {len(opinions):,} images in {path}")


def take(command: LabelsCommand) -> None:
    """Take the answers in ``command.file`` as those of ``command.who``, all or none.

    Raises:
        DataError: the file cannot be read, or is of no such form, or names an image or a class that there is none of.
        LabelError: the budget does not suffice, or see `mnist_etc.labels.store.LabelStore.open`.
    """
    from mnist_etc.labels.store import LabelStore

    store, path = LabelStore.open(command.labels.url), Path(str(command.file))
    read = from_csv if path.suffix.lower() == ".csv" else from_tasks
    named = read(read_limited(path, LIMIT), Images(store.items()))
    numbers = {name: number for number, name in enumerate(store.names)}
    unknown = sorted(set(named.values()) - numbers.keys())
    if unknown:
        raise DataError(
            f"Expected the classes {list_names(store.names)} in {path}; received {list_names(unknown)} too. Correct "
            "them; nothing was taken."
        )
    paid = store.answer_all({index: numbers[name] for index, name in named.items()}, who=command.who)
    print(f"{len(named):,} answers by {command.who}, {paid:,} of them paid, at {store.place}")
