"""Full load for $MNIST_ETC_LOAD_SECONDS (20; 600 by hand): no failed request, and memory that does not grow."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from faults.triton_support import Client, Load, configured, first_logit, keys, publish, resident

from mnist_etc.serving.server import TritonServer

SECONDS = float(os.environ.get("MNIST_ETC_LOAD_SECONDS", "20"))


@pytest.mark.slow
def test_full_load(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    with TritonServer(configured(keys(tmp_path)), quiet=True) as server:
        sizes = []
        with Load(server.config.http_port, threads=8) as load:
            for _ in range(20):
                time.sleep(SECONDS / 20)
                sizes.append(resident(server.process.pid))
                assert load.failed == []
        assert load.failed == []
        assert load.seen() == {first_logit(1)}
        assert len(load.answers) > 50 * SECONDS
        assert sizes[-1] < 1.05 * sizes[4], [size // 2**20 for size in sizes]
        client = Client(server.config.http_port)
        assert client.ready() == 200
        client.close()
