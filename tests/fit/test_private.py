"""The private loop in this process: whose noise a step takes, what lies on disk before anything goes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from private_fits import BATCH, EPOCHS, IMAGES, SETTINGS, trained

from mnist_etc.errors import ArtifactError
from mnist_etc.fit import private
from mnist_etc.fit.checkpoint import Checkpoint, Metrics
from mnist_etc.models.losses import cross_entropy
from mnist_etc.privacy import plan as plans
from mnist_etc.privacy import sampling
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.privacy.registry import ENGINES
from mnist_etc.privacy.unit import Unit

Noise = dict[int, list[np.ndarray]]


class Recording:
    """An engine that keeps the noise of each step."""

    def __init__(self, engine: Any, noise: Noise) -> None:
        self._engine, self._noise = engine, noise
        self.clipped_sum = engine.clipped_sum

    def add_noise(self, total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        noised = self._engine.add_noise(total, step)
        tf.numpy_function(
            lambda step, noise: self._noise.setdefault(int(step), []).append(noise), (step, noised - total), []
        )
        return noised


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> Noise:
    """The noise of each step taken, one step a call and one to three parts a step."""
    found: Noise = {}
    build = plans.build_engine
    monkeypatch.setattr(plans, "build_engine", lambda *args, **keys: Recording(build(*args, **keys), found))
    monkeypatch.setattr(private, "IMAGES_A_CALL", BATCH)
    monkeypatch.setattr(private, "LARGEST_PART", 15)
    monkeypatch.setattr(private, "NUMBERS_AT_ONCE", 0)
    return found


@pytest.mark.parametrize("kind", list(ENGINES))
def test_no_two_steps_share_noise_whatever_their_parts(kind: str, noise: Noise, tmp_path: Path) -> None:
    sampler = sampling.PoissonSampler(examples=IMAGES, batch_size=BATCH, seed=0, at_once=15)
    assert len({len(sampler.parts(step, step + 1).last) for step in range(20)}) > 1
    trained(Checkpoint(tmp_path / "checkpoint.npz", SETTINGS), kind)
    assert sorted(noise) == list(range(EPOCHS * IMAGES // BATCH))
    vectors = np.array([vector for drawn in noise.values() for vector in drawn])
    correlations = np.corrcoef(vectors) - np.eye(len(noise))
    assert np.abs(correlations).max() < 0.7  # of 70 numbers; a shared vector gives 1


@pytest.mark.parametrize("kind", list(ENGINES))
def test_stopped_and_gone_on_with_each_step_keeps_its_noise(kind: str, noise: Noise, tmp_path: Path) -> None:
    """Stopped before the first figure goes out, and in the second epoch."""
    path = tmp_path / "checkpoint.npz"
    for stop in (1, 2, EPOCHS + 1):

        def evaluate(epoch: int, stop: int = stop) -> Metrics:
            if epoch == stop:
                raise KeyboardInterrupt
            return {}

        if stop <= EPOCHS:
            with pytest.raises(KeyboardInterrupt):
                trained(Checkpoint(path, SETTINGS), kind, evaluate=evaluate)
        else:
            assert len(trained(Checkpoint(path, SETTINGS), kind, evaluate=evaluate)) == EPOCHS
    assert [len(noise[step]) for step in (0, IMAGES // BATCH)] == [2, 2]
    for drawn in noise.values():
        for again in drawn:
            np.testing.assert_allclose(again, drawn[0], atol=1e-5)


def test_what_is_reported_lies_in_the_checkpoint(tmp_path: Path) -> None:
    """Killed as a figure goes out, it goes on from there: an epoch that was seen is not trained again."""
    path, reported = tmp_path / "checkpoint.npz", []

    def report(epoch: int, _: Metrics) -> None:
        with np.load(path) as file:
            reported.append((epoch, len(json.loads(str(file["state"]))["history"])))

    trained(Checkpoint(path, SETTINGS), report=report)
    assert reported == [(1, 1), (2, 2)]


def test_what_stopped_on_another_encoder_lends_no_seeds(noise: Noise, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    for encoder in ("0", "1"):
        trained(Checkpoint(path, {"sources": {"encoder.h5": encoder * 64}}))
    assert not any(np.allclose(first, second, atol=1e-3) for first, second in noise.values())


def test_what_stopped_as_a_model_of_other_shapes_lends_no_seeds(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    trained(Checkpoint(path, SETTINGS))
    with pytest.raises(ArtifactError, match=r"^Expected .*checkpoint\.npz of a model of these shapes; received .*\.$"):
        trained(Checkpoint(path, SETTINGS), units=11)


def test_the_seeds_are_for_their_owners_eyes(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz", SETTINGS)
    modes = []
    trained(checkpoint, evaluate=lambda _: modes.append(checkpoint.path.stat().st_mode & 0o777) or {})
    assert modes == [0o600] * EPOCHS


def test_no_seeds_are_left_by_a_process_that_was_killed_as_it_wrote_them(tmp_path: Path) -> None:
    """SIGKILL leaves the unfinished file; what is published from this folder within the hour would hold the seeds."""
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz", SETTINGS)
    others = [tmp_path / name for name in (".mnist_etc-1-abcd_123.tmp.h5", ".own.npz", "mine.npz")]
    for path in (*others, tmp_path / ".mnist_etc-1-abcd_123.tmp.npz"):
        path.write_bytes(b"half")
    trained(checkpoint)
    checkpoint.remove()
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_products_are_not_rounded_to_tensor_float_32_in_its_steps_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, allowed, parts = tf.config.experimental, [], sampling.PoissonSampler.parts

    def watched(self: sampling.PoissonSampler, *steps: int) -> sampling.Parts:
        allowed.append(config.tensor_float_32_execution_enabled())
        return parts(self, *steps)

    monkeypatch.setattr(sampling.PoissonSampler, "parts", watched)
    config.enable_tensor_float_32_execution(True)
    trained(Checkpoint(tmp_path / "checkpoint.npz", SETTINGS))
    assert allowed == [False] * EPOCHS
    assert config.tensor_float_32_execution_enabled()


@pytest.mark.parametrize("kind", list(ENGINES))
def test_one_image_without_a_finite_gradient_neither_ends_a_training_nor_shows_in_it(kind: str, tmp_path: Path) -> None:
    """Its features are no numbers, infinite or too large for a norm: to the bit the same weights, and finite ones."""
    weights = []
    for value in (np.nan, np.inf, 1e30):
        checkpoint = Checkpoint(tmp_path / f"{value}.npz", SETTINGS)
        assert len(trained(checkpoint, kind, seed=1, spoiled=value)) == EPOCHS
        with np.load(checkpoint.path) as file:
            weights.append(file["variable_0"])
    assert np.isfinite(weights[0]).all()
    np.testing.assert_array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[0], weights[2])


class Watching:
    """An engine that keeps what goes into each step, before noise."""

    def __init__(self, engine: Any, totals: list[np.ndarray]) -> None:
        self._engine, self._totals = engine, totals
        self.clipped_sum = engine.clipped_sum

    def add_noise(self, total: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        noised = self._engine.add_noise(total, step)
        with tf.control_dependencies([tf.numpy_function(lambda total: self._totals.append(total), [total], [])]):
            return tf.identity(noised)


PEOPLE = np.concatenate([np.zeros(40, np.int64), 1 + np.arange(160) // 4])
"""Forty images of one person, four each of forty others."""


@pytest.mark.parametrize("kind", list(ENGINES))
def test_one_person_moves_a_step_by_the_clip_at_most_however_many_images(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the first step that samples the person: afterwards the weights differ."""
    build, totals = plans.build_engine, []
    for gone in (0, None):
        found: list[np.ndarray] = []
        monkeypatch.setattr(
            plans, "build_engine", lambda *args, found=found, **keys: Watching(build(*args, **keys), found)
        )
        trained(Checkpoint(tmp_path / f"{gone}.npz", SETTINGS), kind, seed=3, owners=PEOPLE, gone=gone)
        totals.append(found)
    differences = [np.linalg.norm(present - zeroed) for present, zeroed in zip(*totals, strict=True)]
    assert 0.5 < next(norm for norm in differences if norm > 1e-4) <= 1 + 1e-5


