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
    private_layers: frozenset[str] | None = None
    """Those of what it builds for a private training, where they are others."""
    reads: frozenset[str] = frozenset()
    """Those of `mnist_etc.models.zoo_config.HYPERPARAMETERS` that it reads."""
    logits_a_length: float | None = None
    """Where the logits are lengths of capsules, in [0, 1], times a number: the number; a margin loss is of lengths."""
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

    def made_of(self, *, private: bool) -> frozenset[str]:
        """Class names of the layers of what it builds."""
        return self.private_layers if private and self.private_layers is not None else self.layers

    def fitted(self, config: object, model: keras.Model, seed: int) -> keras.Model:
        """What is fitted, so that ``model`` is."""
        return model if self.trains is None else resolve(self.trains)(config, model, seed)


ZOO: Registry[ZooModel] = Registry("model")

CONVOLUTIONAL = frozenset({"Conv2D", "MaxPooling2D", "AveragePooling2D", "ReLU", "Flatten", "Dense"})
"""Each of which a private training can follow."""
LOGITS_A_LENGTH = 10.0
"""Of the capsules."""
RESIDUAL = frozenset({"Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D", "GlobalAveragePooling2D", "Add", "Dense"})

ZOO.add(
    "cnn",
    ZooModel(
        help="small: four convolutions",
        build="mnist_etc.models.cnn:build_cnn",
        layers=CONVOLUTIONAL | {"BatchNormalization"},
        private_layers=CONVOLUTIONAL,
        reads=frozenset({"width", "dropout"}),
    ),
)
ZOO.add(
    "student",
    ZooModel(
        help="the network of train_.few_labels: cnn, varied more",
        build="mnist_etc.models.cnn:build_cnn",
        layers=CONVOLUTIONAL | {"BatchNormalization"},
        private_layers=CONVOLUTIONAL,
        reads=frozenset({"width", "dropout"}),
    ),
)
ZOO.add(
    "efficient",
    ZooModel(
        help="best accuracy for its cost: residual blocks",
        build="mnist_etc.models.efficient:build_efficient",
        layers=RESIDUAL,
        reads=frozenset({"width", "depth", "dropout"}),
    ),
)
ZOO.add(
    "tiny",
    ZooModel(
        help="under 8,000 weights",
        build="mnist_etc.models.tiny:build_tiny",
        layers=RESIDUAL - {"Add"},
        reads=frozenset({"width"}),
    ),
)
ZOO.add(
    "two_branch_cnn",
    ZooModel(
        help="two convolutions side by side, 28 million weights",
        build="mnist_etc.models.two_branch_cnn:build_two_branch_cnn",
        layers=frozenset({"Conv2D", "GroupedConv2D", "MaxPooling2D", "Add", "Flatten", "Dense"}),
        reads=frozenset({"dropout"}),
    ),
)
ZOO.add(
    "capsule",
    ZooModel(
        help="capsules routed by self-attention, or dynamically",
        build="mnist_etc.models.capsule:build_capsule",
        trains="mnist_etc.models.capsule:add_decoder",
        layers=frozenset(
            {"Conv2D", "BatchNormalization", "ReLU", "DepthwiseConv2D", "Reshape", "Squash", "Capsules", "LengthLogits"}
        ),
        reads=frozenset({"width", "routing", "reconstruction_weight"}),
        logits_a_length=LOGITS_A_LENGTH,
    ),
)
ZOO.add(
    "autoencoder",
    ZooModel(
        help="the autoencoder's encoder and a linear head, trained end to end beside the decoder",
        build="mnist_etc.models.end_to_end:build_end_to_end",
        trains="mnist_etc.models.end_to_end:add_decoder",
        layers=frozenset({"Conv2D", "MaxPooling2D", "Flatten", "Dense"}),
        reads=frozenset({"hid_dim", "reconstruction_weight"}),
    ),
)
