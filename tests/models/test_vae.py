"""The variational autoencoder against its paper: the bound, the codes drawn, what is published, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import integrate, stats
from support import TINY, TINY_MODEL, Run, refused

from mnist_etc.artifacts.config import AutoencoderCommand, TrainCommand
from mnist_etc.artifacts.fingerprint import fingerprint
from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.fit.checkpoint import Checkpoint
from mnist_etc.fit.loop import fit
from mnist_etc.fit.plain import PlainSteps
from mnist_etc.models.config import AutoencoderConfig
from mnist_etc.models.losses import divergence, evidence_lower_bound
from mnist_etc.models.registry import AUTOENCODERS
from mnist_etc.models.vae import Sampling
from mnist_etc.training.autoencoder import autoencoder_task

SIDE = 8
GENERATOR = np.random.default_rng(0)
IMAGES = np.repeat(np.repeat(GENERATOR.integers(0, 256, (48, 1, 1), np.uint8), SIDE, 1), SIDE, 2)
"""Each of one gray, so that one number of the code tells all of it."""
VAE = AUTOENCODERS["vae"]


def config(*keys: str) -> AutoencoderConfig:
    words = ["model=vae", "hid_dim=4", "epochs=3", "batch_size=8", *keys]
    return compose("train", TrainCommand, [f"autoencoder.{word}" for word in words]).autoencoder


class StoppedError(Exception):
    """In the second epoch."""


def trained(given: AutoencoderConfig, path: Path, *, stop: bool = False) -> tuple[keras.Model, keras.Model]:
    """What is published and what was fitted."""
    model = VAE.network(given, 0, SIDE)
    fitted = VAE.fitted(given, model, 0)

    def evaluate(epoch: int) -> dict[str, float]:
        if stop and epoch == 2:
            raise StoppedError
        return VAE.measured(fitted, IMAGES)

    steps = PlainSteps(autoencoder_task(given, fitted, IMAGES), given, 0)
    fit(steps, checkpoint=Checkpoint(path / "c.npz", {}), evaluate=evaluate, report=lambda *_: None)
    return model, fitted


def test_the_divergence_is_the_integral() -> None:
    mean, log_variance = (
        np.array([[0.3, -1.0], [0.0, 0.0]], np.float32),
        np.array([[-2.0, 0.7], [0.0, 0.0]], np.float32),
    )

    def integral(center: float, deviation: float) -> float:
        own, standard = stats.norm(center, deviation), stats.norm()
        return float(integrate.quad(lambda z: own.pdf(z) * (own.logpdf(z) - standard.logpdf(z)), -12, 12)[0])

    by_hand = [
        sum(integral(m, np.exp(v / 2)) for m, v in zip(*one, strict=True))
        for one in zip(mean, log_variance, strict=True)
    ]
    assert divergence(mean, log_variance).numpy() == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize(("sigma", "kl_weight"), [(0.1, 1.0), (0.5, 0.25)])
def test_the_loss_is_the_gaussian_likelihood_and_the_weighted_divergence(sigma: float, kl_weight: float) -> None:
    rebuilt = GENERATOR.random((3, SIDE, SIDE, 1), np.float32)
    mean, log_variance = GENERATOR.normal(size=(2, 3, 5)).astype(np.float32)
    images = IMAGES[:3]
    losses = evidence_lower_bound(
        lambda _: (tf.constant(rebuilt), tf.constant(mean), tf.constant(log_variance)),
        tf.constant(images),
        sigma=sigma,
        kl_weight=kl_weight,
    )
    likelihood = stats.norm.logpdf(images[..., None] / 255, rebuilt, sigma).reshape(3, -1).sum(axis=1)
    bound = (-likelihood + kl_weight * divergence(mean, log_variance).numpy()) / SIDE**2
    assert losses.numpy() == pytest.approx(bound, rel=1e-4)


def test_a_code_is_drawn_around_its_mean_and_the_gradient_passes() -> None:
    mean, log_variance = tf.fill((20_000, 2), 3.0), tf.fill((20_000, 2), np.float32(np.log(0.25)))
    layer = Sampling(7)
    with tf.GradientTape() as tape:
        tape.watch([mean, log_variance])
        codes = layer(mean, log_variance)
    drawn = np.asarray(codes)
    assert drawn.mean(axis=0) == pytest.approx([3, 3], abs=0.02)
    assert drawn.std(axis=0) == pytest.approx([0.5, 0.5], abs=0.01)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.03
    of_mean, of_variance = tape.gradient(codes, [mean, log_variance])
    assert np.asarray(of_mean) == pytest.approx(np.ones((20_000, 2)))
    assert np.asarray(of_variance) == pytest.approx((drawn - 3) / 2, abs=1e-5)
    assert not np.array_equal(drawn, layer(mean, log_variance)), "each call draws anew"
    assert np.array_equal(drawn, Sampling(7)(mean, log_variance)), "by its seed"


def test_a_resumed_fit_draws_the_same_and_comes_to_the_same_bits(tmp_path: Path) -> None:
    given = config()
    whole, fitted = trained(given, tmp_path / "whole")
    with pytest.raises(StoppedError):
        trained(given, tmp_path / "stopped", stop=True)
    again, resumed = trained(given, tmp_path / "stopped")
    state = [variable.numpy().tobytes() for variable in fitted.variables]
    assert [variable.numpy().tobytes() for variable in resumed.variables] == state
    for one, same in zip(whole.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(one, same), "what is published is what was fitted"
    (seed,) = (variable for variable in fitted.variables if "seed" in variable.path)
    assert seed.numpy().tolist()[1] == 3 * 6, "one draw a step; measuring draws nothing"
    assert not any(isinstance(layer, Sampling) for layer in whole.get_layer("encoder").layers)


def test_a_great_weight_leaves_nothing_in_the_code_a_small_one_does(tmp_path: Path) -> None:
    kept, lost = (
        VAE.measured(trained(config("epochs=20", f"kl_weight={weight}"), tmp_path / str(weight))[1], IMAGES)
        for weight in (0.01, 1000)
    )
    assert kept["validation_active_units"] >= 1
    assert kept["validation_kl"] > 1
    assert lost["validation_active_units"] == 0
    assert lost["validation_kl"] < 0.2


REFUSED = {
    "autoencoder.kl_weight=0.5": r"Expected autoencoder\.kl_weight=null with autoencoder\.model=convolutional, .*"
    r"none of them; received 0\.5\. Leave it out, or pass autoencoder\.model=vae\.",
    "autoencoder.sigma=0.1": "Expected autoencoder.sigma=null",
    "autoencoder.model=vae autoencoder.sigma=0": "Expected autoencoder.sigma between 0.001 and 10; received 0",
    "autoencoder.model=vae autoencoder.kl_weight=-1": "Expected autoencoder.kl_weight between",
    "autoencoder.model=vae autoencoder.private=true": "received vae: no clipping engine.* or autoencoder.private=false",
    "autoencoder.model=va": "Expected autoencoder.model as one of convolutional, vae; .* Did you mean vae?",
}


@pytest.mark.parametrize("keys", REFUSED)
def test_refused(keys: str) -> None:
    with pytest.raises(ConfigError, match=REFUSED[keys]) as refusal:
        compose("train", TrainCommand, keys.split())
    assert "\n" not in str(refusal.value)


def test_the_model_is_a_key_of_its_own_training_too() -> None:
    """``conf/model/`` holds the zoo, from which the autoencoder's command chooses nothing."""
    command = compose("autoencoder", AutoencoderCommand, ["model=vae", "sigma=0.2", "hid_dim=${epochs}"])
    assert (command.model, command.sigma, command.hid_dim) == ("vae", 0.2, command.epochs)
    for words, message in (("model=vea", "Did you mean vae?"), ("kl_weight=1", r"Expected kl_weight=null with model=")):
        with pytest.raises(ConfigError, match=message):
            compose("autoencoder", AutoencoderCommand, [words])


