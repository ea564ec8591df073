"""The attacks on a single answer that a service shows: they are the study's, without TensorFlow."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from processes import python
from served import graph_of

from mnist_etc import pretrained
from mnist_etc.attack.adversary import Adversary
from mnist_etc.attack.config import AttackConfig
from mnist_etc.attack.examples import Examples
from mnist_etc.attack.live import FILE, LABEL, LiveAttack, describe, output_names
from mnist_etc.attack.mean_by_answer import mean_by_answer
from mnist_etc.attack.prepare import Prepared, prepare
from mnist_etc.attack.registry import ATTACKS
from mnist_etc.attack.sides import leading
from mnist_etc.backend import load_tensorflow
from mnist_etc.composition import compose
from mnist_etc.data import Dataset, load
from mnist_etc.errors import ArtifactError, DataError
from mnist_etc.export.config import ExportCommand
from mnist_etc.files import sha256
from mnist_etc.policy.graph import answers
from mnist_etc.policy.output_policy import fit_policy
from mnist_etc.policy.specification import parse_policy
from mnist_etc.predictor import Predictor

WORDS = ["data=digits", "attack.epochs=1", "attack.units=16", "attack.blocks=1", "attack.networks=2"]
WORDS += ["attack.batch_size=64", "attack.components=2"]
POLICIES = ["logits", "rounded:1", "top_k:3", "levels:2", "noisy:8"]
SHA = "0" * 64
HALF = 5e-3
"""What half precision may move a pixel by."""


def predictor() -> Predictor:
    return Predictor(pretrained.FOLDER / pretrained.NETWORK, 1)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    whole = load(compose("export", ExportCommand, WORDS).data)
    return replace(whole, train=leading(whole.train, 700))


@pytest.fixture(scope="module")
def config() -> AttackConfig:
    return compose("export", ExportCommand, WORDS).attack


@pytest.fixture(scope="module")
def prepared(dataset: Dataset, config: AttackConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file, of the packaged network behind ``levels:2`` and its input of bytes."""
    work = Prepared(
        model=onnx.load_from_string(graph_of("levels:2")[0]),
        model_sha256=SHA,
        logits=predictor().logits,
        own=dataset.train,
        judged=dataset.validation,
        targets=dataset.validation,
    )
    path = tmp_path_factory.mktemp("live") / FILE
    path.write_bytes(prepare(work, POLICIES, config, 0))
    return path


def adversary(dataset: Dataset, config: AttackConfig, policy: str) -> Adversary:
    judge = predictor().logits
    own, targets = (
        Examples.photographed(judge, one.images, one.labels, count=1, seed=0) for one in (dataset.train, dataset.test)
    )
    logits = judge(dataset.validation.images)
    fitted = fit_policy(parse_policy(policy), logits, dataset.validation.labels)
    return Adversary.seeing(1, targets, own=own, policy=fitted, config=config, seed=0)


@pytest.mark.parametrize("policy", ["top_k:3", "rounded:1"])
def test_every_attack_rebuilds_what_the_study_rebuilds(dataset: Dataset, config: AttackConfig, policy: str) -> None:
    load_tensorflow()
    from mnist_etc.attack.live_graph import Attacked, attack_alone
    from mnist_etc.attack.live_parts import PARTS

    one = adversary(dataset, config, policy)
    fitted = {name: part for name, kind in PARTS.items() if (part := kind.fit(one)) is not None}
    assert {"linear_regression", "inverse_network"} <= fitted.keys()
    row = Attacked(policy=one.policy, parts=fitted)
    session = onnxruntime.InferenceSession(attack_alone([row], dataset.side).SerializeToString())
    logits = predictor().logits(dataset.test.images)
    for name in fitted:
        (found,) = session.run([output_names(policy, name)[1]], {"logits": logits})
        if name == LABEL:
            classes = [side.argmax(axis=1)[:, None].astype(np.float32) for side in (one.answers, one.target_answers)]
            wanted = mean_by_answer(classes[0], one.own.images, classes[1])
        else:
            wanted = ATTACKS[name].load()(one).images
        assert np.abs(found - wanted).max() < HALF, name
        assert wanted.std(axis=0).max() > 0.01, "not the same image whatever is answered"


def test_the_file_answers_as_the_policies_do_and_its_errors_are_of_the_image(prepared: Path, dataset: Dataset) -> None:
    live = LiveAttack(prepared, SHA)
    images = dataset.test.images[:20]
    logits = predictor().logits(images)
    fitted_on = predictor().logits(dataset.validation.images)
    for row, image in enumerate(images):
        found = {one.policy: one for one in live.rebuild(image)}
        assert list(found) == ["label", "logits", "rounded:1", "top_k:3", "levels:2"]
        for text, one in found.items():
            policy = fit_policy(parse_policy(text), fitted_on, dataset.validation.labels)
            assert one.leakage_bits == policy.leakage_bits()
            np.testing.assert_allclose(one.answer, answers(policy, logits[[row]])[0], atol=1e-3)
            assert one.error == pytest.approx(np.mean((one.image - image / 255.0) ** 2), rel=1e-4)
            assert one.baseline == found["label"].error


