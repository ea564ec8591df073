"""What is done to features before a fit, and what the published classifier takes over of it."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.fit.checkpoint import Checkpoint
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.training.feature_fit import LabeledFeatures, fit_on_features
from mnist_etc.training.preprocessing import Preprocessing, Standardization, Whitening


def features(count: int = 300) -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.normal(size=(count, 6)) * np.geomspace(0.1, 10, 6) + 1).astype(np.float32)


def head(*, use_bias: bool) -> keras.Model:
    model = keras.Sequential([layers.Input((6,)), layers.Dense(10, use_bias=use_bias)])
    generator = np.random.default_rng(1)
    model.set_weights([generator.normal(size=weights.shape) for weights in model.get_weights()])
    return model


@pytest.mark.parametrize(
    ("preprocessing", "use_bias"), [(Standardization(features()), True), (Whitening(features(), 0.5, 0), False)]
)
def test_the_published_classifier_of_raw_features_is_that_of_prepared_ones(
    preprocessing: Preprocessing, use_bias: bool
) -> None:
    model, prepared = head(use_bias=use_bias), features()
    preprocessing.check(model)
    preprocessing.apply(prepared)
    expected = model(prepared).numpy()
    np.testing.assert_allclose(preprocessing.fold_into(model)(features()), expected, atol=1e-4)


def test_whitened_features_have_norm_1() -> None:
    prepared = features()
    Whitening(features(), 0.5, 0).apply(prepared)
    np.testing.assert_allclose(np.linalg.norm(prepared, axis=1), 1, rtol=1e-5)


def test_standardization_is_refused_by_a_classifier_without_a_bias_before_it_is_fitted() -> None:
    with pytest.raises(ConfigError, match="first layer is a Dense with a bias"):
        Standardization(features()).check(head(use_bias=False))


@pytest.mark.parametrize("spoiled", [np.inf, 1e30])
def test_an_image_with_features_that_are_not_finite_is_not_warned_of_by_a_private_fit(
    spoiled: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line on the screen would tell that it took part."""
    keys = ["data=digits", "privacy.delta=1e-4", "classifier.private=true", "classifier.epochs=1"]
    run = compose("train", TrainCommand, [*keys, "classifier.hidden_units=[]", "classifier.batch_size=50"])
    values, labels = features(), np.arange(300) % 10
    values[3] = spoiled
    plan = PrivacyPlan.for_classifier(run.classifier, run.privacy, 300, encoder=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_on_features(
            run,
            run.classifier,
            plan,
            LabeledFeatures(values, labels),
            LabeledFeatures(features(20), labels[:20]),
            classes=10,
            checkpoint=Checkpoint(tmp_path / "checkpoint.npz", {}),
            report=lambda *_: None,
        )
    assert not capfd.readouterr().err
