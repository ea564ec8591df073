from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from samples import data_config, idx_bytes, write_idx_dataset

from mnist_etc.data import catalog, download, load, load_test
from mnist_etc.data.idx import ExpectedFile
from mnist_etc.errors import DataError

NOBODY = "http://127.0.0.1:9/"


class Server:
    """A mirror on this machine that serves ``folder``."""

    def __init__(self, folder: Path) -> None:
        asked: list[str] = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_request(self, *_: object) -> None:
                asked.append(self.path)

            def log_message(self, *_: object) -> None: ...

        self.asked = asked
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


def served(monkeypatch: pytest.MonkeyPatch, folder: Path, *mirrors: str) -> None:
    """Have MNIST be what lies in ``folder``."""
    contents = {path.stem: gzip.decompress(path.read_bytes()) for path in folder.glob("*.gz")}
    known = {file: ExpectedFile(12, hashlib.sha256(content).hexdigest()) for file, content in contents.items()}
    row = catalog.Download(mirrors=mirrors, files=known)
    monkeypatch.setitem(catalog.DOWNLOADS._rows, "mnist", row)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    write_idx_dataset(tmp_path / "served")
    server = Server(tmp_path / "served")
    served(monkeypatch, tmp_path / "served", server.url)
    yield server
    server.http.shutdown()
    server.http.server_close()


def test_downloads_once(server: Server, tmp_path: Path) -> None:
    config = data_config("mnist", "idx", tmp_path / "root")
    assert len(load(config).test) == 12
    assert len(server.asked) == 4
    assert {file.name for file in (tmp_path / "root/mnist").iterdir()} == {
        f"{file}.gz" for files in catalog.FILES.values() for file in files
    }
    load(config)
    assert len(server.asked) == 4


def test_goes_on_to_the_next_mirror(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served(monkeypatch, tmp_path / "served", NOBODY, f"{server.url}nothing/", server.url)
    assert len(load_test(data_config("mnist", "idx", tmp_path / "root"))) == 12


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Please log in to this network</html>",
        gzip.compress(idx_bytes(np.zeros((12, 28, 28), np.uint8))),
        gzip.compress(idx_bytes(np.zeros((12, 28, 28), np.uint8)))[:-9],
    ],
    ids=["empty", "a login page", "other images", "cut off"],
)
def test_a_wrong_file_leaves_nothing(server: Server, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "served/t10k-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match="another file than the expected one") as caught:
        load_test(data_config("mnist", "idx", tmp_path / "root"))
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "root/mnist").iterdir())


def test_more_than_the_limit_is_cut_off(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "LIMIT", 1000)
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        load_test(data_config("mnist", "idx", tmp_path / "root"))
    assert not (tmp_path / "root").exists()


def test_a_folder_that_cannot_be_written_says_so(server: Server, tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file where a folder should be")
    with pytest.raises(DataError, match=r"cannot write .*data.root=<a folder you can write>"):
        load_test(data_config("mnist", "idx", tmp_path / "root"))
