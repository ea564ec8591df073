"""The attacked model, in its parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mnist_etc.artifacts.chosen import Chosen
from mnist_etc.artifacts.config import UseCommand
from mnist_etc.artifacts.fingerprint import fingerprint
from mnist_etc.artifacts.manifest import classes
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.attack.examples import Examples
from mnist_etc.attack.networks import apply
from mnist_etc.data.dataset import Split, scale_pixels
from mnist_etc.models.full_model import read_full_model, read_zoo_model
from mnist_etc.models.h5 import read_h5
from mnist_etc.models.registry import AUTOENCODERS
from mnist_etc.models.zoo import ZOO

__all__ = ["VictimModel"]

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class VictimModel:
    """Encoder, decoder and classifier of a trained full model on the hidden code.

    A model of the zoo counts as an encoder whose code the logits are.
    """

    encoder: keras.Model
    decoder: keras.Model | None
    """None where nothing was trained to rebuild images from codes."""
    classifier: keras.Model
    manifest: dict[str, Any]
    """Of the full model."""

    @classmethod
    def of(cls, command: UseCommand) -> VictimModel:
        """What the training keys of ``command`` choose.

        Raises:
            ArtifactError: there is none, or it is altered, or its autoencoder is another's.
        """
        chosen, side = Chosen.of(command), command.data.side
        path = chosen.artifact.h5
        manifest = chosen.verified(path)
        count = len(classes(manifest))
        if command.model.name in ZOO:
            full = read_zoo_model(command.model, path, classes=count, side=side)
            nothing = keras.Sequential([keras.layers.Input((count,)), keras.layers.Activation("linear")])
            return cls(full, None, nothing, manifest)
        half = ArtifactFolder.of(command).autoencoder(command.autoencoder)
        half.verify(half.h5, fingerprint(command, command.autoencoder))
        autoencoder = AUTOENCODERS[command.autoencoder.model].network(command.autoencoder, 0, side)
        read_h5(autoencoder, half.h5)
        full = read_full_model(command.autoencoder, command.classifier, path, classes=count, side=side)
        return cls(full.layers[0], autoencoder.get_layer("decoder"), full.layers[1], manifest)

    @property
    def hid_dim(self) -> int:
        """Numbers of a code."""
        return int(self.encoder.output_shape[-1])

    def examples(self, split: Split, *, photos: int = 1, seed: int = 0) -> Examples:
        """The images of ``split`` with their codes, and the logits of so many photos of each."""
        codes = self.codes(split.images)
        told = Examples.photographed(
            lambda pixels: self.logits(self.codes(pixels)), split.images, split.labels, count=photos, seed=seed
        )
        return replace(told, codes=codes)

    def codes(self, images: NDArray[np.uint8]) -> Array:
        """Codes ``(n, d)`` of images uint8 ``(n, side, side)``."""
        return np.asarray(apply(self.encoder, scale_pixels(images)))

    def decode(self, codes: NDArray[np.floating[Any]]) -> Array:
        """Images ``(n, side, side)`` in [0, 1] of codes ``(n, d)``."""
        assert self.decoder is not None, "attacks that decode run on models with a decoder"
        images = apply(self.decoder, codes.astype(np.float32))
        return np.asarray(np.clip(images, 0, 1)).reshape(-1, *self.encoder.input_shape[1:3])

    def logits(self, codes: Array) -> Array:
        """Logits ``(n, classes)`` of codes ``(n, d)``."""
        return np.asarray(self.classifier(codes, training=False))

    def logits_of_images(self, images: Array) -> Array:
        """Logits ``(n, classes)`` of images ``(n, side, side)`` in [0, 1]."""
        return self.logits(np.asarray(apply(self.encoder, images[..., None])))

    def linear_head(self) -> tuple[Array, Array] | None:
        """Kernel ``(d, classes)``, bias ``(classes,)`` of a classifier of one linear layer on a code that is decoded.

        Without a bias it is 0.
        """
        if self.decoder is None:
            return None
        weights, layers = self.classifier.get_weights(), self.classifier.layers
        linear = len(layers) == 1 and isinstance(layers[0], keras.layers.Dense)
        if not linear or layers[0].activation is not keras.activations.linear:
            return None
        kernel, *bias = weights
        return kernel, bias[0] if bias else np.zeros(kernel.shape[1], np.float32)
