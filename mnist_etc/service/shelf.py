"""The model in service, swapped between two batches when another version is published or rolled back to."""

from __future__ import annotations

import sys
import threading
from typing import Any

from mnist_etc.errors import ArtifactError, ExportError, MnistEtcError
from mnist_etc.service.model import ServedModel
from mnist_etc.service.source import ModelSource

__all__ = ["Shelf"]


class Shelf:
    """Holds the model in service and looks for the next; each batch is answered by one model from start to end.

    Args:
        source: Where models come from.

    Raises:
        MnistEtcError: There is no model to start with.
    """

    def __init__(self, source: ModelSource) -> None:
        self._source = source
        self._tried: Any = source.seen()
        self._looking = threading.Lock()
        self.current: ServedModel = source.load()
        self.refused: str | None = None
        """Why the newest version is not in service; None: it is."""

    def look(self) -> bool:
        """Take up another version, if there is one; a broken one leaves the old in service, and is said once on stderr.

        Returns:
            Whether the model in service is another now.
        """
        with self._looking:
            try:
                seen = self._source.seen()
            except (MnistEtcError, OSError) as error:
                self._tried = None
                return self._refuse(error)
            if seen == self._tried:
                return False
            try:
                new = self._source.load()
            except (ArtifactError, ExportError) as error:
                self._tried = seen
                return self._refuse(error)
            except (MnistEtcError, OSError) as error:  # it may be better the next time, of the same files
                return self._refuse(error)
            self._tried, self.refused = seen, None
            changed = (new.name, new.version, new.onnx) != (self.current.name, self.current.version, self.current.onnx)
            self.current = new
            if changed:
                print(f"in service: {new.name}, version {new.version}, {new.policy}", file=sys.stderr, flush=True)
            return changed

    def _refuse(self, error: Exception) -> bool:
        why = " ".join(str(error).split())
        if why != self.refused:
            kept = f"Version {self.current.version} stays in service."
            print(f"refused: {why} {kept}", file=sys.stderr, flush=True)
        self.refused = why
        return False

    def trouble(self) -> str:
        """Why no answer can be given now; empty where it can."""
        return self._source.healthy()
