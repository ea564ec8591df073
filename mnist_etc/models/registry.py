"""The networks there are: autoencoders, and classifiers of features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mnist_etc.errors import ConfigError
from mnist_etc.registry import Registry, resolve

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

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
    reads: Mapping[str, float] = field(default_factory=dict)
    """Those of `mnist_etc.models.config.OF_SOME_AUTOENCODERS` that it reads, each with what null stands for; the loss
    is told them by name."""
    trains: str | Callable[..., object] | None = None
    """``(config, model, seed)`` to the network that is fitted, where it is more than what `build` gives, with whose
    weights among its own."""
    measures: str | Callable[..., object] | None = None
    """``(network that is fitted, validation images)`` to figures beside the error, by name."""
    generates: bool = False
    """Whether its decoder makes images of codes from a standard normal distribution."""
    not_private: str = ""
    """Why no private training can have it; empty: one can."""

    def network(self, *settings: object) -> keras.Model:
        """A fresh network: what `build` returns for ``settings``."""
        return resolve(self.build)(*settings)

    def fitted(self, config: object, model: keras.Model, seed: int) -> keras.Model:
        """What is fitted, so that ``model`` is."""
        return model if self.trains is None else resolve(self.trains)(config, model, seed)

    def measured(self, fitted: keras.Model, images: npt.NDArray[np.uint8]) -> dict[str, float]:
        """Figures of uint8 images ``(n, side, side)`` by the network that is fitted; see `measures`."""
        return {} if self.measures is None else resolve(self.measures)(fitted, images)

    def settings(self, config: Any) -> dict[str, float]:
        """The values of what it `reads`."""
        given = {key: getattr(config, key) for key in self.reads}
        return {key: self.reads[key] if value is None else value for key, value in given.items()}

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


KL_WEIGHT, SIGMA = 1.0, 0.1
"""Of the variational autoencoder, where nothing else is asked for."""

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
AUTOENCODERS.add(
    "vae",
    Architecture(
        help="variational: the same network, trained on codes drawn around the one it gives",
        build="mnist_etc.models.autoencoder:build_autoencoder",
        trains="mnist_etc.models.vae:add_sampling",
        measures="mnist_etc.models.vae:measure",
        layers=AUTOENCODERS["convolutional"].layers,
        loss="evidence_lower_bound",
        reads={"kl_weight": KL_WEIGHT, "sigma": SIGMA},
        generates=True,
        not_private="no clipping engine follows the codes that it draws",
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
