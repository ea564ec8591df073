"""Digit-like images from data to a tuned server, with a true account of how private the result is."""

import os

from mnist_etc import interrupt

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime reads it when it is imported
interrupt.loading(__name__)