def test_the_file_states_the_strongest_attack_and_its_error(prepared: Path, dataset: Dataset) -> None:
    live = LiveAttack(prepared, SHA)
    stated = {row["policy"]: row for row in live.about["policies"]}
    assert live.about["attacker_images"] == len(dataset.train)
    assert stated["label"]["attack"] == "mean_by_answer"
    assert stated["label"]["of_label"] == pytest.approx(1, abs=1e-3)
    assert stated["logits"]["of_label"] < 0.95, "logits tell of the image"
    errors = {name: [] for name in stated}
    for image in dataset.validation.images[:150]:
        for one in live.rebuild(image):
            errors[one.policy].append(one.error)
    for name, found in errors.items():
        spread = 4 * np.std(found) / np.sqrt(len(found))
        assert np.mean(found) == pytest.approx(stated[name]["mse"], abs=spread), name


def test_what_reads_the_image_is_left_out_and_said(
    dataset: Dataset, config: AttackConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    from mnist_etc.attack.prepare import _fitted

    work = Prepared(
        model=onnx.ModelProto(),
        model_sha256=SHA,
        logits=predictor().logits,
        own=dataset.train,
        judged=dataset.validation,
        targets=dataset.validation,
    )
    assert [one.config.name for one in _fitted(["noisy:8", "top_k:10", "label"], work)] == ["label"]
    said = capsys.readouterr().err
    assert "noisy:8 is left out." in said
    assert "top_k:10 is left out." in said
    assert config.networks == 2


def test_another_file_is_refused(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=f"sha256 {'1' * 64}; received one of {SHA}"):
        LiveAttack(prepared, "1" * 64)
    broken = tmp_path / FILE
    broken.write_bytes(prepared.read_bytes()[:-1000])
    with pytest.raises(ArtifactError, match="Prepare it again"):
        LiveAttack(broken, SHA)
    with pytest.raises(ArtifactError, match="to state its attacks"):
        LiveAttack(pretrained.FOLDER / pretrained.NETWORK, SHA)
    model = onnx.load(prepared)
    (entry,) = model.metadata_props
    entry.value = json.dumps(json.loads(entry.value) | {"policies": []})
    onnx.save(model, broken)
    with pytest.raises(ArtifactError, match="outputs of 0 attacks"):
        LiveAttack(broken, SHA)
    with pytest.raises(DataError, match="image of 28 x 28"):
        LiveAttack(prepared, SHA).rebuild(np.zeros((8, 8), np.uint8))


def test_a_target_among_the_attackers_images_is_refused(dataset: Dataset, config: AttackConfig) -> None:
    work = Prepared(
        model=onnx.ModelProto(),
        model_sha256=SHA,
        logits=predictor().logits,
        own=dataset.train,
        judged=dataset.validation,
        targets=dataset.train,
    )
    with pytest.raises(DataError, match="are among the attacker's"):
        prepare(work, POLICIES, config, 0)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ([0, 1, 0, 0], "b"),
        ([0.02, 0.94, 0.02, 0.02], "b 0.94"),
        ([0.9, 0.1, 0, 0], "a 0.9, b 0.1"),
        ([0.7, 0.1, 0.15, 0.05], "a 0.7, c 0.15, b 0.1 and 1 more"),
        ([-1.5, 8.25, 3, 2], "b 8.25, c 3, d 2 and 1 more"),
    ],
)
def test_an_answer_in_a_few_words(answer: list[float], text: str) -> None:
    assert describe(np.array(answer, np.float32), [*"abcd"]) == text


def test_the_attacks_run_without_tensorflow(tmp_path: Path) -> None:
    script = "import sys, mnist_etc.service.rebuild; from mnist_etc.attack.live import LiveAttack; print(*sys.modules)"
    done = python("-c", script, cwd=tmp_path, fresh=True)
    assert done.returncode == 0, done.stderr
    assert not {"tensorflow", "keras", "onnx"} & set(done.stdout.split())


@pytest.fixture(scope="module")
def shipped() -> LiveAttack:
    return LiveAttack(pretrained.FOLDER / FILE, sha256(pretrained.FOLDER / pretrained.SERVED))


def test_the_packaged_attacks_are_of_the_packaged_network(shipped: LiveAttack) -> None:
    assert (pretrained.FOLDER / FILE).stat().st_size < 3_300_000
    assert shipped.about["attacker_images"] == 55_000
    stated: dict[str, Any] = {row["policy"]: row["of_label"] for row in shipped.about["policies"]}
    assert stated["logits"] < stated["probabilities"] < stated["top_k:3"] < stated["levels:2"] < 1


@pytest.mark.mnist
def test_the_packaged_attacks_err_on_test_images_as_they_state(shipped: LiveAttack) -> None:
    dataset = load(compose("export", ExportCommand, []).data)
    errors: dict[str, list[float]] = {row["policy"]: [] for row in shipped.about["policies"]}
    for image in dataset.test.images[:1000]:
        for one in shipped.rebuild(image):
            errors[one.policy].append(one.error)
    for row in shipped.about["policies"]:
        found = errors[row["policy"]]
        spread = 4 * np.std(found) * np.sqrt(2 / len(found))
        assert np.mean(found) == pytest.approx(row["mse"], abs=spread), row
