"""Drift: what is counted of answers, what is written, what is alarmed, and what none of it tells."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from scipy.stats import chi2_contingency
from served import HOME, digit, encoded, publish, service_config
from support import Run, refused

from mnist_etc import pretrained
from mnist_etc.composition import compose
from mnist_etc.data import load
from mnist_etc.errors import ArtifactError
from mnist_etc.evaluation.corruptions import corrupted
from mnist_etc.evaluation.drift import REFERENCE, Reference, compare
from mnist_etc.export.config import ExportCommand
from mnist_etc.predictor import Predictor
from mnist_etc.service.app import create_app
from mnist_etc.service.drift import DriftCounts
from mnist_etc.service.hours import Hours, Tally
from mnist_etc.service.sources import load_pretrained

NAMES = tuple("0123456789")
ANSWERS = np.random.default_rng(0).normal(0, 4, (5000, 10)).astype(np.float32)
"""Logits."""


def told(answers: Any, policy: str = "levels:2", reference: Reference | None = None, **rest: Any) -> Any:
    """What the engine shows an observer."""
    model = SimpleNamespace(name="model", version=1, policy=policy, reference=reference)
    images = np.full((len(answers), 28, 28), 9, np.uint8)
    return SimpleNamespace(**{"model": model, "images": images, "outputs": answers, "label_only": None} | rest)


def metrics(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_the_chi_squared_test_is_scipys_and_the_index_is_its_formula() -> None:
    draws = np.random.default_rng(1)
    for _ in range(20):
        now, before = draws.integers(20, 200, 8), draws.integers(200, 900, 8)
        found = compare(now, before)
        assert found.p == pytest.approx(chi2_contingency([now, before], correction=False).pvalue, rel=1e-6)
        mine, theirs = now / now.sum(), before / before.sum()
        assert found.psi == pytest.approx(float(((mine - theirs) * np.log(mine / theirs)).sum()), abs=0.01)


def test_few_answers_and_rare_bins_alarm_nobody() -> None:
    before = np.array([4000, 990, 5, 3, 2])
    assert compare(np.array([0, 0, 0, 0, 99]), before).verdict == "too few answers"
    assert compare(np.array([80, 19, 1, 0, 0]), before).verdict == "as before"
    assert compare(np.array([80, 19, 0, 0, 40]), before).verdict == "drift"
    assert compare(np.array([500]), np.array([500])).verdict == "as before"


@pytest.mark.parametrize("logits", [False, True])
def test_a_reference_survives_json_and_counts_each_answer_once(logits: bool) -> None:
    reference = Reference.measure(ANSWERS, NAMES, logits=logits)
    again = Reference.read(json.loads(json.dumps(reference.plain())), NAMES)
    counts = again.count(ANSWERS)
    assert counts.bins.keys() == ({"class", "confidence", "distance"} if logits else {"class", "confidence"})
    for of, bins in counts.bins.items():
        assert bins.tolist() == reference.counts.bins[of].tolist()
        assert bins.sum() == 5000
        assert len(again.words(of)) == len(bins)
    assert bins.min() > 0, "no bin that nothing can fall into"
    with pytest.raises(ArtifactError, match="Publish again"):
        Reference.read(reference.plain(), NAMES[:9])


def test_answers_of_few_values_are_counted_as_finely_as_they_are_told_and_no_finer() -> None:
    levels = np.where(
        np.arange(5000)[:, None] % 10 == np.arange(10), np.where(np.arange(5000) % 5 == 0, 0.9, 0.99)[:, None], 0
    )
    label = (levels > 0).astype(np.float32)
    assert len(Reference.measure(levels.astype(np.float32), NAMES, logits=False).counts.bins["confidence"]) == 2
    assert len(Reference.measure(label, NAMES, logits=False).counts.bins["confidence"]) == 1


def test_what_is_not_told_is_not_counted(tmp_path: Path) -> None:
    reference, drift = Reference.measure(ANSWERS, NAMES, logits=False), DriftCounts(tmp_path / "counts.json")
    images = np.full((4, 28, 28), 9, np.uint8)
    images[0] = 0
    drift(told(ANSWERS[:4], reference=reference, images=images, label_only=np.array([False, True, False, False])))
    drift(told(ANSWERS[:4], reference=None))
    drift.write(now=True)
    (tally,) = Hours.read(tmp_path / "counts.json").values()
    assert tally.sum().images == 2
    assert set(json.loads((tmp_path / "counts.json").read_text())) == {"schema", "models"}


def test_hours_are_kept_apart_written_once_a_minute_and_added_up_by_several(tmp_path: Path) -> None:
    path, now = tmp_path / "counts.json", [3600.0 * 1000]
    reference = Reference.measure(ANSWERS, NAMES, logits=False)
    drift = DriftCounts(path, clock=lambda: now[0])
    drift(told(ANSWERS[:10], reference=reference))
    drift.write()
    assert not path.exists(), "not yet a minute"
    now[0] += 3600
    drift(told(ANSWERS[:5], reference=reference))
    drift.write()
    other = DriftCounts(path, clock=lambda: now[0])

    def ask() -> None:
        for _ in range(10):
            other(told(ANSWERS[:1], reference=reference))
            other.write(now=True)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (tally,) = Hours.read(path).values()
    assert {hour: counts.images for hour, counts in tally.hours.items()} == {1000: 10, 1001: 45}
    assert path.stat().st_mode & 0o077 == 0


def test_answers_of_another_width_are_no_answers_of_the_version() -> None:
    """Triton's model may be exchanged between two looks at it."""
    drift = DriftCounts(None)
    reference = Reference.measure(ANSWERS, NAMES, logits=False)
    drift(told(ANSWERS[:3], reference=reference))
    drift(told(np.eye(26, dtype=np.float32)[:2], reference=reference))
    counted = {
        one.labels["bin"]: one.value for one in next(iter(drift.collect())).samples if one.labels["of"] == "class"
    }
    assert sum(counted.values()) == 3