def test_a_step_takes_people_and_all_their_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step against a loop over the sampled people, from the same secret sample."""
    totals: list[np.ndarray] = []
    build = plans.build_engine
    monkeypatch.setattr(plans, "build_engine", lambda *args, **keys: Watching(build(*args, **keys), totals))
    drawn: list[sampling.Parts] = []
    parts = sampling.PoissonSampler.parts

    def kept(self: sampling.PoissonSampler, *steps: int) -> sampling.Parts:
        drawn.append(parts(self, *steps))
        return drawn[-1]

    monkeypatch.setattr(sampling.PoissonSampler, "parts", kept)
    trained(Checkpoint(tmp_path / "checkpoint.npz", SETTINGS), seed=3, owners=PEOPLE)
    indices, mask, last = drawn[0]
    ends = np.flatnonzero(last) + 1
    sampled = indices[: ends[0]][mask[: ends[0]] == 1]
    features = np.random.default_rng(0).normal(size=(IMAGES, 6)).astype(np.float32)
    labels = np.arange(IMAGES) % 10
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input((6,)), layers.Dense(10)])
    wanted = np.zeros(70)
    for person in sampled:
        gradient = np.zeros(70)
        for image in np.flatnonzero(person == PEOPLE):
            with tf.GradientTape() as tape:
                loss = cross_entropy(model, features[image : image + 1], labels[image : image + 1])[0]
            pieces = tape.gradient(loss, model.trainable_variables)
            gradient += np.concatenate([np.ravel(piece) for piece in pieces])
        wanted += gradient * min(1, 1 / np.linalg.norm(gradient))
    np.testing.assert_allclose(totals[0], wanted, atol=1e-5)


def test_a_plan_for_other_units_than_the_tasks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_training = PrivacyPlan.of_training

    def one_more(name: str, config: Any, privacy: Any, examples: int, **keys: Any) -> PrivacyPlan:
        return of_training(name, config, privacy, examples + 1, **keys)

    def of_images(*args: Any, unit: Unit) -> PrivacyPlan:
        return of_training(*args, unit=Unit.image)

    for wrong, words in ((one_more, "plan for 41 people; received one for 42 people"), (of_images, "for 41 images")):
        monkeypatch.setattr(PrivacyPlan, "of_training", wrong)
        with pytest.raises(ValueError, match=words):
            trained(Checkpoint(tmp_path / "checkpoint.npz", SETTINGS), owners=PEOPLE)
