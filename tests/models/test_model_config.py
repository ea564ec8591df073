"""What of a model's fit does not go together is refused in one line, before anything is loaded."""

from __future__ import annotations

import pytest

from mnist_etc.artifacts.config import SupervisedCommand, TrainCommand
from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.export.config import ExportCommand
from mnist_etc.inference.config import InferCommand

REFUSED = {
    "model.loss=margin": "no lengths of capsules",
    "model.loss=hinge": "Expected model.loss as one of nll, mse, margin",
    "model=capsule model.loss=margin model.label_smoothing=0.1": "Expected model.label_smoothing=0",
    "model.weight_decay=0.1": "adamw, sgd, sam, sam_sgd",
    "model.nesterov=true": "Pass model.optimizer=sgd or sam_sgd",
    "model.rho=0.1": r"Expected model\.rho=0\.05 with .* Leave it out, or pass model\.optimizer=sam or sam_sgd",
    "model=nope": "Expected model as one of autoencoder, capsule, cnn, efficient, student, tiny, two_branch_cnn; ",
    "gates=nope": "Expected gates as one of default, off; received 'nope'",
    "model=efficient model.private=true": "the layer BatchNormalization, which mixes the batch",
    "model.private=true model.optimizer=sam": r"without noise.* Pass model\.optimizer=sgd",
    "model.private=true model.dropout=0.1": r"Expected model\.dropout=0 of a private model",
    "model=autoencoder model.private=true model.reconstruction_weight=1": r"model\.reconstruction_weight=0 of a",
    "model.optimizer=sam model.rho=0": "Expected model.rho between",
    "model.ema=1": "Expected model.ema between",
    "model.schedule=step": "Expected model.schedule as one of cosine, linear, constant, one_cycle",
    "model.augmentation.flip=2": "Expected model.augmentation.flip between",
}


@pytest.mark.parametrize("keys", REFUSED)
def test_refused(keys: str) -> None:
    with pytest.raises(ConfigError, match=REFUSED[keys]) as refusal:
        compose("supervised", SupervisedCommand, keys.split())
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "keys",
    [
        "model=capsule model.loss=margin model.optimizer=adamw model.weight_decay=0.05 model.ema=0.99",
        "model.loss=mse model.label_smoothing=0.1 model.optimizer=sam_sgd model.nesterov=true model.schedule=one_cycle",
        "model.private=true model.ema=0.99 model.nesterov=true model.dropout=0",
        "model=autoencoder model.private=true model.reconstruction_weight=0",
    ],
)
def test_taken(keys: str) -> None:
    compose("supervised", SupervisedCommand, keys.split())


def test_where_no_key_gives_a_weight_decay_adamw_is_adam() -> None:
    with pytest.raises(ConfigError, match=r"Pass autoencoder\.optimizer=adam\."):
        compose("train", TrainCommand, ["autoencoder.optimizer=adamw"])
    compose("train", TrainCommand, ["classifier.optimizer=sam"])


@pytest.mark.parametrize(("name", "schema"), [("infer", InferCommand), ("export", ExportCommand)])
def test_keys_of_the_zoo_are_refused_where_no_model_of_it_is_chosen(name: str, schema: type) -> None:
    for words in (["model.epochs=6"], ["model=trained", "data=digits", "model.width=8"]):
        with pytest.raises(
            ConfigError, match=r"Expected a model of the zoo with model\.(epochs|width); .*model=<one of"
        ):
            compose(name, schema, words)
    assert compose(name, schema, ["model.epochs=6", "model=cnn"]).model.epochs == 6
    compose(name, schema, ["data=digits", "autoencoder.epochs=1"])
