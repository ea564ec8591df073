"""Commands that README and docs show: what each has to be, and how one of this project is run at toy size."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import processes
from support import ROOT, TINY_MODEL

from mnist_etc.__main__ import COMMANDS
from mnist_etc.export.config import MODEL
from mnist_etc.export.released import SUFFIX
from mnist_etc.export.sums import SUMS
from mnist_etc.models.zoo import ZOO

DOORS = {
    ("train.py",): "train",
    ("infer.py",): "infer",
    ("noprotect_reconstruction.py",): "reconstruct",
    ("-m", "train_.autoencoder"): "autoencoder",
    ("-m", "train_.classifier"): "classifier",
    ("-m", "train_.supervised"): "supervised",
    ("-m", "train_.few_labels"): "few_labels",
    ("-m", "mnist_etc.sweep"): "sweep",
    ("-m", "mnist_etc.privacy.audit"): "audit",
    ("-m", "mnist_etc.export"): "export",
    ("-m", "mnist_etc.serving.triton"): "serve",
    ("-m", "mnist_etc.serving.mlflow"): "mlflow",
    ("-m", "mnist_etc.serving.tune"): "tune",
    ("-m", "mnist_etc", "copy"): "copy",
    ("-m", "mnist_etc", "labels"): "labels",
    ("-m", "mnist_etc", "drift"): "drift",
    ("-m", "mnist_etc.service"): "service",
}
ATTACK = ["attack.epochs=1", "attack.units=16", "attack.blocks=1", "attack.networks=1", "attack.components=2"]
LEARNS = ["attack.epochs=60", "attack.units=64", "attack.blocks=2", "attack.batch_size=64", "attack.components=2"]
"""Enough for the network of ``policy=auto`` to reach its yardstick."""
TINY_ZOO = ["data=digits", "data.validation=700", "model.epochs=1", "model.augment=false"]
TINY_LABELS = ["labels.budget=20", "labels.start=10", "labels.lessons=1", "labels.components=20"]
TOY = {
    "train": [*TINY_MODEL, "tracking_uri=null"],
    "autoencoder": ["data=digits", "epochs=1", "data.validation=700", "tracking_uri=null"],
    "classifier": ["data=digits", "epochs=1", "autoencoder.epochs=1", "data.validation=700", "tracking_uri=null"],
    "supervised": [*TINY_ZOO, "gates=off", "tracking_uri=null"],
    "few_labels": [*TINY_ZOO, *TINY_LABELS, "model.width=4", "tracking_uri=null", "skip_visualizations=true"],
    "sweep": [
        "data=digits",
        "data.validation=700",
        "model.epochs=1",
        "tracking_uri=null",
        "sweep.trials=1",
        "sweep.processes=1",
    ],
    "infer": TINY_MODEL,
    "reconstruct": [*TINY_MODEL, *ATTACK, "targets=50", "attacks=[mean_by_answer,inverse_network]"],
    "audit": [
        "data=digits",
        "batch_size=256",
        "privacy.delta=1e-4",
        "canaries=400",
        "guesses=80",
        "images=300",
        "epochs=2",
        "membership=false",
    ],
    "export": [*TINY_MODEL, *LEARNS, "policy.min_attack_error=0", "reconstruct_policies=[]"],
    "copy": [],
    "labels": [],
}
"""What replaces the keys of a page, or joins them; a command that is not here is composed only."""
UNLESS_GIVEN = {"reconstruct": ["policies=[logits,levels:2]", "attack.answers=[1,3]"]}
"""What joins the keys of a page that does not give them."""
AT_TOY_SIZE = {"artifacts/full_model_h32_ee3_ce6": "artifacts/digits/full_model_h32_ee1_ce1", "s3://bucket": "bucket"}
OWN = ("mine.py", "own_attack.py", "own_policy.py", "own_gate.py")
"""Programs that the pages of docs/add show: tests named test_own_*.py run each with these commands."""


class Shell:
    """A folder in which the commands of one page are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def python(self, *words: str) -> str:
        """What ``python`` with these words prints; it has to succeed."""
        words = (str(ROOT / words[0]), *words[1:]) if words[0].endswith(".py") else words
        done = processes.python(*words, cwd=self.folder)
        assert done.returncode == 0, f"python {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def look(self, words: tuple[str, ...]) -> None:
        """Check a command without doing what it does."""
        program, *rest = words
        assert program in PROGRAMS, f"no test knows {' '.join(words)}"
        PROGRAMS[program](self, tuple(rest))

    def run(self, words: tuple[str, ...]) -> None:
        """Check a command and, where it is one of this project, run it at toy size."""
        self.look(words)
        door, keys = entrance(words[1:]) if words[0] == "python" else ((), ())
        if words[:2] == ("python", "scripts/picture.py"):
            self.python(*(toy_path(word) for word in words[1:]))
        elif (command := DOORS.get(door)) in TOY and not asks_server_or_help(keys):
            self.python(*door, *at_toy_size(str(command), keys))


