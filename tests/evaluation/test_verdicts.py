"""What the gates say, as a table and as JSON, and what they rest on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from released import DEFAULT, OFF, Table, evidence

from mnist_etc.artifacts.gates import GatesConfig, JudgedBy
from mnist_etc.data import Split
from mnist_etc.errors import ArtifactError, GateError
from mnist_etc.evaluation.gates import latency
from mnist_etc.evaluation.gates.paired import Paired
from mnist_etc.evaluation.gates.registry import GATES, Figure, Gate
from mnist_etc.evaluation.gates.verdicts import as_trained, bounds, judge, refuse_failed, table, to_json
from mnist_etc.files import write_json


def test_the_bounds_are_those_that_a_release_is_held_to() -> None:
    assert bounds(DEFAULT) == {
        "accuracy": 0.97,
        "class_accuracy": 0.9,
        "size_mb": 10,
        "latency_ms": 50,
        "calibration_error": 0.05,
        "corrupted_accuracy": 0.6,
        "accuracy_loss": 0.001,
    }
    assert DEFAULT.judged_by is JudgedBy.point
    assert bounds(OFF) == {}


def test_what_no_gate_asks_for_is_not_measured(tmp_path: Path) -> None:
    def refuse(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise AssertionError("asked")

    assert judge(OFF, evidence(tmp_path, refuse)) == []
    assert [one.passed for one in judge(replace(OFF, size_mb=1.0), evidence(tmp_path, refuse))] == [True]


@pytest.mark.parametrize("gate", ["accuracy_loss", "epsilon", "leakage_bits", "attack_error"])
def test_without_evidence_a_gate_fails_unless_there_is_nothing_to_lose(gate: str, tmp_path: Path) -> None:
    (verdict,) = judge(replace(OFF, **{gate: 0.5}), evidence(tmp_path, Table(0)))
    assert verdict.figure is None
    assert verdict.passed == (gate == "accuracy_loss")
    assert "not measured" in table([verdict])


def test_answers_that_are_no_numbers_pass_no_gate_of_them(tmp_path: Path) -> None:
    model = Table(0)
    model.answers[:] = np.nan
    names = ("accuracy", "class_accuracy", "calibration_error")
    config = replace(OFF, **{name: getattr(DEFAULT, name) for name in names})
    verdicts = judge(config, evidence(tmp_path, model))
    assert [one.passed for one in verdicts] == [False, False, False]
    json.dumps(to_json(config, verdicts), allow_nan=False)


@pytest.mark.parametrize(("classes", "side"), [(2, 8), (47, 16)])
def test_any_number_of_classes_and_side(classes: int, side: int, tmp_path: Path) -> None:
    names = tuple(f"kind {number}" for number in range(classes))
    draws = np.random.default_rng(0)
    test = Split(draws.integers(0, 256, (300, side, side), np.uint8), draws.integers(0, classes, 300), names=names)
    config = replace(DEFAULT, corrupted_images=20)
    first = np.eye(classes, dtype=np.float32)[0]
    verdicts = judge(config, evidence(tmp_path, lambda images: np.tile(first, (len(images), 1)), test=test))
    assert [one.gate for one in verdicts] == [*bounds(DEFAULT)]
    worst = next(one for one in verdicts if one.gate == "class_accuracy")
    assert (worst.figure, worst.passed) == (0, False)
    assert "class kind 1, 0.0000 of" in worst.words


def test_corrupted_images_are_of_all_classes_where_the_test_images_stand_class_by_class(tmp_path: Path) -> None:
    test = Split(np.zeros((400, 8, 8), np.uint8), np.repeat(np.arange(10), 40))
    first = np.eye(10, dtype=np.float32)[0]
    model = evidence(tmp_path, lambda images: np.tile(first, (len(images), 1)), test=test)
    (verdict,) = judge(replace(OFF, corrupted_accuracy=0.6, corrupted_images=40), model)
    assert (verdict.figure, verdict.passed) == (pytest.approx(0.1), False)
    assert "of 40 images" in verdict.words


def test_a_gate_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GATES, "_rows", dict(GATES._rows))
    sure = Gate(
        help="images answered with 0.95 or more",
        measure=lambda known, config: Figure(float((known.answers.max(axis=1) >= 0.95).mean()), "of all"),
        at_most=False,
        bound=0.9,
    )
    GATES.add("coverage", sure)
    assert [one.passed for one in judge(OFF, evidence(tmp_path, Table(0)))] == [True]
    (failed,) = judge(OFF, evidence(tmp_path, Table(0, 0.94)))
    assert (failed.gate, failed.figure, failed.bound, failed.passed) == ("coverage", 0, 0.9, False)


def test_the_table_and_the_message_name_figure_and_bound(tmp_path: Path) -> None:
    config = replace(OFF, accuracy=0.97, size_mb=10.0)
    verdicts = judge(config, evidence(tmp_path, Table(0, 0.5), size=20_000_000))
    head, first, second = table(verdicts).splitlines()
    assert head.split() == ["gate", "figure", "bound"]
    assert first.split()[:5] == ["accuracy", f"{verdicts[0].figure:.4g}", "at", "least", "0.97"]
    assert "FAIL" in first
    assert second.split()[:6] == ["size_mb", "20", "at", "most", "10", "FAIL"]
    with pytest.raises(
        GateError, match=r"^Expected .*accuracy 0\.4\d+, at least 0\.97, size_mb 20, at most 10"
    ) as error:
        refuse_failed(verdicts)
    assert error.value.exit_code == 3
    refuse_failed(judge(config, evidence(tmp_path, Table(0))))


def test_the_json_holds_what_it_held(tmp_path: Path) -> None:
    """Programs read it: a field changes with the schema."""
    content = to_json(DEFAULT, judge(replace(OFF, epsilon=1.0), evidence(tmp_path, Table(0), epsilon=float("inf"))))
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content.keys() == {"schema", "passed", "configuration", "gates"}
    assert (content["schema"], content["passed"]) == ("mnist_etc/gates/1", False)
    assert content["configuration"].keys() == {*vars(OFF)} - {"as_trained"}
    assert content["configuration"]["judged_by"] == "point"
    (verdict,) = content["gates"]
    assert verdict.pop("words")
    assert verdict == {"gate": "epsilon", "figure": None, "bound": 1.0, "at_most": True, "passed": False}


def test_the_bounds_of_a_training_fill_in_those_not_given(tmp_path: Path) -> None:
    path = tmp_path / "gates.json"
    write_json(path, to_json(replace(DEFAULT, judged_by=JudgedBy.lower_end), []))
    asked = GatesConfig(**dict.fromkeys(vars(OFF)) | {"as_trained": True, "size_mb": 1.0})  # type: ignore[arg-type]
    filled = as_trained(asked, path)
    assert bounds(filled) == bounds(DEFAULT) | {"size_mb": 1.0}
    assert (filled.judged_by, filled.corrupted_images) == (JudgedBy.lower_end, 1000)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"accuracy": 0.97', '"accuracy": 97'),
        ('"accuracy": 0.97', '"accuracy": "much"'),
        ('"accuracy": 0.97', '"precision": 0.97'),
        ('"judged_by": "point"', '"judged_by": "eye"'),
        ("gates/1", "gates/2"),
        ("{", "["),
        ("configuration", "settings"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(old: str, new: str, tmp_path: Path) -> None:
    path = tmp_path / "gates.json"
    text = json.dumps(to_json(DEFAULT, []))
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ArtifactError, match=r"^Expected the bounds .*gates\.json; received: .*gates=off\.$"):
        as_trained(OFF, path)
    with pytest.raises(ArtifactError, match="No such file"):
        as_trained(OFF, tmp_path / "absent.json")


def test_a_paired_loss_is_certain_where_mcnemars_exact_test_says_so() -> None:
    from scipy.stats import binomtest

    for lost in range(0, 60, 3):
        for won in range(0, 40, 3):
            pair = Paired(images=1000, lost=lost, won=won)
            if lost + won:
                exact = binomtest(lost, lost + won, alternative="greater").pvalue
                assert pair.chance == pytest.approx(exact)
            assert (pair.certain_loss > 0) == (pair.chance < 0.01)
            assert pair.certain_loss <= pair.loss + 1e-12


def test_latency_is_the_ninety_ninth_of_a_hundred() -> None:
    times = latency.Latency(calls=(tuple(range(1, 101)), tuple(range(2, 102)), (500.0,) * 100))
    assert times.p99 == (99, 100, 500)
    assert times.median_p99 == 100
