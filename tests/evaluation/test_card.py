"""The model card: a head that the Hugging Face Hub reads, and words that are true to the figures."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from evaluation.drawn import AWKWARD, COMMAND, Judged, figures, manifest
from support import ROOT

from mnist_etc.evaluation.card import write_card
from mnist_etc.evaluation.facts import Facts

SCHEMA = json.loads((ROOT / "tests/evaluation/model_card.schema.json").read_text())
"""Of the head, after the Hub's specification (huggingface/hub-docs, modelcard.md)."""
GATES = (
    Judged("accuracy", 0.98, 0.97, passed=True),
    Judged("size_mb", 11.5, 10, passed=False, at_most=True, words="11,500,000 bytes <b>"),
)
INFO = {
    "input": [8, 8, 1],
    "weights": 1234,
    "multiply_adds": 5678,
    "bytes": {"full_model.h5": 90, "full_model.onnx": 80},
    "metadata": {"weights_sha256": "ef" * 32, "epsilon": "null"},
}


def facts(**changes: Any) -> Facts:
    told = Facts(
        model="cnn",
        manifest=manifest(),
        info=INFO,
        figures=figures(),
        verdicts=GATES,
        command=COMMAND,
        images={"training": 1000, "test": 400},
        pictures=["../plots/confusion.png"],
    )
    return replace(told, **changes)


def written(folder: Path, told: Facts) -> str:
    write_card(folder / "card.md", told)
    return (folder / "card.md").read_text("utf-8")


def head(card: str) -> dict[str, Any]:
    return dict(yaml.safe_load(card.split("\n---\n")[0].removeprefix("---\n")))


def section(card: str, title: str) -> str:
    return card.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_head_is_as_the_hub_specifies(tmp_path: Path) -> None:
    found = head(written(tmp_path, facts()))
    jsonschema.validate(found, SCHEMA)
    assert found["tags"] == ["candidate", "cnn", "image-classification", "keras", "mnist-etc", "onnx"]
    (entry,) = found["model-index"]
    (result,) = entry["results"]
    told = figures()
    assert [(one["type"], one["value"]) for one in result["metrics"]] == [
        ("accuracy", round(told.accuracy.value, 6)),
        ("expected_calibration_error", round(told.reliability.error, 6)),
    ]
    for key in ("license", "model-index"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in found.items() if name != key}, SCHEMA)


def test_the_hubs_own_classes_read_it_back(tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    card = written(tmp_path, facts())
    read = ModelCard(card)
    assert str(read) == card
    accuracy, calibration = read.data.eval_results
    assert (accuracy.metric_type, accuracy.dataset_split) == ("accuracy", "test")
    assert calibration.metric_value == round(figures().reliability.error, 6)
    assert read.data.model_name == "cnn on digits"


@pytest.mark.parametrize(("kind", "hub"), [("idx", ["ylecun/mnist"]), ("folder", None)])
def test_only_the_published_data_are_called_as_on_the_hub(tmp_path: Path, kind: str, hub: list[str] | None) -> None:
    content = manifest()
    content["configuration"]["data"] = {"name": "mnist", "kind": kind}
    assert head(written(tmp_path, facts(manifest=content))).get("datasets") == hub


def test_the_same_facts_give_the_same_bytes_without_a_date_or_a_place(tmp_path: Path) -> None:
    cards = [written(tmp_path / folder, facts()) for folder in ("one", "another")]
    assert cards[0] == cards[1]
    assert str(tmp_path) not in cards[0]
    assert not re.search(r"\b20[0-9]{2}-[0-9]{2}-[0-9]{2}\b", cards[0])


def test_every_class_has_its_row_whatever_its_name(tmp_path: Path) -> None:
    rows = section(written(tmp_path, facts()), "Classes").strip().splitlines()
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]
    assert {len(row) for row in cells} == {6}
    names = [re.sub(r"\\(.)", r"\1", row[1].strip()) for row in cells[2:]]
    assert names == list(AWKWARD)
    images = [int(row[2].strip().replace(",", "")) for row in cells[2:]]
    assert images == figures().matrix.images.tolist()
    assert [cell.strip() for cell in cells[-1][3:]] == ["", "", cells[-1][5].strip()], "nothing is said of no image"


def test_figures_have_their_intervals(tmp_path: Path) -> None:
    text, told = section(written(tmp_path, facts()), "Figures"), figures()
    accuracy = told.accuracy
    assert f"| accuracy | {accuracy.value:.2%} | {accuracy.low:.2%} to {accuracy.high:.2%} |" in text
    assert f"| latency of one image, p99 | {told.percentiles['p99']:.3g} ms |" in text
    assert "![confusion](../plots/confusion.png)" in text
    without = replace(told, latency=())
    assert "latency" not in section(written(tmp_path, facts(figures=without)), "Figures")


def test_a_candidate_says_what_it_failed_and_why(tmp_path: Path) -> None:
    card = written(tmp_path, facts())
    begin = card.partition("\n# ")[2].partition("\n## ")[0]
    assert "**A candidate, not a release.**" in begin
    assert "- size\\_mb: 11.5, at most 10; 11,500,000 bytes \\<b\\>" in begin
    rows = section(card, "Release gates")
    assert "| accuracy | 0.98 | at least 0.97 | pass |" in rows
    assert "| size\\_mb | 11.5 | at most 10 | **fail** |" in rows
    released = written(tmp_path, facts(verdicts=GATES[:1]))
    assert "andidate" not in released
    assert "It passed all 1 release gates." in released
    assert "No release gate was judged." in written(tmp_path, facts(verdicts=()))


def test_privacy_is_told_in_the_words_of_the_guarantee(tmp_path: Path) -> None:
    private = manifest(words="epsilon 2.99 at delta 1e-05", epsilon=2.99, lifetime={"words": "epsilon 6 in all"})
    card = written(tmp_path, facts(manifest=private))
    assert "epsilon 2.99 at delta 1e-05" in section(card, "Privacy")
    assert "epsilon 6 in all" in section(card, "Privacy")
    assert "HMAC" in section(card, "Training")
    assert "differential-privacy" in head(card)["tags"]
    assert "none: trained without DP-SGD" in section(written(tmp_path, facts()), "Privacy")


@pytest.mark.parametrize(
    ("command", "uses"),
    [
        (
            COMMAND,
            ["python infer.py model=cnn data=digits model.epochs=6", "python -m mnist_etc.export model=cnn"],
        ),
        ("python -m train_.supervised", ["python infer.py model=cnn\n", "python -m mnist_etc.export model=cnn\n"]),
        ("mnist-etc-supervised model=cnn", ["mnist-etc-infer model=cnn\n", "mnist-etc-export model=cnn\n"]),
        ("python /a=b/my.py supervised 'data.root=a b'", ["python /a=b/my.py infer model=cnn 'data.root=a b'\n"]),
    ],
)
def test_it_says_how_to_use_the_model_and_to_make_it_again(tmp_path: Path, command: str, uses: list[str]) -> None:
    card = written(tmp_path, facts(command=command))
    for use in uses:
        assert use in section(card, "How to use it")
    assert f"```sh\n{command}\n```" in section(card, "How to make it again")


def test_the_python_in_it_runs(tmp_path: Path) -> None:
    from samples import linear_model

    told = figures()
    (tmp_path / "full_model.onnx").write_bytes(linear_model(told.images, told.labels, told.names))
    (code,) = re.findall(r"```python\n(.*?)\n```", written(tmp_path, facts()), re.DOTALL)
    exec(code.replace("full_model.onnx", str(tmp_path / "full_model.onnx")), {"print": lambda said: None})