def test_what_decides_the_weights_is_in_the_fingerprint() -> None:
    def settings(*keys: str) -> dict[str, object]:
        command = compose("train", TrainCommand, [f"autoencoder.{key}" for key in keys])
        return dict(fingerprint(command, command.autoencoder)["autoencoder"])

    default = settings("model=vae")
    assert default == settings("model=vae", f"sigma={VAE.reads['sigma']}")
    assert default["kl_weight"] == VAE.reads["kl_weight"]
    assert default != settings("model=vae", "sigma=0.3")
    assert not {"kl_weight", "sigma", "model"} & settings().keys(), "earlier models keep their fingerprint"


def test_it_goes_all_the_way(run: Run, tmp_path: Path) -> None:
    """Trained, with samples for TensorBoard too; read again by commands that use it; refused under other keys."""
    key = "autoencoder.model=vae"
    done = run("train.py", *TINY, key, "tracking.tensorboard=true")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "validation_kl" in done.stdout
    folder = tmp_path / "artifacts/digits"
    with Image.open(folder / "ae_vae_h32_e1_examples_1/samples.png") as picture:
        assert picture.size == (10 * 116 + 4, 10 * 116 + 4)
    events = b"".join(path.read_bytes() for path in (folder / "logs").rglob("events*"))
    assert b"ae_vae_h32_e1_examples/samples" in events
    assert b"ae_vae_h32_e1_examples/sheet" in events
    about = json.loads((folder / "ae_vae_h32_e1_weights.json").read_text())
    assert about["configuration"]["autoencoder"]["sigma"] == VAE.reads["sigma"]
    words = ["attacks=[mean_by_answer,closed_form_posterior]", "policies=[logits]", "targets=20"]
    assert run("noprotect_reconstruction.py", *TINY_MODEL, *words, key).returncode == 0
    assert (folder / "full_model_vae_h32_ee1_ce1_reconstruction/attacks.csv").is_file()
    assert run("infer.py", *TINY_MODEL, key).returncode == 0
    assert (folder / "clsf_vae_h32_ee1_e1_inference.csv").is_file()
    refused(run("infer.py", *TINY_MODEL, key, "autoencoder.sigma=0.5"), "sigma")
