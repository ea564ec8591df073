"""The database of labels, through which alone a training reaches them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from mnist_etc.errors import LabelError
from mnist_etc.labels.checks import checked_budget, checked_name, finite
from mnist_etc.labels.database import Database
from mnist_etc.labels.making import fill, read_made
from mnist_etc.labels.rows import Event
from mnist_etc.labels.tables import ITEMS, guard
from mnist_etc.labels.view import PIECE, LabelView
from mnist_etc.labels.writer import Writer

__all__ = ["LabelStore"]


class LabelStore(LabelView):
    """A database that tells labels one by one, and a ledger, only ever added to, of what was paid for them.

    Every label costs one: the first time that the database tells it, or a person gives it. An image whose label is
    known is asked for nothing again; the same person's correction is free; another person's opinion of it is one more
    paid answer. What is undone stays paid, and the same image is free for the same person from then on.

    Where the database knows no labels, people answer. Of an image on which they differ the label is most people's, of
    as many for each the first one's.

    Processes may use one database at the same time: of two that ask for the last label, one gets it. An answer is given
    when it is on the disk. `create` and `open` make one.
    """

    @classmethod
    def create(
        cls,
        url: str,
        *,
        images: NDArray[np.uint8],
        names: Sequence[str],
        labels: NDArray[np.int64] | None,
        budget: int,
        dataset: str,
        who: str = "init",
        files: Sequence[str] | None = None,
        pictures: Sequence[bytes] | None = None,
    ) -> LabelStore:
        """Make a database: all of it or, where the program is killed meanwhile, nothing.

        Args:
            url: as SQLAlchemy has it: ``sqlite:///labels.db``, ``postgresql://user@host/database``.
            images: uint8 ``(n, side, side)``, the whole pool; they are stored where people have to see them.
            names: of the classes, in the order of their numbers.
            labels: int64 ``(n,)``; None: nobody knows them yet, people answer.
            budget: labels that may be paid.
            dataset: SHA-256 of the images, see `mnist_etc.labels.pool.fingerprint`.
            who: makes it.
            files: the name of each image's file, to be shown.
            pictures: of each image what people are shown in its place, a PNG file.

        Raises:
            LabelError: there is one at ``url``, or the place cannot be written.
            ConfigError: ``url`` is no address of a database, or its driver is not installed.
        """
        database = Database(url)
        if database.is_there():
            raise LabelError(
                f"Expected no database of labels at {database.shown}; received one. Pass another labels.url."
            )
        database.make_folder()
        with database.writing(new=True) as connection:
            made = fill(
                connection,
                images=images,
                names=names,
                labels=labels,
                dataset=dataset,
                files=files,
                pictures=pictures,
            )
            store = cls(database, made)
            Writer(connection, store._replay).add(Event.init, checked_name(who, "who"), budget=checked_budget(budget))
            guard(connection)
        return store

    @classmethod
    def exists(cls, url: str) -> bool:
        """Whether there is a database of labels at ``url``.

        Raises:
            LabelError: it does not answer.
            ConfigError: see `create`.
        """
        return Database(url).is_there()

    @classmethod
    def open(cls, url: str, *, dataset: str | None = None) -> LabelStore:
        """Open a database.

        Args:
            url: see `create`.
            dataset: SHA-256 of the images that it has to be of; None: whichever it is of.

        Raises:
            LabelError: it is down, there is none, it is of another dataset, or a row of its ledger does not follow from
                those before.
            ConfigError: ``url`` is no address of a database, or its driver is not installed.
        """
        database = Database(url)
        made = read_made(database)
        if dataset is not None and made.dataset != dataset:
            raise LabelError(
                f"Expected the labels of the images {dataset[:12]}... at {database.shown}; received those of "
                f"{made.dataset[:12]}... Pass the data that it was made of, or another labels.url."
            )
        store = cls(database, made)
        with store._reading():
            return store

    def ask(self, indices: Iterable[int], *, who: str, strategy: str, scores: Iterable[float]) -> dict[int, int]:
        """Ask for the labels of images: all that are new at once, or none where the budget does not suffice.

        Args:
            indices: of images, in the order of the pool.
            who: asks.
            strategy: by which they were chosen.
            scores: one an image, finite, by which the strategy preferred it.

        Returns:
            The label of each image by its index. Where people answer: of those that are answered; the others wait for
            them, but for those that somebody skipped, which are not asked again.

        Raises:
            LabelError: the budget does not suffice, where people answer with what waits already counted in, and nothing
                was paid or asked; or an index is not in the pool, or the database does not answer.
            ValueError: there are not as many finite scores as images.
        """
        who, strategy = checked_name(who, "who"), checked_name(strategy, "strategy")
        reasons = dict(zip((int(index) for index in indices), map(finite, scores), strict=True))
        self._check(reasons)
        with self._reading():
            if all(index in self._replay.answers for index in reasons):
                return {index: self._replay.label(index) for index in reasons}
        with self._writing() as writer:
            new = [index for index in reasons if index not in self._replay.answers]
            if not self.knows:
                new = [index for index in new if not self._replay.waits(index) and index not in self._replay.skips]
            self._afford(len(new), 0 if self.knows else len(self._replay.waiting()))
            found = self._look_up(writer.connection, new)
            for index in new:
                image, label = found[index]
                event, cost = (Event.ask, 1) if self.knows else (Event.question, 0)
                score = reasons[index]
                writer.add(event, who, index, image, strategy=strategy, score=score, answer=label, cost=cost)
            return {index: self._replay.label(index) for index in reasons if index in self._replay.answers}

    def answer(self, index: int, label: int, *, who: str) -> None:
        """Take a person's answer; the same one again changes nothing.

        Args:
            index: of the image.
            label: the number of its class.
            who: answers.

        Raises:
            LabelError: the budget is spent, the database knows the labels itself, or see `ask`.
        """
        self.answer_all({index: label}, who=who)

    def answer_all(self, answers: Mapping[int, int], *, who: str) -> int:
        """Take a person's answers, all or none.

        Args:
            answers: the number of the class by the index of the image.
            who: answers.

        Returns:
            How many of them were paid.

        Raises:
            LabelError: see `answer`.
        """
        who = checked_name(who, "who")
        given = {int(index): int(label) for index, label in answers.items()}
        self._check(given)
        self._require_people()
        for label in given.values():
            if not 0 <= label < len(self.names):
                raise LabelError(f"Expected a label from 0 to {len(self.names) - 1}; received {label}. Correct it.")
        with self._writing() as writer:
            standing = self._replay.answers
            new = [index for index, label in given.items() if standing.get(index, {}).get(who) != label]
            paid = sum(self._replay.cost(index, who) for index in new)
            self._afford(paid)
            found = self._look_up(writer.connection, new)
            for index in new:
                cost = self._replay.cost(index, who)
                writer.add(Event.answer, who, index, found[index][0], answer=given[index], cost=cost)
        return paid

    def skip(self, index: int, *, who: str) -> None:
        """Take that a person cannot tell; the image waits no more, and nothing is paid.

        Raises:
            LabelError: the image does not wait, or see `answer`.
        """
        who = checked_name(who, "who")
        self._check([index])
        self._require_people()
        with self._writing() as writer:
            if not self._replay.waits(index):
                raise LabelError(
                    f"Expected an image that waits for an answer; received {index}, which does not. Go on."
                )
            writer.add(Event.skip, who, index, self._look_up(writer.connection, [index])[index][0])

    def undo(self, *, who: str) -> int:
        """Take back a person's last answer or skip, or the one before it the next time; what was paid stays paid.

        Returns:
            The index of the image that it was of.

        Raises:
            LabelError: there is nothing to take back, or see `answer`.
        """
        who = checked_name(who, "who")
        with self._writing() as writer:
            last = self._replay.undoable(who)
            if last is None:
                raise LabelError(f"Expected an answer or a skip by {who} to take back; received none. Go on.")
            index = self._replay.undoes(who)
            image, _ = self._look_up(writer.connection, [index])[index]
            writer.add(Event.undo, who, index, image, undoes=last)
        return index

    def extend(self, budget: int, *, who: str) -> None:
        """Let more labels be paid than before; the ledger says who did.

        Raises:
            LabelError: it is fewer, or see `open`.
        """
        who = checked_name(who, "who")
        with self._writing() as writer:
            if budget < self._replay.budget:
                raise LabelError(
                    f"Expected a budget of {self._replay.budget:,} or more, as it is at {self.place}; received "
                    f"{budget:,}. Pass a greater labels.budget, or another labels.url."
                )
            if budget > self._replay.budget:
                writer.add(Event.budget, who, budget=checked_budget(budget))

    def _check(self, indices: Collection[int]) -> None:
        wrong = next((index for index in indices if not 0 <= index < len(self)), None)
        if wrong is not None:
            raise LabelError(
                f"Expected an image from 0 to {len(self) - 1} of the pool at {self.place}; received {wrong}."
            )

    def _require_people(self) -> None:
        if self.knows:
            raise LabelError(
                f"Expected a database whose questions people answer at {self.place}; received one that knows its "
                "labels. Make one by labels.known=false."
            )

    def _afford(self, cost: int, waiting: int = 0) -> None:
        left = self._replay.budget - self._replay.paid - waiting
        if cost > left:
            waits = f" and {waiting:,} that wait for an answer" if waiting else ""
            raise LabelError(
                f"Expected at most {max(left, 0):,} more labels at {self.place}, of {self._replay.budget:,} of which "
                f"{self._replay.paid:,} are paid{waits}; received {cost:,}. Nothing was paid; for more: python -m "
                f"mnist_etc labels init data=<the same> labels.url={self.place} labels.budget=<more>"
            )

    def _look_up(self, connection: Connection, indices: Sequence[int]) -> dict[int, tuple[str, int | None]]:
        """The SHA-256 of each image and its label, where the database knows it."""
        found: dict[int, tuple[str, int | None]] = {}
        for start in range(0, len(indices), PIECE):
            asked = select(ITEMS.c.index, ITEMS.c.image, ITEMS.c.label)
            for index, image, label in connection.execute(
                asked.where(ITEMS.c.index.in_(indices[start : start + PIECE]))
            ):
                found[index] = (image, label)
        missing = next((index for index in indices if index not in found), None)
        if missing is not None:
            raise LabelError(f"Expected image {missing} at {self.place}; received none. Go back to a copy.")
        return found
