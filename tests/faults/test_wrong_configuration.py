"""A wrong key, type or range: exit code 2, one line, at once, and nothing written."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from support import SCHEMAS, Run, refused

from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.overrides import keys

AUTOENCODER = ("-m", "train_.autoencoder")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("train.py", "autoencoder.epoch=1"), ("'autoencoder.epoch'", "Did you mean autoencoder.epochs?")),
        (("train.py", "nonsense=1"), ("'nonsense'",)),
        (("infer.py", "nonsense=1"), ("'nonsense'",)),
        (("train.py", "+nonsense=1"), ("'+nonsense=1'",)),
        ((*AUTOENCODER, "hid_dim=abc"), ("hid_dim", "'abc'")),
        ((*AUTOENCODER, "hid_dim=0"), ("hid_dim between 1 and 1024", "0")),
        ((*AUTOENCODER, "hid_dim=1025"), ("hid_dim between 1 and 1024",)),
        ((*AUTOENCODER, "epochs=-1"), ("epochs between 1", "-1")),
        ((*AUTOENCODER, "learning_rate=nan"), ("learning_rate", "nan")),
        ((*AUTOENCODER, "learning_rate=inf"), ("learning_rate", "inf")),
        ((*AUTOENCODER, "output_activation=tanh"), ("output_activation", "tanh")),
        ((*AUTOENCODER, "l2_norm_clip=-1"), ("l2_norm_clip between", "-1")),
        ((*AUTOENCODER, "l2_norm_clip=0"), ("l2_norm_clip between", "0")),
        (("train.py", "privacy.noise_multiplier=-0.5"), ("privacy.noise_multiplier between", "-0.5")),
        (("train.py", "privacy.noise_multiplier=0"), ("privacy.noise_multiplier between", "0")),
        (("train.py", "privacy.noise_multiplier=1", "privacy.target_epsilon=1"), ("either", "null")),
        (("train.py", "privacy.target_epsilon=null"), ("either", "None")),
        (("train.py", "privacy.delta=0"), ("privacy.delta between",)),
        (("train.py", "privacy.accountant=moments"), ("privacy.accountant", "moments")),
        (("train.py", "privacy.engine=opacus"), ("privacy.engine", "opacus")),
        (("train.py", "features=pixels"), ("features as one of code, scattering", "'pixels'")),
        (("train.py", "classifier.hidden_units=[0]"), ("classifier.hidden_units",)),
        (("train.py", "classifier.hidden_units=[a]"), ("classifier.hidden_units",)),
        (("train.py", "data=nonsense"), ("data as one of csv, digits, ", "'nonsense'")),
        (("train.py", "data=folder"), ("data.root",)),
        (("train.py", "data.name=../escape"), ("data.name", "'../escape'")),
        (("train.py", "autoencoder=null"), ()),
        (("train.py", "=="), ("==",)),
        (("train.py", "artifacts="), ("artifacts",)),
        (("train.py", "hydra.run.dir=x"), ("hydra.run.dir",)),
        (("train.py", "--experimental-rerun", "config.pickle"), ("--experimental-rerun",)),
        (("train.py", "seed=1,2"), ("one value for seed", "python train.py -m seed=1,2")),
        ((*AUTOENCODER, "seed=1,2"), ("python -m train_.autoencoder -m seed=1,2",)),
        (("infer.py", "photo.png"), ("received 'photo.png'", "input=<path>")),
    ],
)
def test_refused(run: Run, tmp_path: Path, command: tuple[str, ...], words: tuple[str, ...]) -> None:
    refused(run(*command), *words, code=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "word", "words"),
    [
        ("train", "seed=choice(1,2)", ("one value for seed", "received 'choice(1,2)'", " -m 'seed=choice(1,2)'")),
        ("train", "data=digits,mnist", ("one value for data", " -m data=digits,mnist")),
        ("serve", "serving.poll_seconds=1,2", ("for value in 1 2;", "serving.poll_seconds=$value; done")),
        ("train", "classifier.hidden_units=256,128", ("Pass classifier.hidden_units=[256,128]",)),
        ("train", "classifier.hidden_units=[256", ("classifier.hidden_units", "'[256'", "--cfg job")),
        ("train", "data=2024_1", ("data as one of", "'2024_1'")),
        ("train", "data=null", ("data as one of", "'null'")),
        ("serve", "data=digits", ("key of the configuration", "'data'")),
        ("train", "data@x=digits", ("key of the configuration", "'data@x'")),
        ("train", "seed@x=1", ("key of the configuration", "'seed@x'")),
        ("train", "data=}", ("valid value for data", "'}'")),
        ("train", "classifier=${if:1,2,3}", ()),
        ("train", "photo.png", ("Expected key=value; received 'photo.png'.", "--cfg job")),
        ("train", "seed", ("'seed'", "Did you mean seed=<value>?")),
        ("train", "=1", ("Expected key=value; received '=1'",)),
        ("train", "seed=-1", ("between 0 and 4294967295",)),
    ],
)
def test_advice_that_can_be_followed(command: str, word: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as error:
        compose(command, SCHEMAS[command], [word])
    for each in words:
        assert each in str(error.value)
    assert not re.search("multirun|[Qq]uote|key=\\[value|\\+data", str(error.value))


@pytest.mark.parametrize("command", [("train.py", "nonsense=1"), ("train.py", "--help"), ("infer.py", "--help")])
def test_answers_without_tensorflow(run: Run, command: tuple[str, ...]) -> None:
    """Import time is what costs; the time itself is in benchmarks/."""
    done = run("-X", "importtime", *_as_module(command))
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "mnist_etc.command" in imported
    assert not imported & {"tensorflow", "keras", "mlflow", "onnxruntime", "sklearn", "matplotlib"}


def test_no_instantiation_through_hydra(run: Run, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    done = run("train.py", "+hydra.callbacks.x._target_=pathlib.Path.touch", f"+hydra.callbacks.x.self={proof}")
    assert done.returncode == 2
    assert not proof.exists()


def _as_module(command: tuple[str, ...]) -> tuple[str, ...]:
    from support import ROOT

    return (str(ROOT / command[0]), *command[1:])


def test_words_drawn_by_chance() -> None:
    """Whatever is typed: a configuration, or one line."""
    pieces = [
        "null",
        "1",
        "-1.5",
        "???",
        "${",
        "${seed}",
        "${if:1,2,3}",
        "${.x}",
        "data",
        "range(1,3)",
        "glob(*)",
        "..",
    ]
    pieces += [*"""}[]{}(),:='"\\ \n~$@/+|\udcff\0"""]
    draw, configurations = random.Random(0), 0
    for _ in range(90):
        command = draw.choice(list(SCHEMAS))
        known = [*keys(SCHEMAS[command]), "data", "features", "classifier", "".join(draw.choices(pieces, k=2))]
        sign = draw.choice(["=", "=", "=", "", "@x=", ".x="])
        word = draw.choice(known) + sign + "".join(draw.choices(pieces, k=draw.randint(0, 4)))
        try:
            compose(command, SCHEMAS[command], [word])
            configurations += 1
        except ConfigError as error:
            line = str(error)
            if not re.fullmatch(r"Expected .*[;,] received.*", line):
                pytest.fail(f"{word!r}: {line!r}")
    assert 0 < configurations < 60


def test_broken_yaml(run: Run, tmp_path: Path, project: Path) -> None:
    import shutil

    shutil.copytree(project / "conf", tmp_path / "conf")
    (tmp_path / "conf" / "common.yaml").write_text("seed: [1\n")
    refused(run("train.py"), code=2)


def test_missing_conf_names_the_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    script = "import mnist_etc.composition as c; c.PACKAGED = c.Path('nowhere'); import train_.pipeline as p; p.main()"
    refused(run("-c", script), "dvc pull conf.dvc", code=2, plain=True)
    assert run("-c", script, "--help").returncode == 0
