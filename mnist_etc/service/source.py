"""What every place is that a model in service can come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from mnist_etc.service.model import ServedModel

__all__ = ["ModelSource"]


class ModelSource(ABC):
    """What can be in service, and whether it is another by now."""

    @abstractmethod
    def seen(self) -> Any:
        """Something that is another whenever `load` may give another model; cheap, it is asked for often."""

    @abstractmethod
    def load(self) -> ServedModel:
        """The model in service.

        Raises:
            ArtifactError: It is damaged or missing.
            ServingError: A server does not answer, or serves another model.
        """

    def healthy(self) -> str:
        """Why no answer can be given, as far as is known without asking; empty where it can."""
        return ""
