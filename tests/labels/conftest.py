"""Databases of labels on SQLite and, where a server can be started, on PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import postgres
import pytest
from label_stores import Make, made
from sqlalchemy import create_engine


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a database of PostgreSQL, beside which others may be made."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a place where no database of labels is yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/labels.db"
    server = str(request.getfixturevalue("server"))
    name = f"labels_{secrets.token_hex(4)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def make(url: str) -> Make:
    """Make a database at ``url``; see `label_stores.made`."""
    return partial(made, url)
