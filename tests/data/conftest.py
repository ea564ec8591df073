from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def real_data() -> Path:
    """The folder of the real files; only for tests marked ``mnist``."""
    return Path(os.environ["MNIST_ETC_DATA"])
