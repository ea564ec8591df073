"""The example of ``docs/add/attack.md``, run as a user would run it."""

from __future__ import annotations

import re
from pathlib import Path

from support import ROOT, TINY_MODEL, Run

from mnist_etc.attack.config import ReconstructCommand
from mnist_etc.attack.registry import ATTACKS
from mnist_etc.attack.results import read_results
from mnist_etc.composition import compose


def test_all_attacks_run_by_default() -> None:
    assert compose("reconstruct", ReconstructCommand, []).attacks == list(ATTACKS)


def test_an_attack_of_ones_own_is_measured_beside_the_floor(run: Run, trained: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / "docs/add/attack.md").read_text(), re.DOTALL)
    assert example
    script = trained / "own_attack.py"
    script.write_text(example[1].replace("title=", "needs_logits=True, title="))
    words = [*TINY_MODEL, "attacks=[nearest_answer]", "policies=[logits,levels:3]", "targets=20", "attack.answers=[1]"]
    done = run(script, "reconstruct", *words, cwd=trained)
    assert done.returncode == 0, done.stderr
    results = read_results(trained / done.stdout.splitlines()[-1])
    assert [(one.policy, one.attack) for one in results if one.policy and one.attack != "label alone"] == [
        ("label", "mean by answer"),
        ("logits", "nearest answer"),
    ]
    assert "levels:3       none of the attacks fits these answers" in done.stdout.splitlines()
    assert (trained / done.stdout.splitlines()[-1] / "frontier.png").is_file()
