"""What the tests of shards begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples import digits_model, publish
from sharded import DIGITS, write


@pytest.fixture(scope="module")
def digits() -> bytes:
    return digits_model()


@pytest.fixture
def here(digits: bytes, tmp_path: Path) -> Path:
    """A folder with a model in ``out`` and three shards of the test images in ``in``."""
    publish(digits, tmp_path / "out", DIGITS[0])
    (tmp_path / "in" / "more").mkdir(parents=True)
    for name, part in (("a", slice(0, 100)), ("b", slice(100, 200)), ("more/a", slice(200, 360))):
        write(tmp_path / "in" / f"{name}.parquet", part)
    return tmp_path
