"""What every test may use: the repository root, and the real command line from an empty folder."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from processes import python
from support import ROOT, TINY, Completed, Run


@pytest.fixture(scope="session")
def project() -> Path:
    """The repository root."""
    return ROOT


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run ``python *args`` as a user would, in an empty folder unless ``cwd`` names another.

    A first argument such as ``train.py`` is taken from the repository root; ``-m name`` works too.
    The rest is as `processes.python` has it.
    """

    def command(
        *args: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        timeout: float = 300,
        timed: bool = False,
        fresh: bool = False,
    ) -> Completed:
        first, *words = map(str, args)
        first = str(ROOT / first) if first.endswith(".py") else first
        return python(first, *words, cwd=cwd or tmp_path, env=env, timeout=timeout, timed=timed, fresh=fresh)

    return command


@pytest.fixture
def all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands under test use every core, as a user's do: what they repeat to the bit hangs on the order of sums."""
    monkeypatch.setattr("support.ONE_THREAD", {})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``artifacts/`` of a toy training."""
    folder = tmp_path_factory.mktemp("trained")
    done = python("-m", "train_.pipeline", *TINY, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def pytest_configure() -> None:
    """A shell that starts the suite in the background ignores SIGINT, and so would every command under test."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-keys``: see tests/test_keys.py."""
    parser.addoption("--update-keys", action="store_true", help="write tests/keys/ anew from the commands' schemas")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case of bytes after its argument: gzip writes the time into them, so two workers would differ."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a slow test first, those on real images before all, so that no worker is left alone with one.

    Without the real files ``mnist`` is skipped.
    """
    slow, real = ({item.path for item in items if item.get_closest_marker(mark)} for mark in ("slow", "mnist"))
    items.sort(key=lambda item: (item.path not in slow, item.path not in real))
    root = os.environ.get("MNIST_ETC_DATA", "")
    missing = [name for name in ("mnist", "fashion_mnist") if not root or not (Path(root) / name).is_dir()]
    if missing:
        reason = (
            f"Expected the real files in $MNIST_ETC_DATA/{missing[0]}; received MNIST_ETC_DATA={root or '(not set)'}"
        )
        for item in items:
            if item.get_closest_marker("mnist"):
                item.add_marker(pytest.mark.skip(reason=reason))
