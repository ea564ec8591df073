"""Decoding in several threads at once."""

from __future__ import annotations

import io
import sys
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from mnist_etc.data.config import Polarity
from mnist_etc.data.decode import decode_file


def test_the_process_is_afterwards_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(file, "PNG")
    content, wrong = file.getvalue(), []
    before, filters = Image.MAX_IMAGE_PIXELS, [*warnings.filters]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", before)

    def decode() -> None:
        for _ in range(200):
            picture = decode_file(io.BytesIO(content), "the body", Polarity.auto)
            if picture.gray.shape != (28, 28):
                wrong.append(picture)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=decode) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
    assert before == Image.MAX_IMAGE_PIXELS
    assert warnings.filters == filters
