"""Requests to answers: a bounded queue, and threads that decode what waits in it and classify it in one run.

A worker takes all that waits, up to a batch, as soon as it is free: no request waits for others to come. A small PNG
that has the form of the model's images already takes less time than to hand it to a thread and back: the loop of events
answers it itself, all that came in one turn of it together.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_etc.data.config import Prepare
from mnist_etc.errors import MnistEtcError
from mnist_etc.service.answers import as_json
from mnist_etc.service.config import ServiceConfig
from mnist_etc.service.forms import files_of
from mnist_etc.service.model import ServedModel
from mnist_etc.service.problems import Problem
from mnist_etc.service.reading import ReadPart, is_small, prepare, read_file, read_small, take_formed
from mnist_etc.service.shelf import Shelf

__all__ = ["Answered", "Engine", "Job", "Observer"]

TOGETHER = 2**17
"""Bytes of bodies that a worker takes at once: what is larger takes long to decode, and others wait for nothing."""
TURN, TURN_SECONDS = 16, 0.005
"""Requests that one turn of the loop answers, and when it reads no more of them, so that it soon sees to others."""
QUICK = 0.001
"""Seconds that a model may take for an image, to be run by the loop."""
RETRY = {"Retry-After": "1"}
Told = list[tuple["Job", bytes | Problem]]


@dataclass(slots=True, eq=False)
class Job:
    """A request that waits for its answer."""

    body: bytes
    content_type: str
    explain: bool
    sender: str
    """Name of its key, or its address."""
    deadline: float
    """Of `time.monotonic`: later nobody waits for the answer."""
    answer: asyncio.Future[bytes]


@dataclass(slots=True, eq=False)
class Answered:
    """The answers to one request, before they are told."""

    sender: str
    model: ServedModel
    images: NDArray[np.uint8]
    """``(n, side, side)``, as the model saw them."""
    outputs: NDArray[np.float32]
    """What the policy tells, ``(n, classes)``."""
    label_only: NDArray[np.bool_] | None = None
    """``(n,)``, which an observer may set: of these images the class alone is told."""


class Observer(Protocol):
    """Is shown each request's answers before they are told; a `Problem` that it raises is told instead.

    It is called by workers and by the loop, by several at a time.
    """

    def __call__(self, answered: Answered, /) -> None:
        """See what is about to be told."""


class Engine:
    """The queue and its workers.

    Args:
        config: How many of all there may be.
        shelf: Holds the model in service.
        observers: See `Observer`.
    """

    def __init__(self, config: ServiceConfig, shelf: Shelf, observers: Sequence[Observer] = ()) -> None:
        self._config, self._shelf, self.observers = config, shelf, list(observers)
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._small: deque[Job] = deque()
        self._threads: list[threading.Thread] = []
        self.on_batch: Callable[[int], None] = lambda _: None
        """Is told the number of images of each run."""

    def start(self) -> None:
        """Start the workers."""
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(self._config.workers)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the workers once the queue is empty."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout=1)

    @property
    def waiting(self) -> int:
        """Requests that nobody has begun to answer."""
        return self._queue.qsize() + len(self._small)

    async def answer(self, body: bytes, content_type: str, *, explain: bool, sender: str) -> bytes:
        """The JSON that answers a request.

        Raises:
            Problem: The queue is full, the time is spent, or the body cannot be read.
        """
        if self.waiting >= self._config.max_queue:
            raise Problem("busy", f"{self._config.max_queue:,} requests wait already. Try again.", headers=RETRY)
        seconds, loop = self._config.seconds, asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        job = Job(body, content_type, explain, sender, time.monotonic() + seconds, answer)
        if self._is_quick(job):
            if not self._small:
                loop.call_soon(self._turn)
            self._small.append(job)
        else:
            self._queue.put(job)
        timer = loop.call_later(seconds, _give_up, answer, seconds)
        try:
            return await answer
        finally:
            timer.cancel()
            del answer  # a problem's traceback holds this frame: together they would wait for the collector of cycles

    def _is_quick(self, job: Job) -> bool:
        """Whether the loop may try to answer; what a key may be told yet is asked under a lock, where it would wait."""
        model, config = self._shelf.current, self._config
        counted = config.leakage_budget_bits is not None and job.sender.startswith("key:")
        as_it_is = config.prepare is Prepare.auto and is_small(job.body, model.side)
        return model.seconds <= QUICK and not counted and as_it_is

    def _turn(self) -> None:
        """Answer small requests in the loop's thread; what takes longer after all goes to the workers."""
        model, began = self._shelf.current, time.monotonic()
        read: list[tuple[Job, ReadPart]] = []
        while self._small and len(read) < min(TURN, self._config.max_batch_size):
            job = self._small.popleft()
            part = read_small(job.body, model.side, self._config) if model.seconds <= QUICK else None
            if part is None:
                self._queue.put(job)
            elif not job.answer.done():
                read.append((job, part))
            if time.monotonic() - began > TURN_SECONDS:
                break
        if self._small:
            asyncio.get_running_loop().call_soon(self._turn)
        take_formed([part for _, part in read])
        for job, part in read:
            if part.waits:
                self._queue.put(job)
        _deliver(self._answers(model, [(job, [part]) for job, part in read if not part.waits]))

    def _work(self) -> None:
        kept: Job | None = None
        while True:
            first = kept or self._queue.get()
            if first is None:
                return
            jobs, kept, ended = self._gather(first)
            if told := self._answer_all(jobs):
                told[0][0].answer.get_loop().call_soon_threadsafe(_deliver, told)
            if ended:
                self._queue.put(None)  # it comes again, behind what still waits

    def _gather(self, first: Job) -> tuple[list[Job], Job | None, bool]:
        """What is answered in one run; what is too large for it, and whether the end was met."""
        jobs, held = [first], len(first.body)
        while len(jobs) < self._config.max_batch_size and held < TOGETHER:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, None, True
            held += len(job.body)
            if held > TOGETHER:
                return jobs, job, False
            jobs.append(job)
        return jobs, None, False

    def _answer_all(self, jobs: list[Job]) -> Told:
        """Decode all, prepare all, and classify all in one run; of those whose time is spent there is no answer."""
        model, now = self._shelf.current, time.monotonic()
        done: Told = []
        ready: list[tuple[Job, list[ReadPart]]] = []
        for job in jobs:
            if job.answer.done() or now > job.deadline:
                continue
            try:
                ready.append((job, self._read(job, model.side)))
            except Exception as error:  # noqa: BLE001 -- one bad body must not end the worker
                done.append((job, _problem(error)))
        return done + self._answers(model, ready)

    def _answers(self, model: ServedModel, ready: list[tuple[Job, list[ReadPart]]]) -> Told:
        """Prepare all and classify all in one run; what is wrong with one is not for the others."""
        try:
            return self._classify(model, ready)
        except Exception as error:  # noqa: BLE001
            if len(ready) == 1:
                return [(ready[0][0], _problem(error))]
            return [told for one in ready for told in self._answers(model, [one])]

    def _read(self, job: Job, side: int) -> list[ReadPart]:
        parts: list[ReadPart] = []
        count = 0
        for name, content in files_of(job.body, job.content_type, self._config.max_images):
            if time.monotonic() > job.deadline:
                raise _too_late(self._config.seconds)
            new = read_file(content, name, side, self._config)
            parts += new
            count += sum(len(part.pictures.names) for part in new)
            if count > self._config.max_images:
                raise Problem("too-large", f"Expected at most {self._config.max_images:,} images; received more.")
        return parts

    def _classify(self, model: ServedModel, ready: list[tuple[Job, list[ReadPart]]]) -> Told:
        if not ready:
            return []
        parts = [part for _, several in ready for part in several]
        prepare(parts)
        images = np.concatenate([part.images for part in parts])
        self.on_batch(len(images))
        outputs = model.run(images)
        told, start = [], 0
        for job, several in ready:
            end = start + sum(len(part.images) for part in several)
            told.append((job, self._tell(job, model, several, images[start:end], outputs[start:end])))
            start = end
        return told

    def _tell(
        self,
        job: Job,
        model: ServedModel,
        parts: list[ReadPart],
        images: NDArray[np.uint8],
        outputs: NDArray[np.float32],
    ) -> bytes | Problem:
        names = [name for part in parts for name in part.pictures.names]
        warnings = [warning for part in parts for warning in part.warnings]
        try:
            answered = Answered(job.sender, model, images, outputs)
            for observe in self.observers:
                observe(answered)
            return as_json(model, names, warnings, images, answered.outputs, answered.label_only, explain=job.explain)
        except Exception as error:  # noqa: BLE001
            return _problem(error)


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        error.__cause__ = error.__context__ = None  # whose tracebacks hold the body and the pictures
        return error.with_traceback(None)
    if isinstance(error, MnistEtcError):
        cause = " ".join(str(error).split())
        print(f"unavailable: {cause}", file=sys.stderr, flush=True)
        return Problem("unavailable", "The model gives no answer now. Try again.", headers=RETRY)
    print(f"failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return Problem("failed", "The request could not be answered. The service says why on its standard error.")


def _deliver(done: Told) -> None:
    for job, result in done:
        if job.answer.done():
            continue
        if isinstance(result, Problem):
            job.answer.set_exception(result)
        else:
            job.answer.set_result(result)


def _give_up(answer: asyncio.Future[bytes], seconds: float) -> None:
    if not answer.done():
        answer.set_exception(_too_late(seconds))


def _too_late(seconds: float) -> Problem:
    return Problem("unavailable", f"There was no answer within {seconds:g} s. Try again.", headers=RETRY)
