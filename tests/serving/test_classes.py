"""47 classes with names as people give them, from training to Triton and to rebuilt images, at toy size."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from glyphs import NAMES, draw_split, write_folder
from numpy.typing import NDArray
from PIL import Image
from processes import python
from serving.conftest import publish_small_model, serving
from support import ROOT, Run, refused

from mnist_etc.attack.report import COLUMNS
from mnist_etc.attack.results import read_results
from mnist_etc.data.classes import natural_order
from mnist_etc.errors import DataError
from mnist_etc.export.config import MODEL, InputType
from mnist_etc.export.session import ServingSession
from mnist_etc.predictor import softmax
from mnist_etc.serving.client import TritonPredictor
from mnist_etc.serving.protocol import WireProtocol
from mnist_etc.serving.server import TritonServer

DATA = ["data=folder", "data.root=chars", "data.name=chars", "data.prepare=none"]
TOY = [*DATA, "autoencoder.epochs=2", "classifier.epochs=40"]
ORDER = tuple(natural_order(NAMES))
POLICIES = ("logits", "probabilities", "rounded", "top_k", "top1", "levels", "noisy", "label")
CSV = Path("artifacts/chars/clsf_h32_ee2_e40_inference.csv")
QUICK = [
    *("attack.epochs=1", "attack.units=16", "attack.blocks=1", "attack.components=2", "attack.answers=[1,3]"),
    *("attack.networks=1", "attack.restarts=1", "attack.iterations=1", "attack.queries=100"),
]


@pytest.fixture(scope="module")
def chars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the images, and ``artifacts/`` of a toy training on them."""
    folder = tmp_path_factory.mktemp("chars")
    write_folder(folder / "chars", train=12, test=3)
    done = python(str(ROOT / "train.py"), *TOY, "tracking_uri=null", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def classified(server: TritonServer, images: NDArray[np.uint8]) -> list[list[bytes]]:
    """What Triton's classification extension says of each image: its two best as ``value:number:name``."""
    from tritonclient import grpc

    with grpc.InferenceServerClient(f"localhost:{server.config.grpc_port}") as client:
        given = grpc.InferInput("input", [len(images), *images.shape[1:], 1], "UINT8")
        given.set_data_from_numpy(images[..., None])
        asked = [grpc.InferRequestedOutput("output", class_count=2)]
        return client.infer(MODEL, [given], outputs=asked).as_numpy("output").tolist()


@pytest.mark.parametrize(("names", "side"), [(ORDER, 32), (("no", "yes"), 8), (tuple(map(str, range(1000))), 28)])
def test_triton_knows_the_names(tmp_path: Path, names: tuple[str, ...], side: int) -> None:
    """By its classification extension, which reads the labels file, and by what clients read."""
    images = np.random.default_rng(1).integers(0, 256, (64, side, side), np.uint8)
    asked = ("input_type=uint8", "policy=probabilities")
    repository = publish_small_model(tmp_path / "models", *asked, names=names, side=side)
    told = ServingSession(repository / MODEL / "1/model.onnx", InputType.uint8).outputs(images)
    with TritonServer(serving(repository)) as server:
        for said, row in zip(classified(server, images), told, strict=True):
            best = [one.decode().split(":", 2) for one in said]
            assert best[0][1:] == [str(row.argmax()), names[row.argmax()]]
            assert [float(value) for value, _, _ in best] == pytest.approx(np.sort(row)[::-1][:2], abs=1e-5)
        for protocol in WireProtocol:
            port = server.config.http_port if protocol is WireProtocol.http else server.config.grpc_port
            with TritonPredictor(f"localhost:{port}", protocol) as predictor:
                assert (predictor.names, predictor.side) == (names, side)
                assert np.allclose(
                    predictor.probabilities(np.tile(images, (3, 1, 1))), np.tile(told, (3, 1)), atol=1e-6
                )


@pytest.mark.slow
def test_export_with_every_policy_then_triton(run: Run, chars: Path) -> None:
    images, repository = draw_split(2, ORDER, seed=5).images, chars / "triton/model_repository"
    asked = ("-m", "mnist_etc.export", *TOY, "input_type=uint8")
    for number, name in enumerate(POLICIES, start=1):
        done = run(*asked, f"policy={name}", cwd=chars)
        assert done.returncode == 0, done.stderr
        assert f"version {number} in " in done.stdout
        version = repository / MODEL / str(number)
        model = onnx.load(version / "model.onnx")
        stated = {entry.key: entry.value for entry in model.metadata_props}
        assert tuple(json.loads(stated["classes"])) == ORDER
        assert stated.get("policy", "logits").partition(":")[0] == name
        assert [axis.dim_value for axis in model.graph.output[0].type.tensor_type.shape.dim] == [0, 47]
        assert tuple((version / "labels.txt").read_text("utf-8").splitlines()) == ORDER
        assert tuple(json.loads((version / "manifest.json").read_text())["classes"]) == ORDER
    refused(run(*asked, "policy=rounded", "policy.decimals=1", cwd=chars), "at least 2 for 47 classes", code=2)
    refused(run(*asked, "policy=top_k", "policy.k=47", cwd=chars), "policy.k below the number of classes, 47", code=2)
    logits = ServingSession(repository / MODEL / "1/model.onnx", InputType.uint8).outputs(images)
    told = ServingSession(repository / MODEL / "8/model.onnx", InputType.uint8).outputs(images)
    assert np.array_equal(told, np.eye(47, dtype=np.float32)[logits.argmax(axis=1)])

    with TritonServer(serving(repository)) as server:
        for said, row in zip(classified(server, images[:64]), told[:64], strict=True):
            value, number, name = said[0].decode().split(":", 2)
            assert (float(value), int(number), name) == (1.0, row.argmax(), ORDER[row.argmax()])
        for protocol in WireProtocol:
            port = server.config.http_port if protocol is WireProtocol.http else server.config.grpc_port
            with TritonPredictor(f"localhost:{port}", protocol) as predictor:
                assert (predictor.names, predictor.side) == (ORDER, 28)
                assert np.array_equal(predictor.probabilities(images), told)
                with pytest.raises(DataError, match=r"of 28 x 28, which .* received 32 x 32\. Pass data\.side=28"):
                    predictor.probabilities(np.zeros((1, 32, 32), np.uint8))
        address = f"server=localhost:{server.config.http_port}"
        done = run("infer.py", *TOY, address, cwd=chars)
        assert done.returncode == 0, done.stderr
        rows = list(csv.DictReader((chars / CSV).read_text("utf-8").splitlines()))
        assert [row["label"] for row in rows] == [name for name in ORDER for _ in range(3)]
        assert [row["predicted"] for row in rows] == [ORDER[int(row["class"])] for row in rows]
        refused(run("infer.py", "data=digits", "data.side=32", address, cwd=chars), "28 x 28", "received 32 x 32")

    done = run("-m", "mnist_etc.export", "rollback=true", cwd=chars)
    assert done.returncode == 0, done.stderr
    done = run(*asked, "policy=probabilities", "variant=int8", "input_type=float32", cwd=chars)
    assert done.returncode in (0, 1), done.stderr
    if done.returncode == 0:
        stated = {entry.key: entry.value for entry in onnx.load(repository / MODEL / "9/model.onnx").metadata_props}
        assert tuple(json.loads(stated["classes"])) == ORDER
    else:
        refused(done, "validation accuracy")
    assert np.allclose(
        ServingSession(repository / MODEL / "2/model.onnx", InputType.uint8).outputs(images), softmax(logits), atol=1e-6
    )


@pytest.mark.slow
def test_a_server_of_other_classes_is_refused(run: Run, chars: Path, triton_server: TritonServer) -> None:
    done = run("infer.py", *TOY, f"server=localhost:{triton_server.config.http_port}", cwd=chars)
    refused(done, "of the 10 classes of the model", "received 111 of ", "and 28 more")


@pytest.mark.slow
def test_every_attack_and_its_report(run: Run, chars: Path) -> None:
    done = run("noprotect_reconstruction.py", *TOY, *QUICK, "targets=141", cwd=chars, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0].startswith("rounded:1 is left out. Expected policy.decimals of at least 2")
    folder = chars / done.stdout.splitlines()[-1]
    results = read_results(folder)
    assert {row.attack for row in results} >= {
        "PCA, 47 components",
        "mean by answer",
        "linear regression by class",
        "mixture regression",
        "inverse network",
        "hill climbing",
        "hill climbing, encoder unknown",
        "closed-form posterior",
        "closed form, one Gaussian a class",
        "cross-entropy method",
    }
    policies = ["label", "logits", "probabilities", "rounded:2", "top_k:3", "top1", "levels:3", "levels:2", "noisy:8"]
    assert [name for name in dict.fromkeys(row.policy for row in results) if name] == policies
    tables = (folder / "attacks.md").read_text()
    assert f"| label | 1 | {np.log2(47):.1f} |  |" in tables
    assert f"| logits | 1 | {47 * 32:.1f} |  |" in tables
    with Image.open(folder / "sheet.png") as sheet, Image.open(folder / "frontier.png") as frontier:
        assert sheet.width <= 150 * (3.6 + 0.45 * COLUMNS) + 1, "47 images stand in three rows"
        assert frontier.width > 300


@pytest.mark.slow
def test_two_classes_are_the_fewest(run: Run, tmp_path: Path) -> None:
    """What two classes can have is served and attacked; what they cannot is said."""
    write_folder(tmp_path / "chars", train=60, test=10, names=("0", "A"), side=32)
    toy = [*DATA, "data.side=32", "data.validation=40", "autoencoder.epochs=2", "classifier.epochs=20"]
    done = run("train.py", *toy, "tracking_uri=null")
    assert done.returncode == 0, done.stderr
    asked = ("-m", "mnist_etc.export", *toy)
    refused(run(*asked, "policy=top_k"), "policy.k below the number of classes, 2", "Pass policy.k=1", code=2)
    for number, keys in enumerate((["policy=top_k", "policy.k=1"], ["policy=rounded"], ["policy=noisy"]), start=1):
        done = run(*asked, *keys, "policy.epsilon=4")
        assert done.returncode == 0, done.stderr
        labels = tmp_path / f"triton/model_repository/{MODEL}/{number}/labels.txt"
        assert labels.read_text().splitlines() == ["0", "A"]
    done = run("noprotect_reconstruction.py", *toy, *QUICK, "targets=20")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0].startswith(
        "top_k:3 is left out. Expected policy.k below the number of classes, 2"
    )
    results = read_results(tmp_path / done.stdout.splitlines()[-1])
    assert {row.leakage_bits for row in results if row.policy in ("label", "logits")} == {1.0, 64.0}
