"""The keys of every command: users' scripts and sweeps rely on them, so one changes on purpose or not at all."""

from __future__ import annotations

import pytest
from support import ROOT, SCHEMAS

from mnist_etc.overrides import keys

FOLDER = ROOT / "tests" / "keys"
UPDATE = ".venv/bin/python -m pytest tests/test_keys.py --update-keys"


@pytest.mark.parametrize("command", SCHEMAS)
def test_a_key_changes_only_on_purpose(command: str, request: pytest.FixtureRequest) -> None:
    path = FOLDER / f"{command}.txt"
    now = sorted(keys(SCHEMAS[command]))
    if request.config.getoption("--update-keys"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text("\n".join(now) + "\n")
    frozen = path.read_text().splitlines() if path.exists() else []
    gone, new = sorted({*frozen} - {*now}), sorted({*now} - {*frozen})
    assert now == frozen, f"{command}: gone {gone}, new {new}. On purpose? {UPDATE}"


def test_no_keys_are_kept_of_a_command_that_is_gone(request: pytest.FixtureRequest) -> None:
    stale = [path for path in FOLDER.glob("*.txt") if path.stem not in SCHEMAS]
    if request.config.getoption("--update-keys"):
        for path in stale:
            path.unlink()
    else:
        assert not stale, f"On purpose? {UPDATE}"
