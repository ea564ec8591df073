"""``python noprotect_reconstruction.py``, as typed, on a model of toy size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from support import ROOT, TINY_MODEL, Run, refused

from mnist_etc.attack import policy_search
from mnist_etc.attack.config import ReconstructCommand
from mnist_etc.attack.examples import Examples
from mnist_etc.attack.policy_search import best_policy
from mnist_etc.attack.results import read_results, strongest
from mnist_etc.attack.sides import attackers_images, refuse_common, sides
from mnist_etc.attack.yardstick import require_trained
from mnist_etc.composition import compose
from mnist_etc.data import digits, load
from mnist_etc.errors import ArtifactError, ConfigError, DataError
from mnist_etc.export.config import ExportCommand

QUICK = [
    "attack.epochs=1",
    "attack.units=16",
    "attack.blocks=1",
    "attack.networks=1",
    "attack.components=2",
    "attack.answers=[1]",
    "targets=100",
]
LEARNS = ["attack.epochs=60", "attack.units=64", "attack.blocks=2", "attack.batch_size=64", "attack.components=2"]
"""Enough for a network to reach the closed form on so few images."""
FEW = "policies=[logits,rounded:1,levels:3,noisy:8]"
STUDY = "full_model_h32_ee1_ce1_reconstruction"


def test_the_whole_study_writes_tables_and_pictures(run: Run, trained: Path) -> None:
    words = [*TINY_MODEL, *QUICK, "targets=50", "attack.answers=[1,3]", FEW]
    done = run("noprotect_reconstruction.py", *words, cwd=trained)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    folder = Path(done.stdout.splitlines()[-1])
    assert folder == Path("artifacts/digits") / STUDY
    folder = trained / folder
    assert sorted(path.name for path in folder.iterdir()) == [
        "attacks.csv",
        "attacks.md",
        "confidence.csv",
        "frontier.png",
        "sheet.png",
        "study.json",
    ]
    rows = read_results(folder)
    policies = ["label", "logits", "rounded:1", "levels:3"]
    assert list(dict.fromkeys(row.policy for row in rows)) == ["", *policies, "noisy:8"]
    by_attack = {(row.policy, row.attack, row.knows_encoder): row for row in rows if row.answers == 1}
    assert by_attack["label", "mean by answer", 0].of_floor == 1
    assert by_attack["logits", "hill climbing", 1].queries == 320
    assert ("logits", "cross-entropy method", 1) in by_attack
    assert ("logits", "closed-form posterior", 1) in by_attack
    closed_form = by_attack["logits", "closed-form posterior", 1].mse
    assert by_attack["logits", "hill climbing", 1].mse == pytest.approx(closed_form, rel=0.02)
    assert all(row.targets == 50 and row.model == "digits h32_ee1_ce1, not private" for row in rows)
    for name in ("frontier.png", "sheet.png"):
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 300
    tables = (folder / "attacks.md").read_text()
    assert "| levels:3 | 1 | 4.9 |  |" in tables
    assert "| levels:3 | 3 | 14.7 |  |" in tables, "bits add up"
    assert "| noisy:8 | 3 | " in tables
    assert "| 24 |" in tables, "epsilons add up"
    assert {row.attack for row in rows if row.answers == 3} <= {
        "mean by answer",
        "linear regression by class",
        "mixture regression",
        "inverse network",
        "label alone",
    }
    assert max(row.of_floor for row in strongest(rows) if not row.policy.startswith("noisy")) <= 1
    assert "trained too little" in done.stdout, "one epoch teaches no network"


def test_a_network_never_runs_on_logits_without_its_yardstick(run: Run, trained: Path) -> None:
    words = [*TINY_MODEL, *QUICK, "policies=[logits]", "attacks=[inverse_network]"]
    done = run("noprotect_reconstruction.py", *words, cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "trained too little" in done.stdout
    rows = read_results(trained / "artifacts/digits" / STUDY)
    assert [row.attack for row in rows if row.policy == "logits"][:2] == ["inverse network", "mixture regression"]


def test_the_same_command_gives_the_same_rows_and_another_study_joins(run: Run, trained: Path) -> None:
    words = [*TINY_MODEL, *QUICK, "policies=[logits,levels:3]", "attacks=[hill_climbing,mean_by_answer]"]
    folder, beside = trained / "artifacts/digits" / STUDY, trained / "beside"
    assert run("noprotect_reconstruction.py", *words, cwd=trained).returncode == 0
    once = (folder / "attacks.csv").read_bytes()
    beside.mkdir()
    (beside / "attacks.csv").write_bytes(once)
    refused(run("noprotect_reconstruction.py", *words, f"beside=[{beside}]", cwd=trained), "of other models", code=2)
    (beside / "attacks.csv").write_bytes(once.replace(b"not private", b"epsilon 3"))
    assert run("noprotect_reconstruction.py", *words, f"beside=[{beside}]", cwd=trained).returncode == 0
    both = (folder / "attacks.csv").read_bytes()
    assert both == once + once.replace(b"not private", b"epsilon 3").partition(b"\n")[2]
    assert "h32_ee1_ce1, epsilon 3 | levels:3" in (folder / "attacks.md").read_text()


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["policies=[nothing]"], ["policies of logits", "'nothing'"], 2),
        (["policies=[levels:0]"], ["policy.levels", "received 0"], 2),
        (["policies=[]"], ["policies", "[]"], 2),
        (["attacks=[]"], ["attacks", "[]"], 2),
        (["attacks=[hill_climb]"], ["attacks", "'hill_climb'", "Did you mean hill_climbing?"], 2),
        (["attacks=[closed_form_posterior]", "policies=[levels:3]"], ["need logits", "[levels:3]"], 2),
        (["attack.queries=0"], ["attack.queries", "received 0"], 2),
        (["attack.answers=[]"], ["attack.answers", "received []"], 2),
        (["attack.answers=[0]"], ["attack.answers", "received 0"], 2),
        (["attack.queries=100"], ["queries of at least 272", "received 100"], 2),
        (["targets_from=train"], ["targets_from=train", "attacker"], 2),
        (["features=scattering"], ["features=code"], 2),
        (["beside=[nowhere]"], ["nowhere/attacks.csv"], 1),
        (["autoencoder.hid_dim=31"], ["full_model_h31", "train.py"], 1),
    ],
)
def test_what_makes_no_sense_is_refused(run: Run, trained: Path, words: list[str], said: list[str], code: int) -> None:
    before = sorted((trained / "artifacts").rglob("*"))
    refused(run("noprotect_reconstruction.py", *TINY_MODEL, *QUICK, *words, cwd=trained), *said, code=code)
    assert sorted((trained / "artifacts").rglob("*")) == before


def test_of_a_private_model_the_attacker_has_no_training_image() -> None:
    """What a study writes of the attacker's images is exact, and a guarantee covers the training images."""
    dataset = load(compose("reconstruct", ReconstructCommand, TINY_MODEL).data)
    train = {image.tobytes() for image in dataset.train.images}
    for private in (["autoencoder.private=true"], ["classifier.private=true"]):
        for place in ("test", "validation"):
            command = compose("reconstruct", ReconstructCommand, [*TINY_MODEL, *private, f"targets_from={place}"])
            own, targets = sides(command, dataset)
            assert len(own) == len(dataset.validation) // 2
            had = {image.tobytes() for image in own.images}
            assert not had & train
            assert not had & {image.tobytes() for image in targets.images}
    own, _ = sides(compose("reconstruct", ReconstructCommand, TINY_MODEL), dataset)
    assert len(own) == len(dataset.train) == len(attackers_images(dataset, private=False))


