"""The database of labels of a run: found, or made of the data, the one place that ever sees them all."""

from __future__ import annotations

from dataclasses import replace

from mnist_etc.artifacts.config import FewLabelsCommand
from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.errors import LabelError
from mnist_etc.labels.database import address
from mnist_etc.labels.pool import PoolImages
from mnist_etc.labels.store import LabelStore

__all__ = ["WHO", "open_database"]

WHO = "train_.few_labels"
"""Asks."""


def open_database(command: FewLabelsCommand, folder: RunFolder, pool: PoolImages) -> tuple[LabelStore, PoolImages]:
    """The database, and the pool without labels: from here on they are asked for.

    Where ``labels.url`` is null it is made on the first start; with no labels in the data, people will answer.

    Raises:
        LabelError: it is down, damaged, of other images, or has fewer labels to tell than are asked for.
    """
    url, budget = command.labels.url or address(folder.database), command.labels.budget or 0
    if command.labels.url is None and not folder.database.exists():
        store = LabelStore.create(
            url,
            images=pool.images,
            names=pool.names,
            labels=pool.labels,
            budget=budget,
            dataset=pool.dataset,
            who=WHO,
            files=pool.files,
            pictures=pool.pictures,
        )
    else:
        store = LabelStore.open(url, dataset=pool.dataset)
    status = store.status()
    if store.names != pool.names:
        raise LabelError(
            f"Expected a database of the classes {', '.join(pool.names)}; received one of {', '.join(store.names)}. "
            "Pass data.classes as it was made with."
        )
    if budget > len(pool.images):
        raise LabelError(
            f"Expected labels.budget of at most the {len(pool.images):,} images; received {budget:,}. Pass fewer."
        )
    if budget > status.answered + status.left:
        raise LabelError(
            f"Expected labels.budget of at most {status.answered + status.left:,}, the {status.answered:,} labels that "
            f"the database has told and the {status.left:,} that it may still tell; received {budget:,}. Pass fewer."
        )
    return store, replace(pool, labels=None)
