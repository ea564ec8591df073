"""The training commands: ``python -m train_.autoencoder``, ``python -m train_.classifier``, and both in turn."""

from mnist_etc import interrupt

interrupt.loading(__name__)
