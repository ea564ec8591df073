"""What a classifier reads: the hidden code of an autoencoder, or features that saw no data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_etc.registry import Registry, resolve

if TYPE_CHECKING:
    import keras

__all__ = ["FEATURES", "FeatureExtractor"]


@dataclass(frozen=True, kw_only=True)
class FeatureExtractor:
    """A row of `FEATURES`."""

    help: str
    build: str | Callable[[int], object] | None
    """``module:function``, or the function, that gives the network for images of a side: image
    ``(batch, side, side, 1)`` in [0, 1] to features ``(batch, n)``, the same at each call. None: the encoder of the
    trained autoencoder."""
    version: int = 1
    """Raised whenever the network changes: what was trained on features of another version is another training."""

    @property
    def trained(self) -> bool:
        """Whether they are those of a trained autoencoder."""
        return self.build is None

    def network(self, side: int) -> keras.Model:
        """Image ``(batch, side, side, 1)`` to features ``(batch, n)``, where they are not `trained`."""
        return resolve(self.build)(side)


FEATURES: Registry[FeatureExtractor] = Registry("kind of features")

FEATURES.add("code", FeatureExtractor(help="the autoencoder's hidden code", build=None))
FEATURES.add(
    "scattering",
    FeatureExtractor(
        help="scattering and patches, which saw no data: a private classifier spends the whole budget",
        build="mnist_etc.models.fixed_features:build_fixed_features",
        version=2,
    ),
)
