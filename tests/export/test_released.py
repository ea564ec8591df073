"""A release is taken into service whole, or not at all: ``python -m mnist_etc.export from=<release>``."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import Run, refused

from mnist_etc.composition import compose
from mnist_etc.errors import ArtifactError, ExportError
from mnist_etc.export.archive import LARGEST, members, pack
from mnist_etc.export.config import ExportCommand
from mnist_etc.export.model_config import ModelConfig
from mnist_etc.export.released import FILES, SUFFIX, take
from mnist_etc.export.repository import ModelRepository
from mnist_etc.export.sums import SUMS, write_sums
from mnist_etc.files import sha256

NAMES = ("cat", "dog", "owl")
ARCHIVE = f"mnist_etc-9.9{SUFFIX}"
FIRST = "onnx-mnist_etc/1"
Change = Callable[[Path], None]


def network(**metadata: str) -> onnx.ModelProto:
    """Images of 28 x 28 to logits of `NAMES`."""
    weights = numpy_helper.from_array(np.ones((784, len(NAMES)), np.float32), "weights")
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["input"], ["flat"]), helper.make_node("MatMul", ["flat", "weights"], ["output"])],
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 28, 28, 1])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", len(NAMES)])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, metadata)
    return model


def write_release(folder: Path, model: onnx.ModelProto | None = None, change: Change | None = None) -> Path:
    """A release of that network, its repository changed by ``change`` before it is packed; the path of the archive."""
    command = compose("export", ExportCommand, ["policy=logits"])
    config = ModelConfig(
        triton=command.triton, input_type=command.input_type, policy="logits", version=0, names=NAMES, side=28
    )
    about = {
        "classes": list(NAMES),
        "input_type": "float32",
        "policy": {"name": "logits", "leakage_bits": 96.0},
        "privacy": {"words": "none", "epsilon": None},
    }
    root = folder / "root"
    content = (model or network()).SerializeToString()
    ModelRepository(root).publish(lambda path: path.write_bytes(content) and None, config, about)
    if change:
        change(root)
    (folder / "release").mkdir()
    pack(root, folder / "release" / ARCHIVE)
    write_sums(folder / "release")
    return folder / "release" / ARCHIVE


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("released"))


@pytest.fixture
def repository(tmp_path: Path) -> ModelRepository:
    return ModelRepository(tmp_path / "triton" / "model_repository")


@pytest.fixture
def address(release: Path) -> Iterator[str]:
    """Of the release's folder, served on loopback."""
    handler = partial(SimpleHTTPRequestHandler, directory=release.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_archive_and_folder_go_into_service_as_one_version(
    run: Run, release: Path, repository: ModelRepository
) -> None:
    for source in (release, release.parent):
        done = run("-m", "mnist_etc.export", f"from={source}")
        assert (done.returncode, done.stderr) == (0, "")
        assert f"version 1 in {repository.model.relative_to(repository.model.parents[2])}, from {source}" in done.stdout
        assert "output logits, at most 96 bits an answer" in done.stdout
    assert (repository.versions(), repository.in_service()) == ([1], 1)
    assert (repository.model / "1" / "labels.txt").read_text().split() == list(NAMES)
    with tarfile.open(release) as archive:
        for name in FILES:
            packed = archive.extractfile(f"{FIRST}/{name}")
            assert packed is not None
            assert packed.read() == (repository.model / "1" / name).read_bytes()


def test_another_release_is_one_version_more_and_goes_back(
    run: Run, release: Path, repository: ModelRepository, tmp_path: Path
) -> None:
    take(str(release), repository)
    (tmp_path / "other").mkdir()
    other = write_release(tmp_path / "other", network(made="again"))
    assert take(str(other), repository) == 2
    assert repository.in_service() == 2
    assert run("-m", "mnist_etc.export", "rollback=true").returncode == 0
    assert repository.in_service() == 1


def test_a_release_by_its_address(run: Run, address: str, repository: ModelRepository) -> None:
    done = run("-m", "mnist_etc.export", f"from={address}/{ARCHIVE}")
    assert (done.returncode, repository.versions()) == (0, [1]), done.stderr
    refused(run("-m", "mnist_etc.export", f"from={address}/absent.tar.gz"), "absent.tar.gz", "File not found")
    refused(run("-m", "mnist_etc.export", f"from={address}/gone/{ARCHIVE}"), SUMS, "File not found", "by hand")
    assert repository.versions() == [1]


@pytest.mark.parametrize(
    "url",
    [
        f"http://example.org/{ARCHIVE}",
        f"ftp://127.0.0.1/{ARCHIVE}",
        f"file:///etc/{ARCHIVE}",
        "https://example.org/",
        "https://example.org/..",
        "https://[::1/a.tar.gz",
    ],
)
def test_other_addresses_are_refused_before_anything_is_fetched(url: str, repository: ModelRepository) -> None:
    with pytest.raises(ArtifactError, match=r"^Expected the address of a release's archive.*; received .*\. "):
        take(url, repository)
    assert repository.versions() == []


def test_what_is_missing_is_named(run: Run, release: Path, tmp_path: Path) -> None:
    refused(run("-m", "mnist_etc.export", "from=absent.tar.gz"), "absent.tar.gz", "no file")
    (tmp_path / "empty").mkdir()
    refused(run("-m", "mnist_etc.export", "from=empty"), f"*{SUFFIX}", "received 0")
    shutil.copy(release, tmp_path)
    refused(run("-m", "mnist_etc.export", f"from={ARCHIVE}"), SUMS, "no file")
    (tmp_path / SUMS).write_text("")
    refused(run("-m", "mnist_etc.export", f"from={ARCHIVE}"), "one line", "received 0")
    refused(run("-m", "mnist_etc.export", "from=x", "rollback=true"), "both", "from=<release>", code=2)
    refused(run("-m", "mnist_etc.export", "from="), "from=null", code=2)
    assert not (tmp_path / "triton").exists()


def test_a_flipped_bit_is_refused(run: Run, release: Path, tmp_path: Path) -> None:
    shutil.copytree(release.parent, tmp_path / "release")
    content = bytearray(release.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "release" / ARCHIVE).write_bytes(content)
    refused(run("-m", "mnist_etc.export", "from=release"), sha256(release), "Nothing was published")
    assert not (tmp_path / "triton").exists()


def tar(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for entry, content in entries:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


HOSTILE = {
    "up": (tar((entry(f"{FIRST}/../../manifest.json"), b"x")), "leads elsewhere"),
    "absolute": (tar((entry("/tmp/manifest.json"), b"x")), "leads elsewhere"),
    "backslash": (tar((entry("..\\manifest.json"), b"x")), "leads elsewhere"),
    "twice": (tar((entry("a/model.onnx"), b"x"), (entry("a/model.onnx"), b"y")), "a name twice"),
    "symlink": (tar((entry("a/model.onnx", tarfile.SYMTYPE, "/etc/passwd"), b"")), "which is no file"),
    "hardlink": (tar((entry("a/model.onnx", tarfile.LNKTYPE, "/etc/passwd"), b"")), "which is no file"),
    "device": (tar((entry("a/model.onnx", tarfile.CHRTYPE), b"")), "which is no file"),
    "folder": (tar((entry("a", tarfile.DIRTYPE), b"")), "which is no file"),
    "other": (tar((entry("a/model.py"), b"x")), "belongs to no model repository"),
    "control": (tar((entry("a\n/model.onnx"), b"x")), "leads elsewhere"),
    "large": (tar((entry("a/labels.txt"), bytes(2**20 + 1))), "1,048,576 are the most"),
    "bomb": (gzip.compress(bytes(LARGEST + 1), 1), "134,217,728 bytes, unpacked"),
    "text": (b"not an archive", "Not a gzipped file"),
    "cut": (tar((entry("a/model.onnx"), b"x" * 9000))[:-20], "end-of-stream"),
    "inner cut": (gzip.compress(gzip.decompress(tar((entry("a/model.onnx"), b"x" * 9000)))[:5000]), "unexpected end"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_whatever_its_checksum(case: str, tmp_path: Path) -> None:
    content, said = HOSTILE[case]
    (tmp_path / ARCHIVE).write_bytes(content)
    write_sums(tmp_path)
    with pytest.raises(ArtifactError, match=said) as raised:
        take(str(tmp_path), ModelRepository(tmp_path / "models"))
    assert "\n" not in str(raised.value)
    assert {path.name for path in tmp_path.iterdir()} == {ARCHIVE, SUMS}


def test_a_chain_of_long_names_ends_in_one_line(tmp_path: Path) -> None:
    """Each header makes tarfile read the next one within itself."""
    header = entry("long", tarfile.GNUTYPE_LONGNAME)
    header.size = 512
    (tmp_path / ARCHIVE).write_bytes(gzip.compress((header.tobuf(tarfile.GNU_FORMAT) + bytes(512)) * 5000, 1))
    with pytest.raises(ArtifactError, match="received"):
        members(tmp_path / ARCHIVE, FILES)


def change_manifest(key: str, value: object) -> Change:
    def change(root: Path) -> None:
        path = root / FIRST / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_manifest("model_sha256", "0" * 64), "contradict"),
        (change_manifest("classes", ["cat"]), "contradict"),
        (change_manifest("policy", {"name": "label", "leakage_bits": 1}), "contradict"),
        (change_manifest("policy", None), "cannot be read"),
        (change_manifest("privacy", {}), "cannot be read"),
        (lambda root: (root / FIRST / "manifest.json").write_text("[" * 200_000), "cannot be read"),
        (lambda root: (root / FIRST / "labels.txt").write_text("0\n1\n2\n"), "contradict"),
        (lambda root: (root / FIRST / "labels.txt").unlink(), "labels.txt"),
        (lambda root: shutil.copytree(root / FIRST, root / "onnx-mnist_etc/2"), "one version"),
        (lambda root: (root / "onnx-mnist_etc/1").rename(root / "onnx-mnist_etc/01"), "one version"),
    ],
)
def test_files_that_do_not_fit_are_refused(change: Change, said: str, tmp_path: Path) -> None:
    archive = write_release(tmp_path, change=change)
    with pytest.raises(ArtifactError, match=said):
        take(str(archive), ModelRepository(tmp_path / "models"))
    assert ModelRepository(tmp_path / "models").versions() == []


def elsewhere() -> onnx.ModelProto:
    model = network()
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../../etc/passwd")
    return model


def foreign() -> onnx.ModelProto:
    model = network()
    model.graph.node[0].domain = "com.microsoft"
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (network(policy="levels:3"), "policy logits in the graph.*received levels"),
        (network(policy="all"), "received none that is known"),
        (elsewhere(), "external data|points outside"),
        (foreign(), "com.microsoft"),
    ],
)
def test_a_graph_that_is_not_what_its_files_say_is_refused(model: onnx.ModelProto, said: str, tmp_path: Path) -> None:
    archive = write_release(tmp_path, model)
    with pytest.raises(ExportError, match=said):
        take(str(archive), ModelRepository(tmp_path / "models"))
    assert ModelRepository(tmp_path / "models").versions() == []


def test_the_same_files_make_the_same_archive_whatever_their_times_and_modes(release: Path, tmp_path: Path) -> None:
    with tarfile.open(release) as archive:
        archive.extractall(tmp_path / "again", filter="data")
    (tmp_path / "again" / FIRST / "model.onnx").chmod(0o600)
    pack(tmp_path / "again", tmp_path / ARCHIVE)
    assert (tmp_path / ARCHIVE).read_bytes() == release.read_bytes()
