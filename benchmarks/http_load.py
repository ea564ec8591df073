"""A client of HTTP that takes little of the processor: requests prepared as bytes, sockets without a library.

``python benchmarks/http_load.py <port> <seconds> <connections> <rate or 0> <file of requests>`` prints JSON: requests
answered a second, failures, and latencies in milliseconds. The file holds requests of HTTP/1.1, each behind its length
(4 bytes, big-endian). With a rate requests are begun at even distances, whether others are answered or not, and a
latency counts from when its request was due.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import time
from collections import Counter
from pathlib import Path


def read_requests(path: Path) -> list[bytes]:
    """The requests of a file."""
    content, start, found = path.read_bytes(), 0, []
    while start < len(content):
        (size,) = struct.unpack_from(">I", content, start)
        found.append(content[start + 4 : start + 4 + size])
        start += 4 + size
    return found


class Connection:
    """One connection, with at most one request in flight."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.socket = self._open()
        self.due = 0.0
        self._got = b""

    def _open(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def again(self) -> None:
        """Connect again after a failure."""
        self.socket.close()
        self.socket, self._got = self._open(), b""

    def send(self, request: bytes, due: float) -> None:
        """Begin a request that was due at a time."""
        self.due, self._got = due, b""
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """Status of the answer once it is whole; 0: the connection was lost."""
        part = self.socket.recv(262_144)
        if not part:
            return 0
        self._got += part
        head = self._got.find(b"\r\n\r\n")
        if head < 0:
            return None
        place = self._got.lower().find(b"content-length:", 0, head)
        if place < 0:
            return int(self._got[9:12]) if self._got.endswith(b"0\r\n\r\n") else None
        length = int(self._got[place + 15 : self._got.find(b"\r\n", place)])
        return int(self._got[9:12]) if len(self._got) >= head + 4 + length else None


def run(port: int, seconds: float, connections: int, rate: float, requests: list[bytes]) -> dict[str, object]:
    """Ask for so long, or with negative ``seconds`` for so many requests."""
    pool = [Connection(port) for _ in range(connections)]
    poller, by_number = select.epoll(), {}
    for one in pool:
        poller.register(one.socket.fileno(), select.EPOLLIN)
        by_number[one.socket.fileno()] = one
    idle, latencies, statuses = list(pool), [], Counter[int]()
    begun, start = 0, time.perf_counter()
    most = -seconds if seconds < 0 else float("inf")
    end = start + seconds if seconds > 0 else float("inf")
    while True:
        now = time.perf_counter()
        while idle and now < end and begun < most and (not rate or start + begun / rate <= now):
            idle.pop().send(requests[begun % len(requests)], start + begun / rate if rate else time.perf_counter())
            begun += 1
        if len(idle) == len(pool) and (now >= end or begun >= most):
            break
        wait = max(0.0, start + begun / rate - now) if rate and idle and now < end else 1.0
        for number, _ in poller.poll(wait):
            one = by_number[number]
            status = one.receive()
            if status is None:
                continue
            latencies.append(1e3 * (time.perf_counter() - one.due))
            statuses[status] += 1
            if status == 0:
                poller.unregister(number)
                one.again()
                poller.register(one.socket.fileno(), select.EPOLLIN)
                by_number[one.socket.fileno()] = one
            idle.append(one)
    elapsed = time.perf_counter() - start
    latencies.sort()
    percentiles = {f"p{share}": latencies[int(share / 100 * (len(latencies) - 1))] for share in (50, 90, 99)}
    return {"speed": len(latencies) / elapsed, "statuses": dict(statuses), "answered": len(latencies), **percentiles}


if __name__ == "__main__":
    given = sys.argv[1:]
    print(
        json.dumps(run(int(given[0]), float(given[1]), int(given[2]), float(given[3]), read_requests(Path(given[4]))))
    )
