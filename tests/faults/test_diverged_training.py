"""A training whose loss is no number any more stops, says what to change, and leaves no state to resume from."""

from __future__ import annotations

from pathlib import Path

from support import Run, refused


def test_refused(run: Run, tmp_path: Path) -> None:
    keys = ["data=digits", "epochs=2", "learning_rate=10", "output_activation=linear", "tracking_uri=null"]
    refused(run("-m", "train_.autoencoder", *keys), "nan", "learning_rate")
    assert not list(tmp_path.rglob("*checkpoint*"))
    assert not list(tmp_path.rglob("*.h5"))
