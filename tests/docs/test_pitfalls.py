"""The page of pitfalls: every proof that it names is there, and every mistake that the audit plants is on it."""

from __future__ import annotations

import ast
import re

import pytest
from support import ROOT

from mnist_etc.audit.config import PlantedBug

PAGE = (ROOT / "docs" / "pitfalls.md").read_text()
ROWS = [row for row in PAGE.splitlines() if row.startswith("| ") and not row.startswith(("| pitfall", "| ---"))]
PLANTED = {bug.value for bug in PlantedBug}


@pytest.mark.parametrize("proof", sorted(set(re.findall(r"`(tests/\S+::\S+)`", PAGE))))
def test_a_proof_is_there(proof: str) -> None:
    path, _, name = proof.partition("::")
    functions = [node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)]
    assert name in functions


def test_each_pitfall_has_its_proof_and_each_planted_mistake_its_pitfall() -> None:
    assert len(ROWS) > 30
    for row in ROWS:
        *_, proof, _ = row.split("|")
        named = re.findall(r"`(\w+)`", proof)
        assert "tests/" in proof or named, row
        assert set(named) <= PLANTED, row
    assert set(re.findall(r"`(\w+)`", " ".join(ROWS))) >= PLANTED
