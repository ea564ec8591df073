"""What a killed process leaves behind must not stop the next one."""

from __future__ import annotations

import os
from pathlib import Path

from mnist_etc.files import exclusive


def test_what_was_abandoned_is_removed_and_what_is_at_work_is_not(tmp_path: Path) -> None:
    folder, file, fresh = tmp_path / ".tmp_folder", tmp_path / ".tmp_file", tmp_path / ".tmp_fresh"
    folder.mkdir()
    (folder / ".tmp_inside").write_text("half")
    file.write_text("half")
    fresh.write_text("at work")
    for old in (folder / ".tmp_inside", folder, file):
        os.utime(old, (0, 0))
    with exclusive(tmp_path / ".lock"):
        assert not folder.exists()
        assert not file.exists()
        assert fresh.exists()
