"""Digit-like images from data to a tuned server, with a true account of how private the result is."""

from mnist_etc import homes, interrupt

homes.settle()
interrupt.loading(__name__)