def test_answers_wait_for_their_count_no_longer_than_until_the_next_look() -> None:
    drift = DriftCounts(None)
    reference = Reference.measure(ANSWERS, NAMES, logits=False)
    answers = ANSWERS[:3].copy()
    drift(told(answers, reference=reference))
    drift.write()
    seen = [one for one in vars(drift).values() if isinstance(one, list) and one]
    assert not seen


def test_a_file_that_cannot_be_written_costs_no_answer_and_no_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "counts.json"
    path.write_text("[]")
    drift = DriftCounts(path)
    for _ in range(2):
        drift(told(ANSWERS[:3], reference=Reference.measure(ANSWERS, NAMES, logits=False)))
        drift.write(now=True)
    assert capsys.readouterr().err.count("not counted: Expected the counts") == 1
    path.unlink()
    drift.write(now=True)
    (tally,) = Hours.read(path).values()
    assert tally.sum().images == 6


@pytest.mark.parametrize(("policy", "bins"), [("levels:3", 3), ("label", 1), ("logits", 10)])
def test_metrics_tell_what_the_policy_tells(tmp_path: Path, policy: str, bins: int) -> None:
    publish(tmp_path, policy)
    folder = tmp_path / "models/onnx-mnist_etc/1"
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest[REFERENCE] = _reference_of(folder / "model.onnx", logits=policy == "logits").plain()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    config = service_config(tmp_path)
    with TestClient(create_app(config), base_url=HOME) as client:
        for number in (7, 7, 1):
            answer = client.post("/v1/classify", content=encoded(digit(number))).json()["answers"][0]
            assert answer["class"] == str(number)
        found = metrics(client)
    told_by = {key: value for key, value in found.items() if key.startswith("mnist_etc_answers_total")}
    assert told_by['mnist_etc_answers_total{bin="7",of="class",version="onnx-mnist_etc/1"}'] == 2
    assert sum('of="confidence"' in key for key in told_by) <= bins
    assert any('of="distance"' in key for key in told_by) == (policy == "logits")
    assert found['mnist_etc_drift{of="class",version="onnx-mnist_etc/1"}'] == 0, "too few answers"
    (tally,) = Hours.read(tmp_path / "counts.json").values()
    assert tally.sum().images == 3


