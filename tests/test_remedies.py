"""A printed command does what was asked for: composed again, it gives the same settings."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from support import TINY, Run

from mnist_etc.artifacts import remedies
from mnist_etc.artifacts.config import AutoencoderCommand, ClassifierCommand
from mnist_etc.artifacts.fingerprint import fingerprint
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.composition import compose
from mnist_etc.inference.config import InferCommand

ASKED = [
    [],
    ["data=digits", "features=scattering", "classifier.private=true", "artifacts=X", "classifier.epochs=45"],
    ["autoencoder.private=true", "classifier.private=true", "privacy.target_epsilon=1", "privacy.delta=1e-6"],
    ["classifier.private=true", "privacy.noise_multiplier=2.5", "privacy.accountant=rdp", "features=scattering"],
    ["classifier.hidden_units=[256,64]", "seed=7", "data.split_seed=3", "data.validation=100"],
    ["classifier.fine_tune=true", "classifier.augment=true", "classifier.augmentation.rotation=20"],
    ["data=fashion_mnist", "autoencoder.learning_rate=0.003", "autoencoder.output_activation=sigmoid"],
    ["data=folder", "data.root=my photos/it's $HOME", "data.name=mine", "data.prepare=none", "artifacts=a b"],
    ["data.name=other", "data.root=/data", "autoencoder.hid_dim=16"],
    ["data=digits", "data.name=other", "data.validation=100"],
    ["data=folder", "data.root=photos"],
    ["data=digits", "data.side=32"],
    ["data=digits", r"""data.classes=['a, b','it\'s','say "x"','7','Ä','null','end\\']"""],
    ["run_name=secret", "tracking_uri=http://user:secret@host", "force=true"],
]


def arguments(line: str, program: str) -> list[str]:
    assert line.startswith(program), line
    return shlex.split(line.removeprefix(program))


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_each_command_gives_what_was_asked_for(words: list[str]) -> None:
    config = compose("infer", InferCommand, words)
    wanted = fingerprint(config, config.autoencoder, config.classifier)
    folder = ArtifactFolder.of(config)
    full = folder.full_model(config.autoencoder, config.classifier).remedy
    assert "secret" not in full
    again = compose("infer", InferCommand, arguments(full, remedies.program("train")))
    assert fingerprint(again, again.autoencoder, again.classifier) == wanted
    assert (again.artifacts, again.data.root) == (config.artifacts, config.data.root)

    head = folder.classifier(config.autoencoder, config.classifier).remedy
    alone = compose("classifier", ClassifierCommand, arguments(head, remedies.program("classifier")))
    assert fingerprint(alone, alone.autoencoder, alone) == wanted

    first = folder.autoencoder(config.autoencoder).remedy
    encoder = compose("autoencoder", AutoencoderCommand, arguments(first, remedies.program("autoencoder")))
    assert fingerprint(encoder, encoder) == fingerprint(config, config.autoencoder)


def test_nothing_is_said_that_is_the_default() -> None:
    config = compose("infer", InferCommand, ["data=digits"])
    line = ArtifactFolder.of(config).full_model(config.autoencoder, config.classifier).remedy
    assert arguments(line, remedies.program("train")) == ["data=digits"]


def test_a_given_seed_of_the_noise_is_said_since_it_is_a_setting_like_any_other() -> None:
    config = compose(
        "infer",
        InferCommand,
        ["data=digits", "features=scattering", "classifier.private=true", "privacy.seed=123454321"],
    )
    line = ArtifactFolder.of(config).full_model(config.autoencoder, config.classifier).remedy
    assert "privacy.seed=123454321" in line.split()


def test_in_a_wheel_it_names_the_installed_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(remedies, "CHECKOUT", tmp_path)
    config = compose("infer", InferCommand, [])
    folder = ArtifactFolder.of(config)
    assert folder.full_model(config.autoencoder, config.classifier).remedy == "mnist-etc-train"
    assert folder.autoencoder(config.autoencoder).remedy.split()[0] == "mnist-etc-autoencoder"


def test_elsewhere_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = compose("infer", InferCommand, ["data=digits"])
    model = ArtifactFolder.of(config).full_model(config.autoencoder, config.classifier)
    assert "artifacts=artifacts/seed_5" in model.make("seed_5").split()
    Path("artifacts/seed_5").mkdir(parents=True)
    assert "artifacts=artifacts/seed_5_2" in model.make("seed_5").split()


def test_a_refusal_offers_a_command_that_trains(run: Run, trained: Path) -> None:
    refused = run("train.py", *TINY, "classifier.hidden_units=[4]", cwd=trained)
    assert refused.returncode == 1
    offer = refused.stderr.partition("train what is asked for elsewhere: ")[2].partition(", or replace it: ")[0]
    assert "artifacts=artifacts/hidden_units_4" in offer
    _, script, *words = shlex.split(offer)
    assert Path(script).name == "train.py"
    assert run("train.py", *words, "tracking_uri=null", cwd=trained).returncode == 0
    assert list(trained.glob("artifacts/hidden_units_4/digits/full_model_*.onnx"))
