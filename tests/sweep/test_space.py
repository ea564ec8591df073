"""The search space: what it draws, and what is none."""

from __future__ import annotations

import shlex
from pathlib import Path

import optuna
import pytest
from omegaconf import OmegaConf
from support import ROOT, SCHEMAS

from mnist_etc.artifacts.config import SupervisedCommand
from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.models.zoo import ZOO
from mnist_etc.schema import check
from mnist_etc.sweep.space import Space

CONDITIONAL = """
model.optimizer: { type: categorical, choices: [adam, sgd] }
model.weight_decay: { type: float, low: 1e-5, high: 1e-2, log: true, if: { model.optimizer: sgd } }
model.epochs: { type: int, low: 2, high: 10, step: 4 }
model.warmup: { low: 0, high: 0.2, step: 0.1 }
"""


def read(folder: Path, text: str) -> Space:
    (folder / "space.yaml").write_text(text)
    return Space.read(folder / "space.yaml", SupervisedCommand)


def test_what_is_drawn(tmp_path: Path) -> None:
    space = read(tmp_path, CONDITIONAL)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [space.suggest(study.ask()) for _ in range(60)]
    assert {one["model.optimizer"] for one in drawn} == {"adam", "sgd"}
    for one in drawn:
        assert ("model.weight_decay" in one) == (one["model.optimizer"] == "sgd")
    assert {one["model.epochs"] for one in drawn} == {2, 6, 10}
    assert {one["model.warmup"] for one in drawn} == {0, 0.1, 0.2}
    decays = [float(str(one["model.weight_decay"])) for one in drawn if "model.weight_decay" in one]
    assert sum(decay < 1e-3 for decay in decays) > len(decays) / 3, "its logarithm is uniform"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "keys to search in .*received none"),
        ("[]", "keys to search in .*received a list"),
        ("- a", "keys to search in .*received a list"),
        ("5", "keys to search in .*received a single value"),
        ("a: {", "YAML in"),
        ("model.widht: { low: 1, high: 2 }", "Did you mean model.width"),
        ("data.validation: { type: int, low: 1, high: 2 }", "data.validation. Remove it"),
        ("artifacts: { choices: [a, b] }", "artifacts. Remove it"),
        ("model.warmup: 3", "received 3"),
        ("model.warmup: { type: flaot, low: 0, high: 1 }", "as one of float, int, categorical"),
        ("model.warmup: { low: 1, high: 0 }", "low < high"),
        ("model.warmup: { low: 0, high: 1, log: true }", "0 < low < high"),
        ("model.warmup: { low: 0.1, high: 1, log: true, step: 0.1 }", "none where log is true"),
        ("model.warmup: { low: a, high: 1 }", "a number for low"),
        ("model.warmup: { high: 1 }", "a number for low"),
        ("model.epochs: { type: int, low: 1.5, high: 3 }", "of type int; received 1.5"),
        ("model.warmup: { low: 0, hihg: 1 }", "received 'hihg'"),
        ("model.optimizer: { type: categorical }", "a list of choices"),
        ("model.optimizer: { choices: [[adam]] }", "a list of choices"),
        ("model.warmup: { type: [float], low: 0, high: 1 }", "as one of float, int, categorical"),
        ("model.warmup: { low: 0, high: 1, if: [model.optimizer] }", "{ key: value } as the condition"),
        (
            "model.optimizer: { choices: [adam] }\nmodel.warmup: { low: 0, high: 1, if: { model.optimizer: [] } }",
            "{ key: value } as the condition",
        ),
        ("skip_export: { choices: [true, false] }", "skip_export. Remove it"),
        ("model.name: { choices: [cnn, tiny] }", "model.name. Remove it"),
        ("model.warmup: { low: 0, high: 1, if: { model.optimizer: adam } }", "a key above it"),
        (
            "model.optimizer: { choices: [adam] }\nmodel.warmup: { low: 0, high: 1, if: { model.optimizer: sgd } }",
            "a choice of model.optimizer",
        ),
    ],
)
def test_no_space(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, text)


def test_each_end_is_checked_at_every_value_of_its_conditions(tmp_path: Path) -> None:
    space = read(
        tmp_path,
        "model.optimizer: { choices: [adam, sgd, sam_sgd] }\n"
        "model.nesterov: { choices: [true, false], if: { model.optimizer: [sgd, sam_sgd] } }\n"
        "model.warmup: { low: 0, high: 0.5, if: { model.nesterov: true } }\n",
    )
    nested = [words for words in space.corners() if len(words) == 3]
    assert nested == [
        [f"model.optimizer={name}", "model.nesterov=true", f"model.warmup={end}"]
        for name in ("sgd", "sam_sgd")
        for end in (0, 0.5)
    ]


SPACES = sorted((ROOT / "conf/sweep/space").glob("*.yaml"))


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_those_of_conf(path: Path) -> None:
    """Composed once: each end is then set in what came out, which is a hundred times as fast."""
    head = shlex.split(path.read_text().splitlines()[0].partition("          ")[0])
    assert head[:4] == ["#", "python", "-m", "mnist_etc.sweep"]
    command = "train" if path.stem.startswith("train") else "supervised"
    space = Space.read(path, SCHEMAS[command])
    assert len(space.parameters) > 2
    words = [word for word in head[4:] if not word.startswith("sweep.")]
    config = OmegaConf.structured(compose(command, SCHEMAS[command], words))
    for corner in space.corners():
        check(OmegaConf.to_object(OmegaConf.merge(config, OmegaConf.from_dotlist(corner))))


def test_every_model_of_the_zoo_has_one() -> None:
    names = {path.stem for path in SPACES}
    assert {*ZOO, "train", "cnn_private", "autoencoder_private", "train_private"} <= names
