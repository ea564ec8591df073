"""What is done to features before a fit, and what the published classifier takes over of it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from mnist_etc.errors import ConfigError
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
