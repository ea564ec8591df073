"""The release gates of ``export``, on a graph of one matrix that is in service or about to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mnist_etc.artifacts.chosen import Chosen
from mnist_etc.attack.results import NOTHING, Result, Seen, attack_error, write_results, write_study
from mnist_etc.composition import compose
from mnist_etc.data import Dataset, Split, digits
from mnist_etc.errors import ArtifactError, GateError
from mnist_etc.evaluation.gates.verdicts import bounds, to_json
from mnist_etc.export.config import ExportCommand
from mnist_etc.export.gating import check_gates, gates_of, in_service
from mnist_etc.export.model_config import ModelConfig
from mnist_etc.export.repository import ModelRepository
from mnist_etc.export.trained_model import TrainedModel
from mnist_etc.files import write_json
from mnist_etc.policy.output_policy import fit_policy
from mnist_etc.policy.utility import PolicyUtility

SHA = "0" * 64


def command(folder: Path, *words: str) -> ExportCommand:
    return compose("export", ExportCommand, ["data=digits", "policy=label", f"artifacts={folder}", *words])


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    train, test = digits.read("train"), digits.read("test")
    return Dataset(train=train, validation=test, test=test, sha256="", training_sha256="")


def weights(split: Split) -> NDArray[np.float32]:
    """Least squares: right about nine digits in ten."""
    pixels, targets = split.images[:700].reshape(700, -1) / 255, np.eye(10)[split.labels[:700]]
    return (pixels.T @ np.linalg.solve(pixels @ pixels.T + 300 * np.eye(700), targets)).astype(np.float32)


def graph(matrix: NDArray[np.float32], path: Path, side: int = 28) -> Path:
    """An ONNX file whose logits are pixels times ``matrix``."""
    nodes = [helper.make_node("Flatten", ["input"], ["flat"]), helper.make_node("MatMul", ["flat", "m"], ["output"])]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", side, side, 1])]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", matrix.shape[1]])]
    made = helper.make_graph(nodes, "tiny", inputs, outputs, [numpy_helper.from_array(matrix, "m")])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


def check(command: ExportCommand, dataset: Dataset, path: Path, repository: ModelRepository) -> None:
    chosen = Chosen.of(command)
    manifest = {"epsilon": None, "files": {chosen.artifact.h5.name: SHA}}
    trained = TrainedModel(artifact=chosen.artifact, manifest=manifest, dataset=dataset)
    policy = fit_policy(command.policy, np.eye(10, dtype=np.float32), np.arange(10), 28)
    check_gates(command, gates_of(command), trained, policy, path, repository)


@pytest.fixture
def repository(tmp_path: Path, dataset: Dataset) -> ModelRepository:
    """With one version in service."""
    made, asked = ModelRepository(tmp_path / "models"), command(tmp_path)
    config = ModelConfig(
        triton=asked.triton, input_type=asked.input_type, policy="label", version=0, names=dataset.names, side=28
    )
    about = {"classes": list(dataset.names), "input_type": "float32"}
    made.publish(lambda path: graph(weights(dataset.train), path) and None, config, about)
    return made


def test_int8_is_calibrated_on_all_classes_where_the_images_stand_class_by_class(
    dataset: Dataset, tmp_path: Path
) -> None:
    images = np.zeros((50, 8, 8), np.uint8) + np.repeat(np.arange(10, dtype=np.uint8), 5)[:, None, None]
    by_class = replace(dataset, train=Split(images, np.repeat(np.arange(10), 5)))
    artifact = Chosen.of(command(tmp_path)).artifact
    trained = TrainedModel(artifact=artifact, manifest={"configuration": {}}, dataset=by_class)
    assert trained.images(10)[:, 0, 0].tolist() == [*range(10)]
    assert trained.images(1000).shape == (50, 8, 8)


def test_a_version_that_lost_accuracy_is_caught(
    repository: ModelRepository, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Noise in the weights; the same weights raise no alarm."""
    asked, good = command(tmp_path, "gates.accuracy_loss=0.001"), weights(dataset.train)
    check(asked, dataset, graph(good, tmp_path / "new.onnx"), repository)
    assert "0 images lost and 0 won of 360" in capsys.readouterr().out
    caught = 0
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0, 3 * good.std(), good.shape).astype(np.float32)
        try:
            check(asked, dataset, graph(good + noise, tmp_path / "new.onnx"), repository)
        except GateError:
            caught += 1
    assert caught >= 19


