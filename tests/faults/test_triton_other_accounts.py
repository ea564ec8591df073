"""Another account looks for the images that senders send: in shared memory, from before the start of the server on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from faults.triton_support import PIXELS, Client, configured, first_logit, keys, publish

from mnist_etc.errors import ServingError
from mnist_etc.serving.launch import CONFINED
from mnist_etc.serving.server import SCRATCH, TritonServer

MEMORY = Path("/dev/shm")
MINE = f"{SCRATCH}{os.getpid()}_"
NOBODY = 65_534
SPY = """
import glob, json, os, select, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
opened = {}
print("watching", flush=True)
while True:
    for path in glob.glob(sys.argv[1] + "*"):
        try:
            opened[path] = opened.get(path) or open(path, "rb")
        except OSError:
            pass
    if select.select([0], [], [], 0.0005)[0]:
        asked = sys.stdin.readline()
        if not asked:
            break
        found = [path for path, file in opened.items() if not file.seek(0) and bytes.fromhex(asked) in file.read()]
        print(json.dumps({"opened": sorted(opened), "found": found}), flush=True)
"""
"""Opens what it can as soon as it appears, and keeps it: a mode that changes afterwards shuts nobody out."""


@contextmanager
def spying(pattern: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", "-S", "-c", SPY, pattern, str(NOBODY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as spy:
        assert spy.stdout
        assert spy.stdout.readline() == "watching\n"
        yield spy
        assert spy.stdin
        spy.stdin.close()


def seen(spy: subprocess.Popen[str], needle: bytes) -> dict[str, list[str]]:
    assert spy.stdin
    assert spy.stdout
    print(needle.hex(), file=spy.stdin, flush=True)
    return dict(json.loads(spy.stdout.readline()))


def holding(server: TritonServer, needle: bytes) -> list[str]:
    """The shared memory of a server where an image is, as its owner finds it: by the server's own open files."""
    found = []
    for file in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            name = str(file.readlink())
            if name.startswith(str(MEMORY / MINE)) and needle in file.read_bytes():
                found.append(name)
    return found


def wait_for(client: Client, seed: int) -> None:
    deadline = time.monotonic() + 30
    while round(float(client.logits(PIXELS[:1])[0, 0]), 2) != first_logit(seed):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.skipif(os.geteuid() != 0, reason="to become another account takes root")
def test_another_account_finds_no_image_after_the_start_or_a_reload(tmp_path: Path) -> None:
    image = PIXELS[:1].tobytes()
    assert len(image) == 3136
    publish(tmp_path, 1)
    open_to_all = MEMORY / f"{MINE}open"
    with spying(str(MEMORY / MINE)) as spy:
        try:
            open_to_all.write_bytes(b"before" + image)
            open_to_all.chmod(0o644)
            time.sleep(0.2)
            assert seen(spy, image)["found"] == [str(open_to_all)], "it sees what is to be seen"
        finally:
            open_to_all.unlink()
        with TritonServer(configured(keys(tmp_path, "serving.poll_seconds=1")), quiet=True) as server:
            client = Client(server.config.http_port)
            for seed in (1, 2):
                publish(tmp_path, seed)
                wait_for(client, seed)
                assert holding(server, image), "the image is there, for its owner"
                assert seen(spy, image)["opened"] == [str(open_to_all)]
            client.close()


def register(client: Client, key: str) -> int:
    """The status of the answer to a client who wants the server to share memory with it."""
    asked = json.dumps({"key": f"/{key}", "offset": 0, "byte_size": 4096}).encode()
    return client.send(asked, path=f"/v2/systemsharedmemory/region/{key}/register")[0]


def test_the_server_shares_no_memory_of_its_models_with_clients(tmp_path: Path) -> None:
    """Whoever reaches the port may have it map a region by name: no name is left when the first request comes.

    Who is quick enough to name it before that keeps the version from loading; Triton tries again, with other memory.
    """
    publish(tmp_path, 1)
    with TritonServer(configured(keys(tmp_path, "serving.poll_seconds=1")), quiet=True) as server:
        client = Client(server.config.http_port)
        wait_for(client, 1)
        (held,) = holding(server, PIXELS[:1].tobytes())
        assert not list(MEMORY.glob(f"{MINE}*"))
        assert register(client, Path(held.removesuffix(" (deleted)")).name) >= 400
        publish(tmp_path, 2)
        deadline = time.monotonic() + 30
        while not (made := list(MEMORY.glob(f"{MINE}*"))):
            assert time.monotonic() < deadline
        while register(client, made[0].name) != 200:  # it has no size yet
            assert time.monotonic() < deadline
        wait_for(client, 2)
        held = [name.removesuffix(" (deleted)") for name in holding(server, PIXELS[:1].tobytes())]
        assert held
        assert str(made[0]) not in held
        client.close()


def test_memory_that_is_open_to_others_is_refused_before_the_first_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the server started in another way, its model would not load."""
    publish(tmp_path, 1)
    monkeypatch.setattr("mnist_etc.serving.launch.CONFINED", ["sh", "-c", 'umask 077; exec "$0" "$@"'])
    with pytest.raises(ServingError, match=r"Expected /dev/shm/.* to be its owner's alone; received mode 644"):
        TritonServer(configured(keys(tmp_path)), quiet=True).__enter__()


MODES = """
import os, sys
file = os.open(sys.argv[1], os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
told = [os.fstat(file).st_mode & 0o777]
for mode in (0o644, 0o660, 0o601, 0o400, 0o600):
    os.fchmod(file, mode)
    told.append(os.fstat(file).st_mode & 0o777)
print(*map(oct, told))
"""


def test_what_runs_confined_opens_no_file_to_others(tmp_path: Path) -> None:
    """And a child of it does not; a mode for the owner alone is set."""
    inner = [sys.executable, "-c", MODES, str(tmp_path / "one")]
    again = [sys.executable, "-c", f"import subprocess; subprocess.run({[*inner[:-1], str(tmp_path / 'two')]})"]
    for command in (inner, again):
        done = subprocess.run([*CONFINED, *command], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["0o600", "0o600", "0o600", "0o600", "0o400", "0o600"]


def test_a_client_shares_memory_for_its_owner_alone(tmp_path: Path) -> None:
    from tritonclient.utils import shared_memory

    name = f"mnist_etc_test_{os.getpid()}"
    region = shared_memory.create_shared_memory_region(name, name, 64, create_only=True)
    try:
        assert (MEMORY / name).stat().st_mode & 0o777 == 0o600
    finally:
        shared_memory.destroy_shared_memory_region(region)
    assert not np.any([path.name == name for path in MEMORY.iterdir()])
