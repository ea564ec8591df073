"""The schema of ``conf/labels.yaml``."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_etc.data.config import DataConfig
from mnist_etc.errors import ConfigError
from mnist_etc.labels.actions.registry import ACTIONS
from mnist_etc.schema import between, one_of, path, text

__all__ = ["DatabaseConfig", "LabelsCommand"]

SUFFIXES = (".json", ".csv")


@dataclass(kw_only=True)
class DatabaseConfig:
    """Which database, and how it is made."""

    url: str = text()
    """As SQLAlchemy has it: sqlite:///labels.db, postgresql://user@host/database."""
    budget: int = between(0, 1_000_000_000)
    """Labels that may be paid; ``init`` of a database that is there raises its budget to it."""
    known: bool
    """Have a new database tell the labels of the data; false, or where the data have none: people answer."""


@dataclass(kw_only=True)
class LabelsCommand:
    """The keys of ``python -m mnist_etc labels``, which makes, shows and fills a database of labels."""

    positional = ("action", "file")
    """The keys that words without a ``=`` are the values of, in this order."""

    action: str = one_of(ACTIONS)
    file: str | None = path(null="none", default=None)
    """To write or to read: ``.json``, as Label Studio has it, or ``.csv``."""
    who: str = text()
    """In whose name answers are taken; the page asks for another."""
    port: int = between(0, 65_535)
    """Of this machine, where ``serve`` listens, for this machine alone; 0: any that is free."""
    batch: int = between(1, 10_000)
    """Questions that ``serve`` chooses at a time, where none waits."""
    data: DataConfig
    labels: DatabaseConfig

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        needs, received = ACTIONS[self.action].file, self.file
        if needs and (received is None or not received.lower().endswith(SUFFIXES)):
            raise ConfigError(
                f"Expected a file that ends in .json or .csv to {self.action}; received {received or 'none'}. Pass it: "
                f"labels {self.action} answers.json"
            )
        if not needs and received is not None:
            raise ConfigError(f"Expected no file to {self.action}; received {received!r}. Leave it out.")
