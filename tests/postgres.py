"""A PostgreSQL server of the tests' own, on a socket in a folder of its own; its package has to be installed."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cluster", "missing"]

UNPRIVILEGED = ("postgres", "nobody")
"""Who may run the server where the tests run as root, which it refuses."""


def missing() -> str:
    """What is not here, for the reason of a skip; empty where a server can be started."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg, of the extra postgres, is not installed"
    return "" if _programs() else "PostgreSQL's initdb is not installed (Debian's package postgresql)"


@contextmanager
def cluster() -> Iterator[str]:
    """Yield the address of a database that belongs to the caller; the server is stopped afterwards."""
    programs = _programs()
    assert programs
    account = next((name for name in UNPRIVILEGED if _exists(name)), None) if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if account:
        shutil.chown(folder, account)

    def run(program: str, *words: str) -> None:
        done = subprocess.run(
            [programs / program, *words], user=account, cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    data = str(folder / "data")
    server = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    try:
        run("initdb", "-D", data, "-U", "test", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", server, "start")
        try:
            yield f"postgresql+psycopg://test@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").is_file() and (place / "pg_ctl").is_file()), None)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
