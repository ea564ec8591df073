"""The variational autoencoder (Kingma and Welling 2013, arXiv:1312.6114): what is trained around an autoencoder.

The encoder gives the mean of a Gaussian over codes. While it is trained a second head gives the logarithm of the
variance, and the decoder rebuilds the image from a code that is drawn. What is published is the encoder of means and
the decoder, an autoencoder as any other.
"""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
from keras import layers
from keras.initializers import Zeros

from mnist_etc.data.dataset import scale_pixels
from mnist_etc.models.clip import before_clip, clip_straight_through, ends_in_clip
from mnist_etc.models.losses import divergence
from mnist_etc.seeds import layer_seeds

__all__ = ["Sampling", "add_sampling", "measure"]

AUTOENCODER_LAYERS = 10
"""With weights; the draws' seed comes after theirs."""
ACTIVE = 0.01
"""Variance over images of the mean of a number of the code from which on it tells something of the image."""
BATCH = 1000


@keras.saving.register_keras_serializable("mnist_etc")
class Sampling(layers.Layer):  # type: ignore[misc]
    """Mean and log-variance ``(batch, n)`` of Gaussians to a code drawn from each, through which gradients pass.

    The reparameterization of arXiv:1312.6114, section 2.4. The state of the generator is a variable of the layer, so a
    training that goes on from a checkpoint draws what it would have drawn.

    Args:
        seed: of the generator.
    """

    def __init__(self, seed: int, **settings: object) -> None:
        super().__init__(**settings)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, mean: keras.KerasTensor, log_variance: keras.KerasTensor) -> keras.KerasTensor:
        """See `keras.layers.Layer`."""
        noise = keras.random.normal(keras.ops.shape(mean), seed=self.generator)
        return mean + keras.ops.exp(log_variance / 2) * noise

    def get_config(self) -> dict[str, object]:
        """See `keras.layers.Layer`."""
        settings: dict[str, object] = super().get_config()
        return settings | {"seed": self.seed}


def add_sampling(config: object, model: keras.Model, seed: int) -> keras.Model:  # noqa: ARG001
    """What is fitted: image ``(batch, side, side, 1)`` to the one rebuilt, mean and log-variance ``(batch, hid_dim)``.

    Args:
        config: of the autoencoder; nothing in it changes what is added.
        model: that `mnist_etc.models.autoencoder.build_autoencoder` returned; its weights are among those fitted.
        seed: of the codes that are drawn.
    """
    clips = ends_in_clip(model)
    encoder, decoder = (before_clip(model) if clips else model).layers
    *trunk, last, flatten = encoder.layers
    images = layers.Input(model.input_shape[1:])
    hidden = images
    for layer in trunk:
        hidden = layer(hidden)
    mean = flatten(last(hidden))
    log_variance = layers.Dense(mean.shape[-1], kernel_initializer=Zeros())(layers.Flatten()(hidden))
    code = Sampling(next(layer_seeds(seed, after=AUTOENCODER_LAYERS)))(mean, log_variance)
    rebuilt = decoder(code)
    return keras.Model(images, [clip_straight_through(rebuilt) if clips else rebuilt, mean, log_variance], name="vae")


def measure(fitted: keras.Model, images: npt.NDArray[np.uint8]) -> dict[str, float]:
    """``validation_kl``, nats an image, and ``validation_active_units`` of uint8 images ``(n, side, side)``.

    A number of the code is active where its mean varies with the image (Burda, Grosse and Salakhutdinov 2016,
    arXiv:1509.00519, section 5.2).

    Args:
        fitted: what `add_sampling` returned.
        images: any.
    """
    heads = keras.Model(fitted.input, fitted.outputs[1:])  # nothing is drawn: a measurement changes no training
    parts = [heads(scale_pixels(images[first : first + BATCH])) for first in range(0, len(images), BATCH)]
    total = sum(float(np.sum(divergence(*part))) for part in parts)
    means = np.concatenate([mean for mean, _ in parts])
    return {
        "validation_kl": total / len(images),
        "validation_active_units": float(np.sum(np.var(means, axis=0, dtype=np.float64) > ACTIVE)),
    }