def _reference_of(path: Path, *, logits: bool) -> Reference:
    """From the answers of a published graph about figures that are turned, moved and noisy."""
    import onnxruntime

    draws, figures = np.random.default_rng(0), [digit(0), digit(1), digit(7)]
    images = np.stack([np.roll(figures[n % 3], draws.integers(-3, 4, 2), (0, 1)) for n in range(200)])
    images = np.clip(images + draws.normal(0, 60, images.shape), 0, 255).astype(np.uint8)
    answers = onnxruntime.InferenceSession(path).run(["output"], {"input": images[..., None]})[0]
    return Reference.measure(answers, NAMES, logits=logits)


def _write(path: Path, answers: Any, reference: Reference, hours: int = 3) -> None:
    tally = Tally.of("levels:2", reference)
    for hour, part in enumerate(np.array_split(answers, hours)):
        tally.add(490_000 + hour, reference.count(part))
    Hours.add(path, {"onnx-mnist_etc/1": tally})


def test_the_command_prints_tables_draws_a_plot_and_ends_with_3_where_something_drifted(
    run: Run, tmp_path: Path
) -> None:
    reference = Reference.measure(ANSWERS, NAMES, logits=True)
    path = tmp_path / "service_counts.json"
    refused(run("-m", "mnist_etc", "drift"), "service_counts.json", "no such file")
    _write(path, np.random.default_rng(5).normal(0, 4, (900, 10)).astype(np.float32), reference)
    done = run("-m", "mnist_etc", "drift")
    assert (done.returncode, done.stderr) == (0, "")
    assert "| class | 900 | " in done.stdout
    assert "3 hours from 2025-11-24" in done.stdout
    assert "| drift |" not in done.stdout
    with Image.open(tmp_path / "drift.png") as picture:
        assert min(picture.size) > 300
    path.unlink()
    planted = ANSWERS[:900].copy()
    planted[:, 3] += 4
    _write(path, planted, reference)
    done = run("-m", "mnist_etc", "drift", "plot=null")
    assert done.returncode == 3
    assert done.stdout.count("| drift |") >= 1
    assert "| 3 | " in done.stdout
    refused(run("-m", "mnist_etc", "drift", "version=other/1"), "onnx-mnist_etc/1", "'other/1'", code=2)
    refused(run("-m", "mnist_etc", "drift", "plot=drift.txt"), "Expected plot", "drift.txt", code=2)
    lost = run("-m", "mnist_etc", "drift", "plot=service_counts.json/drift.png")
    assert lost.stderr.startswith("error: Cannot write"), lost.stderr
    assert "plot=<" in lost.stderr
    path.write_text("{}")
    refused(run("-m", "mnist_etc", "drift"), "service_counts.json")


@pytest.mark.mnist
def test_what_is_planted_is_found_and_the_test_images_are_as_before() -> None:
    dataset = load(compose("export", ExportCommand, []).data)
    test, draws = dataset.test, np.random.default_rng(0)
    model = load_pretrained()
    assert model.reference is not None
    judge = Predictor(pretrained.FOLDER / pretrained.NETWORK, 1).logits
    logits = Reference.measure(judge(dataset.validation.images), test.names, logits=True)
    worse = np.concatenate([*corrupted("shot_noise", test.images[:1000]), *corrupted("glass_blur", test.images[:1000])])
    few = test.images[np.isin(test.labels, [1, 7])][:1000]
    sides = ((model.reference, model.run), (logits, judge))
    for reference, answer in sides:
        whole = answer(test.images)
        for _ in range(20):
            counts = reference.count(whole[draws.permutation(len(whole))[:1000]])
            for of, bins in counts.bins.items():
                assert not compare(bins, reference.counts.bins[of]).drifted, of
        spread = reference.count(answer(worse)).bins
        wrong = reference.count(answer(few)).bins
        assert compare(wrong["class"], reference.counts.bins["class"]).drifted
        for of in set(spread) - {"class"}:
            assert compare(spread[of], reference.counts.bins[of]).drifted, of
