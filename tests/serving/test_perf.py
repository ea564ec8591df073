from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mnist_etc.serving import perf


@pytest.mark.parametrize("stable", [True, False])
def test_its_riddle_is_explained_and_its_exit_code_kept(
    stable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "perf_analyzer"
    riddle = "" if stable else "Failed to obtain stable measurement within 10 measurement windows for concurrency 3."
    program.write_text(
        f"#!/bin/sh\necho measuring >&2\n[ -z '{riddle}' ] || echo '{riddle}' >&2\nexit {99 * (not stable)}\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(perf, "perf_analyzer", lambda _: (str(program), {}))
    monkeypatch.setattr(sys, "argv", ["perf_analyzer", "-m", "x"])
    assert perf.main() == 99 * (not stable)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "measuring"
    assert said[1:2] == ([] if stable else [riddle])
    assert ("--stability-percentage" in said[-1]) is not stable
