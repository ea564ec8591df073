"""What Python programs import, and the example in the tutorial."""

from __future__ import annotations

import re
from pathlib import Path

from support import ROOT, Run

import mnist_etc
from mnist_etc import api


def test_the_exported_names_are_these() -> None:
    assert sorted(mnist_etc.__all__) == sorted(api.__all__) == ["Predictor", "load", "train"]
    assert all(getattr(mnist_etc, name) is getattr(api, name) for name in api.__all__)
    assert not hasattr(mnist_etc, "nothing")


def test_the_example_runs(run: Run, tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/tutorial.md").read_text(), re.DOTALL)
    quick = example.replace("autoencoder.epochs=5", 'autoencoder.epochs=1", "classifier.epochs=1", "tracking_uri=null')
    done = run("-c", quick)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("]")
    assert (tmp_path / "artifacts/digits/full_model_h32_ee1_ce1.onnx").is_file()
