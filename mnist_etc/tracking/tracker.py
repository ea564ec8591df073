"""One tracker before any number of sinks; one that fails is dropped, and never a reason for a training to fail."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mnist_etc.artifacts.checkout import git_commit
from mnist_etc.artifacts.config import RunConfig
from mnist_etc.artifacts.manifest import flat
from mnist_etc.processes import tags as tags_given
from mnist_etc.processes import tell
from mnist_etc.tracking.codes import Codes, Pixels

__all__ = ["Sink", "Tracker", "start"]


class Sink(Protocol):
    """A place that records runs. Any method may raise any exception: `Tracker` then goes on without the sink.

    ``str`` of a sink says for warnings what it is and where.
    """

    def start(self, name: str | None, tags: Mapping[str, str]) -> None:
        """Start a run inside the one that is open, if one is; without a name the sink invents one."""

    def end(self, status: str) -> None:
        """End the innermost open run as ``FINISHED``, ``FAILED`` or ``KILLED``."""

    def parameters(self, settings: Mapping[str, Any]) -> None:
        """Record settings by their dotted keys."""

    def tag(self, name: str, words: str) -> None:
        """Tag the innermost open run."""

    def metrics(self, values: Mapping[str, float], epoch: int | None) -> None:
        """Record metrics by name, of an epoch or of the whole run."""

    def pictures(self, folder: Path, epoch: int | None) -> None:
        """Record the pictures of a folder under the folder's name."""

    def picture(self, name: str, make: Callable[[], Pixels], epoch: int | None) -> None:
        """Record one that ``make`` draws; see `Tracker.picture`."""

    def codes(self, name: str, make: Callable[[], Codes]) -> None:
        """Record what ``make`` computes; see `Tracker.codes`."""

    def model(
        self,
        name: str,
        path: Path,
        example: npt.NDArray[np.float32],
        answer: npt.NDArray[np.float32],
        tags: Mapping[str, str],
    ) -> None:
        """Record and register a model; see `Tracker.model`."""


@contextmanager
def start(run: RunConfig, *, command: str, dataset: Mapping[str, str], logs: Path) -> Iterator[Tracker]:
    """Track one command in a run, opened by its first `Tracker.child`; it ends as failed if the block raises.

    A store that cannot be reached gives one warning, and everything goes on untracked.

    Args:
        run: names the store and the run.
        command: what is run, as a tag.
        dataset: which data it is, as a tag; see `mnist_etc.artifacts.data_key.named`.
        logs: the run's folder of TensorBoard's files, where they are asked for.
    """
    from mnist_etc.tracking.apart import Apart

    apart = None if run.tracking_uri is None else Apart(run.tracking_uri)
    sinks: list[Sink] = [] if apart is None else [apart]
    if run.tracking.tensorboard:
        from mnist_etc.tracking.tensorboard_sink import TensorboardSink

        sinks.append(TensorboardSink(logs))
    commit = git_commit() or "unknown"
    tags = {"command": command, "data": run.data.name, **dataset, "git_commit": commit, **tags_given()}
    tracker = Tracker(*sinks, name=run.run_name, tags=tags)
    try:
        with tracker.ending():
            yield tracker
    finally:
        if apart:
            apart.close()


class Tracker:
    """The open run in every sink that still works; without a sink, or before the first `child`, methods do nothing.

    Args:
        sinks: where to record.
        name: of the outer run; None: each sink invents one.
        tags: of the outer run.
    """

    def __init__(self, *sinks: Sink, name: str | None = None, tags: Mapping[str, str] | None = None) -> None:
        self._sinks = list(sinks)
        self._name, self._tags = name, tags or {}
        self._opened = False

    @property
    def records(self) -> bool:
        """Whether a run is open in any sink, so that what is recorded is worth making."""
        return self._opened and bool(self._sinks)

    @contextmanager
    def child(self, name: str) -> Iterator[None]:
        """A run inside the outer one, which is opened first if it is not yet; it ends as failed if the block raises."""
        if not self._opened:
            self._opened = True
            self._each(lambda sink: sink.start(self._name, self._tags))
        self._each(lambda sink: sink.start(name, {}))
        with self.ending():
            yield

    @contextmanager
    def outer(self) -> Iterator[None]:
        """The outer run alone, for what starts other processes whose runs are inside it."""
        self._opened = True
        self._each(lambda sink: sink.start(self._name, self._tags))
        with self.ending():
            yield

    @contextmanager
    def ending(self) -> Iterator[None]:
        """End the innermost open run after the block, as failed or killed if it raises."""
        status = "FINISHED"
        try:
            yield
        except BaseException as error:
            status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
            raise
        finally:
            self._each(lambda sink: sink.end(status))

    def parameters(self, settings: Mapping[str, Any]) -> None:
        """Log the keys and values of nested ``settings``."""
        self._each(lambda sink: sink.parameters(flat(settings)))

    def tag(self, name: str, words: str) -> None:
        """Tag the innermost open run."""
        self._each(lambda sink: sink.tag(name, words))

    def metrics(self, values: Mapping[str, float], epoch: int | None = None) -> None:
        """Log metrics by name, of an epoch or, without one, of the whole run."""
        if epoch is not None:
            tell(epoch=epoch, metrics=dict(values))
        self._each(lambda sink: sink.metrics(values, epoch))

    def pictures(self, folder: Path, epoch: int | None = None) -> None:
        """Log the pictures of a folder under the folder's name, of an epoch or of the whole run."""
        self._each(lambda sink: sink.pictures(folder, epoch))

    def picture(self, name: str, make: Callable[[], Pixels], epoch: int | None = None) -> None:
        """Log a picture, gray ``(height, width)`` or in colors ``(height, width, 3)``; drawn where a sink shows it."""
        self._each(lambda sink: sink.picture(name, make, epoch))

    def codes(self, name: str, make: Callable[[], Codes]) -> None:
        """Log the codes of images; computed where a sink shows them. A private model's are of validation images."""
        self._each(lambda sink: sink.codes(name, make))

    def model(
        self,
        name: str,
        path: Path,
        example: npt.NDArray[np.float32],
        answer: npt.NDArray[np.float32],
        tags: Mapping[str, str],
    ) -> None:
        """Log an ONNX file and register it as ``mnist_etc_<name>`` under the alias ``candidate``.

        Args:
            name: letters, digits and ``_``.
            path: the ONNX file.
            example: an input batch ``(n, ...)``.
            answer: the model's output for it.
            tags: of the registered version, and in the model's own metadata.
        """
        self._each(lambda sink: sink.model(name, path, example, answer, tags))

    def _each(self, record: Callable[[Sink], None]) -> None:
        """Have every sink record something once a run is open; one that fails is dropped with one line, no password."""
        for sink in list(self._sinks) if self._opened else ():
            try:
                record(sink)
            except Exception as error:  # noqa: BLE001 - whatever a store raises
                self._sinks.remove(sink)
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                warning = f"warning: {sink} cannot be used: {reason}. The training goes on untracked."
                print(re.sub(r"(?<=://)[^/@\s]+@", "***@", warning), file=sys.stderr, flush=True)
