"""The command: it passes correct trainings, refutes planted mistakes by exit code 1, and refuses what it cannot do."""

from __future__ import annotations

import re

import pytest
from support import ROOT, Completed, Run, refused

AUDIT = ("-m", "mnist_etc.privacy.audit")
SWITCH = "MNIST_ETC_PLANTED_BUG"

QUICK = ("membership=false", "privacy.seed=0")
SMALL = ("canaries=400", "guesses=40", "images=100", "batch_size=75", "epochs=20", "learning_rate=0.58")


def figure(done: Completed, pattern: str) -> float:
    found = re.search(pattern, done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1].replace(",", ""))


def test_a_correct_training_passes(run: Run) -> None:
    done = run(*AUDIT, *QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "planted" not in done.stdout
    assert "315 steps, killed and resumed" in done.stdout
    stated = figure(done, r"stated +epsilon ([\d.]+)")
    assert 3.9 < stated <= 4
    assert 2.6 < figure(done, r"every sum .*: lower bound epsilon ([\d.]+)") < stated
    assert 1.4 < figure(done, r"weights .*: lower bound epsilon ([\d.]+)") < stated
    assert figure(done, r"the surest .*: lower bound epsilon ([\d.]+)") < stated
    assert 2.6 < figure(done, r"moments .*: lower bound epsilon ([\d.]+)") < stated
    assert figure(done, r"resumed +(\d+) of the steps") == 0


def test_the_reference_engine_passes(run: Run) -> None:
    done = run(*AUDIT, *QUICK, *SMALL, "privacy.engine=tensorflow_privacy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tensorflow_privacy" in done.stdout
    assert figure(done, r"every sum .*: lower bound epsilon ([\d.]+)") > 0


@pytest.mark.parametrize(
    ("bug", "words"),
    [
        ("noise_halved", ("epsilon", "as stated", "this engine gave")),
        ("redrawn", ("draw the same again", "7 steps", "Publish nothing that was resumed")),
        ("moments_noise_halved", ("epsilon", "as stated", "this release of moments gave")),
    ],
)
def test_a_planted_bug_is_refuted(run: Run, bug: str, words: tuple[str, ...]) -> None:
    done = run(*AUDIT, *QUICK, *SMALL, env={SWITCH: bug})
    refused(done, *words)
    assert f"planted bug: {bug}" in done.stdout
    assert "the stated epsilon is too low" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "words", "code"),
    [
        ((), {SWITCH: "nonsense"}, (SWITCH, "noise_halved", "nonsense"), 2),
        (("guesses=9000",), {}, ("guesses", "4000", "9000"), 2),
        (("privacy.delta=0.01",), {}, ("privacy.delta", "5,000"), 2),
        (("batch_size=5001",), {}, ("batch_size", "5000", "5001"), 2),
        (("privacy.target_epsilon=0.001",), {}, ("privacy.target_epsilon",), 2),
        (("confidence=1",), {}, ("confidence between",), 2),
        (("canary=5",), {}, ("'canary'", "Did you mean canaries?"), 2),
    ],
)
def test_refused(
    run: Run, arguments: tuple[str, ...], environment: dict[str, str], words: tuple[str, ...], code: int
) -> None:
    done = run("-X", "importtime", *AUDIT, *arguments, env=environment)
    imported = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert not [line for line in imported if line.split("|")[-1].strip() in {"tensorflow", "keras"}]
    left = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))
    refused(Completed(done.returncode, done.stdout, left, done.seconds), *words, code=code)


def test_no_training_reads_the_switch() -> None:
    readers = [
        path
        for path in [*(ROOT / "mnist_etc").rglob("*.py"), *(ROOT / "train_").rglob("*.py")]
        if SWITCH in path.read_text()
    ]
    assert [path.name for path in readers] == ["job.py"]
