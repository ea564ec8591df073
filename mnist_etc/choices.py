"""What a key of the configuration may be where it is one of a few words."""

from __future__ import annotations

from enum import Enum

__all__ = [
    "Accountant",
    "DataKind",
    "Engine",
    "Features",
    "Model",
    "Optimizer",
    "OutputActivation",
    "Polarity",
    "Prepare",
    "Protocol",
]


class DataKind(Enum):
    """How a dataset is stored."""

    idx = "idx"
    """Four gzipped IDX files with known checksums, downloaded when missing."""
    digits = "digits"
    """The 1,797 digits that come with scikit-learn; needs no file."""
    folder = "folder"
    """A user's own images: ``<root>/{train,test}/<label>/*.{png,jpg}``."""


class OutputActivation(Enum):
    """What the decoder's last layer applies."""

    linear = "linear"
    sigmoid = "sigmoid"
    clip = "clip"
    """Clip to [0, 1]; the gradient passes straight through, so a clipped pixel can come back."""


class Optimizer(Enum):
    """What moves the weights."""

    adam = "adam"
    sgd = "sgd"
    """Gradient descent with momentum 0.9."""


class Polarity(Enum):
    """Whether a user's own image shows a light figure on a dark ground, as the training images do."""

    auto = "auto"
    """Decided for each image by the brightness of its border."""
    light_on_dark = "light_on_dark"
    dark_on_light = "dark_on_light"


class Prepare(Enum):
    """What is done to a user's own picture before a model sees it."""

    auto = "auto"
    """Nothing where it has MNIST's form already, else as mnist."""
    mnist = "mnist"
    """The figure is found on its paper, its strokes brought to MNIST's width, its box to 20x20, its mass centred."""
    none = "none"
    """The whole picture is scaled to 28x28, inverted where its border is light: for pictures that are no strokes."""


class Model(Enum):
    """Which model classifies."""

    auto = "auto"
    """The trained one; where none of the configuration is there, the pretrained one for a user's own digits."""
    trained = "trained"
    pretrained = "pretrained"
    """The network for handwritten digits that comes with the package."""


class Features(Enum):
    """What the classifier reads."""

    code = "code"
    """The autoencoder's hidden code."""
    scattering = "scattering"
    """The scattering transform, which saw no data: no autoencoder is trained, and a private classifier spends all."""


class Protocol(Enum):
    """How images reach a server."""

    http = "http"
    grpc = "grpc"
    shm = "shm"
    """gRPC, with the images in shared memory; server and client on one machine."""


class Accountant(Enum):
    """How epsilon is computed from the noise, the sampling rate and the number of steps."""

    pld = "pld"
    """Privacy loss distributions: the tighter."""
    rdp = "rdp"
    """Renyi differential privacy."""


class Engine(Enum):
    """What clips each image's gradient and adds the noise."""

    fast = "fast"
    """This project's: exact norms layer by layer, a whole batch at once."""
    tensorflow_privacy = "tensorflow_privacy"
    """TensorFlow Privacy's GaussianSumQuery, image by image: the reference; needs Python 3.11."""
