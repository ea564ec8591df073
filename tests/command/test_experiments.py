"""Named experiments, files of them, and what Hydra says of a composition."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import ROOT, SCHEMAS, Run, refused

from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError

FILES = sorted((ROOT / "conf/experiment").glob("*/*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_composes_and_begins_with_its_command_and_figure(path: Path) -> None:
    command = path.parent.name
    config = compose(command, SCHEMAS[command], [f"experiment={path.stem}"])
    assert config != compose(command, SCHEMAS[command], [])
    package, head = path.read_text().splitlines()[:2]
    assert package == "# @package _global_"
    assert f" experiment={path.stem} " in head
    (reached,) = re.findall(r"test accuracy (0\.\d+)", head)
    if hasattr(config, "gates"):
        assert config.gates.accuracy < float(reached), "the gates let its own figure pass"


def test_what_is_typed_wins() -> None:
    config = compose("train", SCHEMAS["train"], ["experiment=private_best", "classifier.epochs=3", "data=digits"])
    assert (config.classifier.private, config.classifier.epochs, config.data.name) == (True, 3, "digits")
    assert config.classifier.features == "scattering"


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("# @package _global_\ndefaults:\n- override /data: digits\nautoencoder:\n  hid_dim: 5\n")
    config = compose("train", SCHEMAS["train"], [f"experiment={path}", "seed=3"])
    assert (config.data.name, config.autoencoder.hid_dim, config.seed) == ("digits", 5, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "keys with their values"),
        ("- 1", "keys with their values"),
        ("a: [", "keys with their values"),
        ("autoencoder: { hid_dim: 0 }", "hid_dim between"),
        ("autoencoder: { hid_dimm: 3 }", "'hid_dimm'"),
        ("seed: !!python/object/apply:os.system [ls]", "keys with their values"),
        ("defaults: [override /data: nothing]", "data as one of"),
        ("defaults: [override /model: cnn]", "an experiment of .*; received one that chooses 'model'"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "own.yaml").write_text(content)
    with pytest.raises(ConfigError, match=words):
        compose("train", SCHEMAS["train"], [f"experiment={tmp_path}/own.yaml"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("experiment=nope",), ("experiment as one of digits_best, private_best, smoke", "'nope'")),
        (("experiment=nope.yaml",), ("a file for experiment",)),
        (("experiment=smoke", "experiment=private_best"), ("one experiment",)),
    ],
)
def test_refused(run: Run, tmp_path: Path, words: tuple[str, ...], told: tuple[str, ...]) -> None:
    refused(run("train.py", *words), *told, code=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("private_best", "an experiment of supervised; received 'private_best', which is one of train"),
        ("train/digits_best.yaml", r"digits_best\.yaml, which is one of train\)"),
    ],
)
def test_one_of_another_command_is_told_as_such(project: Path, name: str, told: str) -> None:
    given = project / "conf" / "experiment" / name if "/" in name else name
    with pytest.raises(ConfigError, match=told):
        compose("supervised", SCHEMAS["supervised"], [f"experiment={given}"])


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ("config", "hid_dim: 32"),
        ("defaults", "| experiment/train/smoke"),
        ("defaults-tree", "experiment/train: smoke"),
        ("searchpath", "Search path"),
    ],
)
def test_what_hydra_says(run: Run, about: str, told: str) -> None:
    done = run("train.py", "--info", about, "experiment=smoke")
    assert (done.returncode, done.stderr) == (0, "")
    assert told in done.stdout
