"""Around the server: other forms of addresses, a killed wrapper, a port that is taken, a version that is gone."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path

import pytest
from faults.triton_support import COMMAND, configured, keys, publish, served
from support import Run, refused

from mnist_etc.errors import ArtifactError
from mnist_etc.export.config import MODEL
from mnist_etc.export.repository import ModelRepository
from mnist_etc.serving.server import SCRATCH, TritonServer


@pytest.mark.slow
@pytest.mark.parametrize("address", ["::1", "localhost"])
def test_addresses_of_other_forms(tmp_path: Path, address: str) -> None:
    publish(tmp_path / "models", 1)
    config = configured(keys(tmp_path / "models", f"serving.address={address}"))
    with TritonServer(config, quiet=True):
        connection = http.client.HTTPConnection(address, config.http_port, timeout=5)
        connection.request("GET", f"/v2/models/{MODEL}/ready")
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.slow
def test_a_killed_wrapper_takes_its_server_along(tmp_path: Path) -> None:
    """Its folder stays, until the next start, which removes it; a folder of a living process stays."""
    alive = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}_"))
    with served(tmp_path / "models") as running:
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
        left = running.left()
        assert not [one for one in left if SCRATCH not in one], left
    with served(tmp_path / "models") as again:
        assert running.left() == []
        assert alive.is_dir()
        again.process.send_signal(signal.SIGINT)
        assert again.ended().returncode == 0
    alive.rmdir()


def test_who_holds_a_port_is_named(run: Run, tmp_path: Path) -> None:
    publish(tmp_path / "models", 1)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = run(*COMMAND, *keys(tmp_path / "models", f"serving.grpc_port={port}"))
        refused(
            done, f"Expected to listen on 127.0.0.1:{port}; received: Address already in use (process {os.getpid()}, "
        )


def test_a_name_that_nobody_knows(run: Run, tmp_path: Path) -> None:
    publish(tmp_path / "models", 1)
    done = run(*COMMAND, *keys(tmp_path / "models", "serving.address=nowhere.invalid"))
    assert done.returncode == 1
    warning, line = done.stderr.splitlines()
    assert warning.startswith("warning: on nowhere.invalid")
    assert line.startswith(
        "error: Expected serving.address to be an address of this machine; received 'nowhere.invalid'"
    )


def test_a_version_that_is_gone(run: Run, tmp_path: Path) -> None:
    repository = tmp_path / "models"
    publish(repository, 1)
    publish(repository, 2)
    shutil.rmtree(repository / MODEL / "2")
    with pytest.raises(ArtifactError, match=r"/2, which .*config.pbtxt puts into service; received no such folder"):
        ModelRepository(repository).in_service()
    for words in (COMMAND, ("-m", "mnist_etc.export", "rollback=true"), ("-m", "mnist_etc.export", "prune=1")):
        key = f"serving.repository={repository}" if words == COMMAND else f"repository={repository}"
        refused(run(*words, key), "received no such folder", f"repository={repository}")
    publish(repository, 3)
    assert ModelRepository(repository).in_service() == 2
    shutil.rmtree(repository / MODEL / "1")
    shutil.rmtree(repository / MODEL / "2")
    refused(run("-m", "mnist_etc.export", "rollback=true", f"repository={repository}"), "received no such folder")
