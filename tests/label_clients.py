"""Clients of a database of labels in processes of their own, which compete or are killed; prints what they were told.

``python tests/label_clients.py race <url> <clients>``: each asks for another image at the same moment.
``python tests/label_clients.py kill <url> <rounds>``: each asks for one image after the other until it is killed.
``python tests/label_clients.py make <url> <rounds>``: each makes the database, and is killed sooner or later.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable

from label_stores import made

from mnist_etc.errors import LabelError
from mnist_etc.labels.store import LabelStore


def client(work: Callable[[int], None]) -> tuple[int, int]:
    """Fork a process that does ``work`` with what it writes to; its id, and where that is read."""
    read, write = os.pipe()
    process = os.fork()
    if not process:
        code = 1
        try:
            os.close(read)
            work(write)
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    return process, read


def content(read: int) -> list[list[int]]:
    """What was written until the end: a line of JSON each time."""
    with open(read) as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


def lines(read: int, count: int) -> list[list[int]]:
    """So many of what is written, or what there is until the end."""
    written = b""
    while written.count(b"\n") < count and (part := os.read(read, 1)):
        written += part
    return [json.loads(line) for line in written.splitlines()]


def tell(write: int, *numbers: int) -> None:
    os.write(write, (json.dumps(numbers) + "\n").encode())


def race(url: str, clients: int) -> list[list[int]]:
    """The image and label of each client that got one."""
    go_read, go_write = os.pipe()

    def work(write: int, index: int) -> None:
        os.close(go_write)
        store = LabelStore.open(url)
        os.write(write, b"\n")
        select.select([go_read], [], [])
        try:
            label = store.ask([index], who=f"client {index}", strategy="race", scores=[0.0])[index]
        except LabelError as error:
            if "at most 0 more labels" not in str(error):
                raise
        else:
            tell(write, index, label)

    started = [client(lambda write, index=index: work(write, index)) for index in range(clients)]  # type: ignore[misc]
    for _, read in started:
        os.read(read, 1)
    os.close(go_write)
    told = [line for _, read in started for line in content(read)]
    assert all(os.waitpid(process, 0)[1] == 0 for process, _ in started)
    return told


def kill(url: str, rounds: int) -> list[list[int]]:
    """The image and label of every answer that was given before its client was killed."""
    told: list[list[int]] = []
    size = len(LabelStore.open(url))

    def work(write: int) -> None:
        store = LabelStore.open(url)
        known = {*store.known()[0].tolist()}
        tell(write, -1, -1)
        for index in range(size):
            if index not in known:
                tell(write, index, store.ask([index], who="client", strategy="kill", scores=[1 / (index + 1)])[index])

    for _ in range(rounds):
        process, read = client(work)
        told += lines(read, random.randint(1, 4))
        time.sleep(random.uniform(0, 0.01))
        os.kill(process, signal.SIGKILL)
        assert os.waitpid(process, 0)[1] in (0, signal.SIGKILL)
        told += content(read)
    return told


def make(url: str, rounds: int) -> list[list[int]]:
    """One number a round: whether the client was done when it was killed; the last one is the first that was."""
    done: list[list[int]] = []

    def work(write: int) -> None:
        made(url)
        tell(write, 1)

    while len(done) < rounds and [1] not in done:
        process, read = client(work)
        time.sleep(random.uniform(0, 0.002 * 1.6 ** len(done)))
        os.kill(process, signal.SIGKILL)
        assert os.waitpid(process, 0)[1] in (0, signal.SIGKILL)
        done.append([len(content(read))])
    return done


if __name__ == "__main__":
    word, url, count = sys.argv[1:]
    print(json.dumps({"race": race, "kill": kill, "make": make}[word](url, int(count))))
