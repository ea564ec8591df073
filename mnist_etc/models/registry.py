"""The networks there are: autoencoders, and classifiers of features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_etc.errors import ConfigError
from mnist_etc.registry import Registry, resolve

if TYPE_CHECKING:
    import keras

__all__ = ["AUTOENCODERS", "CLASSIFIERS", "Architecture"]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A row of `AUTOENCODERS` or `CLASSIFIERS`."""

    help: str
    build: str | Callable[..., object]
    """``module:function``, or the function. Of an autoencoder: ``(config, seed, side)`` to a `keras.Sequential` of the
    layers ``encoder``, image ``(batch, side, side, 1)`` in [0, 1] to code ``(batch, hid_dim)``, and ``decoder``, back.
    Of a classifier: ``(config, inputs, seed, classes)`` to a `keras.Sequential`, features ``(batch, inputs)`` to logits
    ``(batch, classes)``, whose first layer is, unless ``config.private``, a `keras.layers.Dense` with a bias."""
    layers: frozenset[str]
    """Class names of the Keras layers that it is made of: a clipping engine has to know each."""
    loss: str
    """Row of `mnist_etc.models.losses.LOSSES`."""

    def network(self, *settings: object) -> keras.Model:
        """A fresh network: what `build` returns for ``settings``."""
        return resolve(self.build)(*settings)

    def head(self, config: object, inputs: int, seed: int, classes: int) -> keras.Model:
        """A fresh network of a row of `CLASSIFIERS`; see `build`.

        Raises:
            ConfigError: it does not answer with as many logits as there are classes.
        """
        model = self.network(config, inputs, seed, classes)
        if model.output_shape[1:] != (classes,):
            raise ConfigError(
                f"Expected a classifier of {classes:,} logits, one a class; received one of output "
                f"{model.output_shape}. Build its last layer of as many units as it is told classes."
            )
        return model


AUTOENCODERS: Registry[Architecture] = Registry("autoencoder")
CLASSIFIERS: Registry[Architecture] = Registry("classifier")

AUTOENCODERS.add(
    "convolutional",
    Architecture(
        help="four convolutions and their mirror image",
        build="mnist_etc.models.autoencoder:build_autoencoder",
        layers=frozenset({"Conv2D", "MaxPooling2D", "Flatten", "Reshape", "Conv2DTranspose", "ReLU", "Activation"}),
        loss="squared_error",
    ),
)
CLASSIFIERS.add(
    "dense",
    Architecture(
        help="linear, or through ReLU layers of hidden_units",
        build="mnist_etc.models.classifier:build_classifier",
        layers=frozenset({"Dense"}),
        loss="cross_entropy",
    ),
)
