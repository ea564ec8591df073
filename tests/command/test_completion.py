"""What the shell offers, asked of bash itself."""

from __future__ import annotations

import importlib
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT, Run, environment, refused

from mnist_etc.completion import DOORS

ASK = """
source "$1"; COMP_LINE="$2"; COMP_POINT=${#COMP_LINE}; compopt() { :; }; _mnist_etc; printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``--shell-completion bash`` prints."""
    path = tmp_path_factory.mktemp("completion") / "script"
    command = [sys.executable, "-X", "importtime", "-m", "mnist_etc", "--shell-completion", "bash"]
    done = subprocess.run(command, cwd=path.parent, env=environment(), capture_output=True, text=True, check=True)
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert not imported & {"tensorflow", "keras", "mlflow", "onnxruntime", "hydra"}
    path.write_text(done.stdout)
    return path


def offered(script: Path, line: str) -> list[str]:
    """What bash offers after ``line``."""
    command = ["bash", "--norc", "-eu", "-c", ASK, "bash", str(script), line]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert time.perf_counter() - began < 5
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "some", "none"),
    [
        ("mnist-etc tr", ["train"], "infer"),
        ("python -m mnist_etc s", ["serve", "supervised", "sweep"], "train"),
        ("python train.py autoencoder.hid", ["autoencoder.hid_dim="], "data=digits"),
        ("python /some/where/train.py --mul", ["--multirun"], "--cfg"),
        ("python train.py data=dig", ["digits"], "mnist"),
        ("python train.py seed=1 experiment=", ["smoke", "private_best"], "best"),
        ("python -m train_.supervised model=", ["cnn"], "trained"),
        ("python -m train_.supervised gates=", ["default", "off"], "as_trained"),
        ("python -m mnist_etc.export gates=", ["as_trained"], "model"),
        ("python -m train_.autoencoder model=", ["convolutional", "vae"], "cnn"),
        ("mnist-etc-train autoencoder.private=", ["true", "false"], "null"),
        ("python -m mnist_etc train privacy.accountant=", ["pld", "rdp"], "true"),
        ("python -m train_.supervised model.optimizer=", ["adamw", "sam"], "cosine"),
        ("/opt/bin/mnist-etc-sweep sweep.tr", ["sweep.trials="], "sweep.name="),
    ],
)
def test_offered(script: Path, line: str, some: list[str], none: str) -> None:
    found = offered(script, line)
    assert {*some} <= {*found}
    assert none not in found


@pytest.mark.parametrize("line", ["python other.py da", "python -m json.tool da", "python "])
def test_python_is_left_alone(script: Path, line: str) -> None:
    assert offered(script, line) == []


def test_doors_are_of_the_commands_that_they_are_said_to_be() -> None:
    for door, name in DOORS.items():
        if door.endswith(".py"):
            assert (ROOT / door).is_file()
        else:
            module = importlib.import_module(
                f"{door}.__main__" if door in ("mnist_etc.export", "mnist_etc.sweep") else door
            )
            assert Path(str(module.__file__)).read_text().count(f'door("{name}")') == 1


OFFERED = [
    ("mnist-etc tra", "train"),
    ("python -m mnist_etc superv", "supervised"),
    ("mnist-etc-train autoencoder.hid", "autoencoder.hid_dim="),
    ("python train.py data=dig", "data=digits"),
    ("python -m train_.supervised model=tw", "model=two_branch_cnn"),
]
"""A line, and the word that its end becomes."""


@pytest.mark.parametrize(("line", "word"), OFFERED)
@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish(run: Run, tmp_path: Path, line: str, word: str) -> None:
    (tmp_path / "script").write_text(run("-m", "mnist_etc", "--shell-completion", "fish").stdout)
    command = ["fish", "--no-config", "-c", f"source script; complete -C '{line}'"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == ([word], "")


@pytest.mark.parametrize(("line", "word"), OFFERED)
@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh(run: Run, tmp_path: Path, line: str, word: str) -> None:
    """At a terminal, since it completes nowhere else."""
    (tmp_path / "script").write_text(run("-m", "mnist_etc", "--shell-completion", "zsh").stdout)
    (tmp_path / ".zshrc").write_text("PS1='ready> '\nautoload -Uz compinit && compinit -u\nsource script\n")
    process, terminal = pty.fork()
    if not process:
        os.chdir(tmp_path)
        os.execvpe("zsh", ["zsh", "-i"], {"ZDOTDIR": str(tmp_path), "TERM": "dumb", "PATH": os.environ["PATH"]})
    try:
        shown(terminal, "ready> ")
        os.write(terminal, f"{line}\t".encode())
        assert "_mnist_etc" not in shown(terminal, word)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)


def shown(terminal: int, awaited: str) -> str:
    """What a terminal shows until it has shown ``awaited``."""
    found, deadline = "", time.monotonic() + 20
    while awaited not in found:
        assert time.monotonic() < deadline, found
        if select.select([terminal], [], [], 0.1)[0]:
            found += os.read(terminal, 65536).decode(errors="replace")
    return found


def test_no_such_shell(run: Run) -> None:
    refused(
        run("-m", "mnist_etc", "--shell-completion", "csh"), "as one of bash, zsh, fish", "'csh'", code=2, plain=True
    )
