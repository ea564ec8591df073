"""Without network and without data, one line names the folder to fill, its files, and ``data=digits``."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples import digits_model, publish
from support import Run, refused

NOWHERE = "http://127.0.0.1:9"
PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
OFFLINE = {**dict.fromkeys(PROXIES, NOWHERE), **dict.fromkeys(("no_proxy", "NO_PROXY", "MNIST_ETC_DATA"))}
FILES = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("command", [("train.py",), ("-m", "train_.autoencoder")])
def test_training(run: Run, tmp_path: Path, command: tuple[str, ...], name: str) -> None:
    done = run(*command, f"data={name}", env=OFFLINE, timeout=60)
    refused(done, *FILES, f"into data/{name}", "data=digits", "Connection refused", plain=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name.startswith((".mnist_etc-", "t"))]


def test_inference(run: Run, tmp_path: Path) -> None:
    publish(digits_model(), tmp_path / "artifacts")
    refused(run("infer.py", env=OFFLINE, timeout=60), *FILES, "into data/mnist", "data=digits", plain=True)


def test_digits_need_no_network(run: Run, tmp_path: Path) -> None:
    publish(digits_model(), tmp_path / "artifacts", "data=digits")
    done = run("infer.py", "data=digits", env=OFFLINE)
    assert done.returncode == 0, done.stderr