def entrance(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The door that a Python command goes through, and the words it hands on."""
    if words[:2] == ("-m", "mnist_etc"):
        by_name = {command: door for door, command in DOORS.items()}
        return (by_name.get(words[2], ()), words[3:]) if words[2:] else ((), ())
    length = 2 if words[0] == "-m" else 1
    return words[:length], words[length:]


def asks_server_or_help(keys: tuple[str, ...]) -> bool:
    return keys[:1] == ("serve",) or any(word.startswith(("server=", "--")) for word in keys)


def at_toy_size(command: str, keys: tuple[str, ...]) -> list[str]:
    """The keys of a page with those of `TOY` in the place of their like; a picture is answered as it is."""
    if command == "infer" and any("=" not in word or word.startswith("input=") for word in keys):
        return list(keys)
    if command == "copy":
        return [toy_path(key) for key in keys]
    if command == "labels":
        return list(keys)
    if command == "supervised" and "experiment=smoke" in keys:  # small, and held to gates of its own
        return [*keys, "tracking_uri=null"]
    given = dict(word.partition("=")[::2] for word in keys)
    toy = dict(word.partition("=")[::2] for word in TOY[command])
    toy |= {key.replace("private", "batch_size"): "64" for key in given if key.endswith(".private")}
    toy |= {"autoencoder.pretraining_epochs": "0"} if "autoencoder.private" in given else {}
    if given.get("experiment") == "private_best":
        toy["classifier.batch_size"] = "64"
    if given.get("model") in ZOO:
        toy |= dict(word.partition("=")[::2] for word in TINY_ZOO)
    if "few_labels.budget" in given:
        toy |= {"model.width": "4"} | dict(f"few_{word}".split("=") for word in TINY_LABELS)
    default = dict(word.partition("=")[::2] for word in UNLESS_GIVEN.get(command, []))
    return [f"{key}={value}" for key, value in (default | given | toy).items()]


def toy_path(word: str) -> str:
    for long, short in AT_TOY_SIZE.items():
        word = word.replace(long, short)
    return word


@cache
def targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))


def make(_: Shell, words: tuple[str, ...]) -> None:
    assert set(words) <= targets(), words


def python(shell: Shell, words: tuple[str, ...]) -> None:
    door, keys = entrance(words)
    if words[:3] == ("-m", "mnist_etc", "--shell-completion"):
        assert "supervised" in shell.python(*words[:3], *(words[3:] or ("bash",)))
    elif door in DOORS:
        shown = shell.python(
            *door, *(keys if asks_help(keys) else [*map(one_of_several, single(keys)), "--cfg", "job"])
        )
        assert shown, words
    elif words[0] in OWN:
        assert words[1] in COMMANDS, words
    elif words == ("-m", "mnist_etc"):
        assert "reconstruct" in shell.python(*words)
    elif words[0].startswith("benchmarks/"):
        benchmark(shell, words)
    elif words[:2] == ("-m", "pytest"):
        assert all((ROOT / word).exists() for word in words[2:]), words
    else:
        assert words[0].startswith("scripts/"), f"no test knows python {' '.join(words)}"
        assert (ROOT / words[0]).exists(), words


def single(keys: tuple[str, ...]) -> list[str]:
    """Without the flag of several runs, and without a file that a search has yet to write."""
    several = {"-m", "--multirun"}
    return [word for word in keys if word not in several and not word.startswith("experiment=artifacts/")]


def one_of_several(word: str) -> str:
    """The first of the values that a key goes through: ``seed=0`` of ``seed=range(3)``, ``seed=1`` of ``seed=1,2``."""
    key, equals, value = word.partition("=")
    if value.startswith("["):
        return word
    return key + equals + re.sub(r"range\((\d+).*", "0", value).partition(",")[0]


def asks_help(keys: tuple[str, ...]) -> bool:
    return "--help" in keys or "--cfg" in keys


def benchmark(shell: Shell, words: tuple[str, ...]) -> None:
    """Its options are those that it has, or its keys those of the study."""
    script, *rest = words
    if "argparse" in (ROOT / script).read_text():
        options = shell.python(script, "--help")
        assert all(word in options for word in rest if word.startswith("--")), words
    else:
        shell.python("noprotect_reconstruction.py", *rest, "--cfg", "job")


def dvc(shell: Shell, words: tuple[str, ...]) -> None:
    length = 2 if words[0] in ("remote", "metrics") else 1
    options = shell.python("-m", "dvc", *words[:length], "--help")
    assert all(word in options for word in words if word.startswith("--")), words
    assert all((ROOT / word).exists() for word in words if word.startswith("conf")), words


def mlflow(shell: Shell, words: tuple[str, ...]) -> None:
    assert words[1] in shell.python("-m", "mlflow", words[0], "--help"), words


def tensorboard(shell: Shell, words: tuple[str, ...]) -> None:
    assert (words[0], len(words)) == ("--logdir", 2), words
    assert (ROOT / ".gitignore").read_text().count(f"/{words[1]}/\n") == 1, "where trainings write"


def pip(_: Shell, words: tuple[str, ...]) -> None:
    command, wanted = words
    assert command == "install"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    own = re.fullmatch(r"mnist-etc\[(\w+)\]", wanted)
    assert own[1] in extras if own else any(wanted in package for of in extras.values() for package in of), words


def perf_analyzer(_: Shell, words: tuple[str, ...]) -> None:
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options["-m"] == MODEL
    assert options.keys() <= {"-m", "-u", "-b", "--concurrency-range", "--shape"}, words
    assert "perf_analyzer" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def docker(_: Shell, words: tuple[str, ...]) -> None:
    if words[0] == "run":
        assert "./models:/models:ro" in words, words
        assert "--model-repository=/models" in (ROOT / "triton" / "Dockerfile").read_text()
        return
    build, target, stage, *tag, folder = words
    assert (build, target, tag[:1]) == ("build", "--target", ["--tag"])
    assert f" AS {stage}\n" in (ROOT / folder / "Dockerfile").read_text()


def gh(_: Shell, words: tuple[str, ...]) -> None:
    assert words[:2] == ("attestation", "verify"), words
    assert "actions/attest-build-provenance@" in (ROOT / ".github/workflows/release.yml").read_text()


def sha256sum(_: Shell, words: tuple[str, ...]) -> None:
    assert words == ("--check", "--ignore-missing", SUMS)


def tar(_: Shell, words: tuple[str, ...]) -> None:
    assert words[:-1] == ("--extract", "--one-top-level=models", "--file"), words
    assert words[-1].endswith(SUFFIX), words


def poetry(_: Shell, words: tuple[str, ...]) -> None:
    command, *options = words
    assert command in ("install", "run")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert options == [] or (options[0] == "--extras" and options[1] in extras), words


PROGRAMS = {
    "docker": docker,
    "dvc": dvc,
    "gh": gh,
    "make": make,
    "mlflow": mlflow,
    "pip": pip,
    "perf_analyzer": perf_analyzer,
    "poetry": poetry,
    "python": python,
    "sha256sum": sha256sum,
    "tar": tar,
    "tensorboard": tensorboard,
}
