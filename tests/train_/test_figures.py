"""The figures of the README at the default length, on real MNIST."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import Run

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
