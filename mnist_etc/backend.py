"""TensorFlow, loaded late, quietly and repeatably."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["load_tensorflow"]


def load_tensorflow() -> None:
    """Import TensorFlow and Keras (5 to 8 s) and make their operations deterministic.

    No generator is seeded: whatever is drawn has a seed of its own (`mnist_etc.seeds`).
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _quiet_stderr(), _uncollected():
        import keras
        import tensorflow as tf

        tf.config.list_logical_devices()
    tf.config.experimental.enable_op_determinism()
    keras.utils.clear_session()  # layers are numbered anew, so a file holds the same names whatever was built before


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage in what is imported, which stays: that takes an eighth of TensorFlow's import."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what native code writes to stderr; show it only if the block fails.

    TensorFlow logs a few lines before its log level applies.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
