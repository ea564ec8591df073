"""The classifier without a finished autoencoder names the missing file and the command that makes it."""

from __future__ import annotations

from pathlib import Path

from support import Run, refused


def test_refused(run: Run, tmp_path: Path) -> None:
    done = run("-m", "train_.classifier", "data=digits", "autoencoder.hid_dim=16", "tracking_uri=null")
    command = "python -m train_.autoencoder data=digits privacy.autoencoder_share=0.5 hid_dim=16"
    refused(done, "artifacts/digits/ae_h16_e3_weights.json", command)
    assert not list(tmp_path.rglob("*.h5"))