def test_the_version_in_service_is_compared_where_it_answers_alike(
    repository: ModelRepository, dataset: Dataset, tmp_path: Path
) -> None:
    assert in_service(repository, dataset) is not None
    assert in_service(ModelRepository(tmp_path / "none"), dataset) is None
    small = Split(dataset.train.images[:, :8, :8], dataset.train.labels)
    assert in_service(repository, replace(dataset, train=small)) is None
    other = replace(dataset.train, names=tuple("abcdefghij"))
    assert in_service(repository, replace(dataset, train=other)) is None
    (repository.model / "1" / "model.onnx").write_bytes(b"no model")
    assert in_service(repository, dataset) is None


def test_gates_judge_the_answers_behind_the_policy(
    repository: ModelRepository, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = graph(weights(dataset.train), tmp_path / "new.onnx")
    check(command(tmp_path, "gates.leakage_bits=3.4", "gates.accuracy=0.85"), dataset, path, repository)
    assert capsys.readouterr().out.count(" pass ") == 2
    with pytest.raises(GateError, match=r"received leakage_bits 3\.322, at most 3\. It was not"):
        check(command(tmp_path, "gates.leakage_bits=3"), dataset, path, repository)
    with pytest.raises(GateError, match="epsilon not measured, at most 8"):
        check(command(tmp_path, "gates.epsilon=8"), dataset, path, repository)


def rows(model: str, of_floor: list[float]) -> list[Result]:
    shape = dict.fromkeys(Result.__dataclass_fields__, NOTHING) | {"targets": 1, "knows_encoder": 0, "attack": "some"}
    seen = Seen(policy="label", utility=PolicyUtility(NOTHING, NOTHING, NOTHING, NOTHING))
    return [
        Result(**shape | {"model": model, "policy": seen.policy, "answers": count + 1, "of_floor": value})  # type: ignore[arg-type]
        for count, value in enumerate(of_floor)
    ]


def test_the_attackers_error_is_that_of_a_study_of_these_weights(
    repository: ModelRepository, dataset: Dataset, tmp_path: Path
) -> None:
    asked, path = command(tmp_path, "gates.attack_error=0.9"), graph(weights(dataset.train), tmp_path / "new.onnx")
    folder = Chosen.of(asked).reconstruction
    with pytest.raises(GateError, match="attack_error not measured"):
        check(asked, dataset, path, repository)
    write_results(folder, [*rows("mine", [0.97, 0.93]), *rows("another's", [0.2])])
    write_study(folder, "mine", SHA)
    check(asked, dataset, path, repository)
    with pytest.raises(GateError, match=r"attack_error 0\.93, at least 0\.95"):
        check(command(tmp_path, "gates.attack_error=0.95"), dataset, path, repository)
    with pytest.raises(GateError, match="not measured"):
        check(command(tmp_path, "gates.attack_error=0.9", "policy=top1"), dataset, path, repository)
    write_study(folder, "mine", "1" * 64)
    with pytest.raises(GateError, match="not measured"):
        check(asked, dataset, path, repository)
    (folder / "study.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"study\.json"):
        attack_error(folder, SHA, asked.policy)


def test_a_model_of_the_zoo_is_held_to_the_bounds_of_its_training(tmp_path: Path) -> None:
    assert bounds(gates_of(command(tmp_path))) == {}, "of train.py's models none is on unless it is given"
    assert bounds(gates_of(command(tmp_path, "gates.accuracy=0.9"))) == {"accuracy": 0.9}
    asked = command(tmp_path, "model=cnn")
    with pytest.raises(ArtifactError, match="Train it again"):
        gates_of(asked)
    run = Chosen.of(asked).run
    assert run
    settings = command(tmp_path, "gates=default", "gates.epsilon=2").gates
    write_json(run.gates, to_json(settings, []))
    assert bounds(gates_of(asked)) == bounds(settings)
    assert gates_of(command(tmp_path, "model=cnn", "gates.epsilon=1")).epsilon == 1
    assert bounds(gates_of(command(tmp_path, "model=cnn", "gates=off"))) == {}
