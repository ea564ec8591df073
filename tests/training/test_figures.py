"""The figures of the README at the default length, on real MNIST."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import Run

from mnist_etc.attack.results import read_results, strongest

pytestmark = [pytest.mark.mnist, pytest.mark.slow]


def test_default_run_reaches_its_figures(run: Run, tmp_path: Path) -> None:
    done = run("train.py", timeout=1200)
    assert done.returncode == 0, done.stderr
    autoencoder = json.loads((tmp_path / "artifacts/ae_h32_e3_weights_metrics.json").read_text())
    classifier = json.loads((tmp_path / "artifacts/clsf_h32_ee3_e6_fc_weights_metrics.json").read_text())
    assert autoencoder["test_mse"] <= 0.0088
    assert classifier["test_accuracy"] >= 0.918

    inferred = run("infer.py")
    assert inferred.returncode == 0, inferred.stderr
    assert f"accuracy {classifier['test_accuracy']:.4f} on 10,000 images" in inferred.stdout

    study = [
        "policies=[logits,levels:2]",
        "attacks=[mean_by_answer,inverse_network,hill_climbing]",
        "attack.answers=[1,10]",
    ]
    rebuilt = run("noprotect_reconstruction.py", *study, timeout=1200)
    assert rebuilt.returncode == 0, rebuilt.stderr
    rows = read_results(tmp_path / "artifacts/full_model_h32_ee3_ce6_reconstruction")
    climbed = next(row for row in rows if (row.policy, row.attack, row.knows_encoder) == ("logits", "hill climbing", 1))
    assert climbed.mse <= 0.0253
    assert climbed.queries <= 1000
    inverted = next(row for row in rows if (row.policy, row.attack) == ("logits", "inverse network"))
    assert inverted.mse <= 0.0255
    *_, logits, levels = strongest(rows)
    assert logits.of_floor < 0.55
    assert levels.of_floor >= 0.95
    assert levels.calibration_error <= 0.02
    assert levels.accuracy == logits.accuracy

    hidden = run("-m", "train_.classifier", "hidden_units=[256]", "force=true", timeout=1200)
    assert hidden.returncode == 0, hidden.stderr
    classifier = json.loads((tmp_path / "artifacts/clsf_h32_ee3_e6_fc_weights_metrics.json").read_text())
    assert classifier["test_accuracy"] >= 0.980


def test_the_private_pipeline_reaches_its_figure(run: Run, tmp_path: Path) -> None:
    """Median of 5 seeds in the README; one run here may lie a little below it."""
    done = run("train.py", "features=scattering", "classifier.private=true", "tracking_uri=null", timeout=1200)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "artifacts/full_model_scattering_ce45_cprivate.json").read_text())
    assert manifest["epsilon"] <= 3
    assert manifest["metrics"]["test_accuracy"] >= 0.985