def test_targets_among_the_attackers_images_are_refused() -> None:
    images = digits.read("train").images
    refuse_common(images[:100], images[100:110])
    with pytest.raises(DataError, match="received 1 of 10 that are among the attacker's 101 images"):
        refuse_common(images[:101], images[100:110])


def test_a_table_of_another_form_is_named(tmp_path: Path) -> None:
    (tmp_path / "attacks.csv").write_text("model,policy\na,b\n")
    with pytest.raises(ArtifactError, match=r"attacks\.csv of an earlier study"):
        read_results(tmp_path)


def test_the_default_policy_is_published_and_says_what_it_leaks(run: Run, trained: Path) -> None:
    done = run("-m", "mnist_etc.export", *TINY_MODEL, cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "output levels:2, at most 4.322 bits an answer" in done.stdout
    version = trained / "triton/model_repository/onnx-mnist_etc/1"
    said = json.loads((version / "manifest.json").read_text())["policy"]
    assert (said["name"], said["levels"], said["leakage_bits"]) == ("levels", 2, pytest.approx(np.log2(20)))
    session = onnxruntime.InferenceSession(version / "model.onnx")
    told = session.run(["output"], {"input": digits.read("test").images[..., None].astype(np.float32) / 255})[0]
    assert len(np.unique(told, axis=0)) <= 20
    assert np.abs(told.max(axis=1)[:, None] - said["confidences"]).min(axis=1).max() < 1e-5


def test_policy_auto_searches(run: Run, trained: Path) -> None:
    words = ["policy=auto", "policy.min_attack_error=0.9", "policy.max_accuracy_loss=0.01", *LEARNS]
    done = run("-m", "mnist_etc.export", *TINY_MODEL, *words, "repository=auto", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "of label alone" in done.stdout
    searched = [line for line in done.stdout.splitlines() if "log loss" in line]
    assert float(searched[-1].rpartition("MSE ")[2].split()[0]) >= 0.9
    assert not any(float(line.rpartition("MSE ")[2].split()[0]) >= 0.9 for line in searched[:-1] if "MSE" in line)
    said = json.loads((trained / "auto/onnx-mnist_etc/1/manifest.json").read_text())["policy"]
    assert f"output {said['name']}" in done.stdout
    search = said["search"]
    assert (search["answers"], search["epochs"], search["components"]) == (10, 60, 2)
    yardstick = search["yardstick"]
    assert 0 < yardstick["inverse_network"] <= yardstick["most_of_it"] * yardstick["mixture_regression"] + 1e-4
    assert search["of_label_alone"] >= 0.9


def test_an_attack_that_failed_judges_no_policy(run: Run, trained: Path) -> None:
    """It would let any policy through, as top_k:2 once at 1.781 of label alone."""
    before = sorted(trained.rglob("*"))
    done = run("-m", "mnist_etc.export", *TINY_MODEL, "policy=auto", *QUICK[:6], "repository=weak", cwd=trained)
    refused(done, "as near on logits as the closed form", "attack.epochs", code=2)
    assert sorted(trained.rglob("*")) == before
    require_trained(0.0209, 0.02)
    with pytest.raises(ConfigError, match=r"1\.05 times 0\.0200; received 0\.0211"):
        require_trained(0.0211, 0.02)


def test_bounds_that_no_policy_meets_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are noisy ones alone, which lose accuracy."""
    command = compose("export", ExportCommand, ["policy=auto", "attack.answers=[1]"])
    parts = [digits.read(part) for part in ("train", "test")]
    own, targets = (
        Examples(one.images, one.labels, 9 * np.eye(10, dtype=np.float32)[one.labels][:, None]) for one in parts
    )
    monkeypatch.setattr(policy_search, "CANDIDATES", ["noisy:1", "noisy:2"])
    with pytest.raises(ConfigError, match="received none of 2 that does"):
        best_policy(command.policy, command.attack, own, targets, 0)


def test_help_does_not_load_tensorflow(run: Run) -> None:
    done = run("-X", "importtime", ROOT / "noprotect_reconstruction.py", "--help")
    assert done.returncode == 0
    assert "tensorflow" not in done.stderr
