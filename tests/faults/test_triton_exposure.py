"""What the server opens by default: three ports of loopback, and no way to load or unload a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from faults.triton_support import Client, configured, keys, publish, tree

from mnist_etc.composition import compose
from mnist_etc.export.config import MODEL
from mnist_etc.serving.config import ServeCommand
from mnist_etc.serving.server import TritonServer


@pytest.fixture(scope="module", params=[0, 1], ids=["no polling", "polling"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    repository = tmp_path_factory.mktemp("repository")
    publish(repository, 1)
    asked = keys(repository, f"serving.poll_seconds={request.param}")
    with TritonServer(configured(asked), quiet=True) as running:
        yield running


def listening(pid: int) -> set[tuple[str, int]]:
    """Addresses of every socket of the server and its children that takes connections or datagrams."""
    found = [one for process in tree(pid) for one in process.net_connections("inet")]
    return {
        (one.laddr.ip.removeprefix("::ffff:"), one.laddr.port)
        for one in found
        if one.status == psutil.CONN_LISTEN or (one.status == psutil.CONN_NONE and not one.raddr)
    }


def test_the_three_ports_on_loopback_and_no_other(server: TritonServer) -> None:
    config = server.config
    expected = {("127.0.0.1", port) for port in (config.http_port, config.grpc_port, config.metrics_port)}
    assert listening(server.process.pid) == expected


def test_loopback_is_the_default() -> None:
    assert compose("serve", ServeCommand, []).serving.address == "127.0.0.1"


def test_another_address_is_taken_only_when_asked(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    with TritonServer(configured(keys(tmp_path, "serving.address=127.0.0.2")), quiet=True) as server:
        assert {ip for ip, _ in listening(server.process.pid)} == {"127.0.0.2"}


@pytest.mark.parametrize("verb", ["load", "unload"])
def test_models_are_not_controlled_by_clients(server: TritonServer, verb: str) -> None:
    client = Client(server.config.http_port)
    for name in (MODEL, "other"):
        status, _, body = client.send(b"{}", path=f"/v2/repository/models/{name}/{verb}")
        assert 400 <= status < 600, body
        assert b"polling is enabled" in body or b"not allowed" in body, body
    given = json.dumps({"parameters": {"config": "{}", "file:1/model.onnx": "AAAA"}}).encode()
    assert client.send(given, path=f"/v2/repository/models/x/{verb}")[0] >= 400
    assert client.ready() == 200
    assert client.logits().shape == (3, 10)
    client.close()


def test_shared_memory_is_on_and_reads_no_other_files(server: TritonServer) -> None:
    """protocol=shm needs it: who reaches the port may name a region of /dev/shm, and no path beside it."""
    client = Client(server.config.http_port)
    assert client.send(path="/v2/systemsharedmemory/status", method="GET")[::2] == (200, b"[]")
    for key in ("../../etc/passwd", "/../etc/passwd", "/does_not_exist", ""):
        asked = json.dumps({"key": key, "offset": 0, "byte_size": 8}).encode()
        status, _, body = client.send(asked, path="/v2/systemsharedmemory/region/mine/register")
        assert status >= 400, (key, body)
    assert client.send(path="/v2/systemsharedmemory/status", method="GET")[::2] == (200, b"[]")
    assert client.ready() == 200
    client.close()
