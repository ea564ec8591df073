"""ZOO, the models that read an image and give logits: what `train_.supervised` trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_etc.errors import ConfigError
from mnist_etc.registry import Registry, resolve

if TYPE_CHECKING:
    import keras

__all__ = ["ZOO", "ZooModel"]


@dataclass(frozen=True, kw_only=True)
class ZooModel:
    """A row of `ZOO`."""

    help: str
    build: str | Callable[..., object]
    """``module:function``, or the function: ``(config, seed, side, classes)`` to a `keras.Model`, image
    ``(batch, side, side, 1)`` in [0, 1] to logits ``(batch, classes)``."""
    layers: frozenset[str]
    """Class names of the Keras layers that it is made of: a clipping engine has to know each."""
    reads: frozenset[str] = frozenset()
    """Those of `mnist_etc.models.config.HYPERPARAMETERS` that it reads."""
    trains: str | Callable[..., object] | None = None
    """``(config, model, seed)`` to the network that is fitted where it is more than the model that is published: image
    to logits and the image rebuilt, sharing the model's weights."""

    def network(self, config: object, seed: int, side: int, classes: int) -> keras.Model:
        """A fresh network; see `build`.

        Raises:
            ConfigError: it does not answer with as many logits as there are classes.
        """
        model = resolve(self.build)(config, seed, side, classes)
        if model.output_shape[1:] != (classes,):
            raise ConfigError(
                f"Expected a model of {classes:,} logits, one a class; received one of output {model.output_shape}. "
                "Build its last layer of as many units as it is told classes."
            )
        return model

    def fitted(self, config: object, model: keras.Model, seed: int) -> keras.Model:
        """What is fitted, so that ``model`` is."""
        return model if self.trains is None else resolve(self.trains)(config, model, seed)


ZOO: Registry[ZooModel] = Registry("model")

ZOO.add(
    "cnn",
    ZooModel(
        help="small: four convolutions",
        build="mnist_etc.models.cnn:build_cnn",
        layers=frozenset({"Conv2D", "MaxPooling2D", "Flatten", "Dense"}),
        reads=frozenset({"width"}),
    ),
)
