"""The example of ``docs/add/policy.md``, run as a user would run it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support import ROOT, TINY_MODEL, Run

from mnist_etc.attack.results import read_results
from mnist_etc.data import digits
from mnist_etc.data.dataset import scale_pixels
from mnist_etc.predictor import softmax


def test_a_policy_of_ones_own_is_published_and_attacked(run: Run, trained: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / "docs/add/policy.md").read_text(), re.DOTALL)
    assert example
    script = trained / "own_policy.py"
    script.write_text(example[1])
    done = run(script, "export", *TINY_MODEL, "policy.name=softened", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "output softened, at most 299.9 bits an answer" in done.stdout
    version = trained / "triton/model_repository/onnx-mnist_etc/1"
    said = json.loads((version / "manifest.json").read_text())["policy"]
    assert said == {"name": "softened", "leakage_bits": pytest.approx(299.9, abs=0.1)}
    images = {"input": scale_pixels(digits.read("test").images)}
    model = trained / "artifacts/digits/full_model_h32_ee1_ce1.onnx"
    served, logits = (
        onnxruntime.InferenceSession(path).run(None, images)[0] for path in (version / "model.onnx", model)
    )
    np.testing.assert_allclose(served, softmax(logits / 3), atol=1e-5)

    done = run(
        script,
        "reconstruct",
        *TINY_MODEL,
        "policies=[softened]",
        "attacks=[mean_by_answer,hill_climbing]",
        "attack.components=2",
        "attack.answers=[1]",
        "targets=20",
        cwd=trained,
    )
    assert done.returncode == 0, done.stderr
    results = read_results(trained / done.stdout.splitlines()[-1])
    assert [(one.policy, one.attack) for one in results if one.policy and one.attack != "label alone"] == [
        *(("label", "mean by answer"), ("label", "hill climbing")),
        *(("softened", "mean by answer"), ("softened", "hill climbing")),
    ]
