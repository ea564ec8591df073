"""What a classifier is trained on: features of the images, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_etc.artifacts.config import RunConfig
from mnist_etc.artifacts.fingerprint import fingerprint
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.data import Dataset, Split
from mnist_etc.data.surrogates import draw_surrogates
from mnist_etc.files import sha256
from mnist_etc.models.config import AutoencoderConfig, ClassifierConfig
from mnist_etc.models.features import FEATURES
from mnist_etc.models.registry import AUTOENCODERS
from mnist_etc.privacy.guarantee import Guarantee, Stage
from mnist_etc.tracking.codes import MOST, Codes

if TYPE_CHECKING:
    import keras

__all__ = ["FeatureOrigin", "before_logits", "codes_of", "compute", "expand", "find"]

WIDEST = 1024
"""Numbers of a code that is shown."""
DRAWN = 2000
"""Images of each kind that random features are fitted to."""


@dataclass(frozen=True, kw_only=True)
class FeatureOrigin:
    """Where the features of a classifier come from."""

    kind: str
    """Row of `mnist_etc.models.features.FEATURES`."""
    autoencoder: AutoencoderConfig
    weights: Path | None
    """Of the autoencoder, where the features are its code."""
    sources: dict[str, str]
    """sha256 of that file by its name."""
    stages: tuple[Stage, ...] | None
    """What the autoencoder spent on the training images; None: the features saw none of them."""
    side: int
    """Pixels of each side of an image."""

    def network(self) -> keras.Model:
        """Image ``(batch, side, side, 1)`` to features ``(batch, n)``."""
        if self.weights is None:
            return FEATURES[self.kind].network(self.side)
        from mnist_etc.models.h5 import read_h5

        whole = AUTOENCODERS[self.autoencoder.model].network(self.autoencoder, 0, self.side)
        read_h5(whole, self.weights)
        return whole.get_layer("encoder")


def find(run: RunConfig, autoencoder: AutoencoderConfig, config: ClassifierConfig, dataset: Dataset) -> FeatureOrigin:
    """The origin of the features that ``config.features`` names.

    Raises:
        ArtifactError: there is no finished autoencoder of this configuration.
    """
    if not FEATURES[config.features].trained:
        return FeatureOrigin(
            kind=config.features, autoencoder=autoencoder, weights=None, sources={}, stages=None, side=dataset.side
        )
    artifact = ArtifactFolder.of(run).autoencoder(autoencoder)
    manifest = artifact.verify(artifact.h5, fingerprint(run, autoencoder), dataset.sha256)
    return FeatureOrigin(
        kind=config.features,
        autoencoder=autoencoder,
        weights=artifact.h5,
        sources={artifact.h5.name: sha256(artifact.h5)},
        stages=Guarantee.from_manifest(manifest).stages,
        side=dataset.side,
    )


def compute(network: keras.Model, split: Split) -> npt.NDArray[np.float32]:
    """Features ``(n, ...)`` of a split's images."""
    from mnist_etc.models.answers import answer

    return answer(network, split.images)


def codes_of(network: keras.Model, split: Split) -> Codes:
    """What ``network`` makes of the first images of ``split``, for `mnist_etc.tracking.tracker.Tracker.codes`."""
    shown = split.some(np.arange(min(MOST, len(split))))
    values = compute(network, shown)
    labels = [shown.names[label] for label in shown.labels]
    return Codes(values=values.reshape(len(values), -1), images=shown.images, labels=labels)


def before_logits(model: keras.Model) -> keras.Model:
    """``model`` without its last layer, if that is a dense one on up to 1,024 numbers; else ``model`` itself."""
    import keras

    *others, last = model.layers
    if not (others and isinstance(last, keras.layers.Dense)):
        return model
    before = keras.Model(model.inputs[0], last.input)
    return before if before.output_shape[-1] <= WIDEST else model


def expand(network: keras.Model, units: int, seed: int) -> keras.Model:
    """Random functions ``(batch, units)`` of what ``network`` gives for an image; see `fit_random_features`.

    They are fitted to drawn images, so they give away nothing of the training images but what ``network`` does.
    """
    from mnist_etc.models.random_features import fit_random_features

    images = draw_surrogates(DRAWN, side=network.input_shape[1])
    drawn = Split(images, np.zeros(len(images), np.int64))
    return fit_random_features(compute(network, drawn), units, seed)
