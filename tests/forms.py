"""FORMS: the forms in which people hold pictures of digits, each written as its own library writes it.

A form is a function that writes files into a folder and returns what a user would pass as ``input=``; what is expected
of it stands beside it. ``picture_forms.py`` and its like register theirs; ``data/test_forms.py`` reads them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from samples import data_config

from mnist_etc.data import load_test
from mnist_etc.data.config import Prepare
from mnist_etc.data.inputs import InputOptions

__all__ = ["FORMS", "IMAGES", "LABELS", "Expected", "Form", "form", "read", "refused"]

TEST = load_test(data_config("digits", "digits"))
IMAGES = TEST.images[:40:4]
"""Ten digits, uint8 ``(10, 28, 28)``, light on dark."""
LABELS = TEST.labels[:40:4]
WHOLE = InputOptions(prepare=Prepare.none)
Write = Callable[[Path], Path]


@dataclass(frozen=True, kw_only=True, eq=False)
class Expected:
    """What comes of a form: images and labels, or a refusal."""

    images: NDArray[np.uint8] | None = None
    """``(n, 28, 28)``; None: the form is refused."""
    labels: Sequence[int] | None = None
    tolerance: float = 0
    """Greatest mean difference of an image, in gray levels."""
    words: str = ""
    """Of a refusal: a regular expression that its line matches."""
    said: str = ""
    """On stderr: a regular expression."""
    options: InputOptions = field(default_factory=lambda: WHOLE)


@dataclass(frozen=True, eq=False)
class Form:
    """How files come about, and what is expected of them."""

    write: Write
    expected: Expected


FORMS: dict[str, Form] = {}


def form(name: str, expected: Expected) -> Callable[[Write], Write]:
    """Register the function as the form ``name``, which is its title in the list."""

    def register(write: Write) -> Write:
        assert name not in FORMS
        FORMS[name] = Form(write, expected)
        return write

    return register


def read(
    images: NDArray[np.uint8] = IMAGES,
    labels: Sequence[int] | None = None,
    *,
    tolerance: float = 0,
    said: str = "",
    options: InputOptions = WHOLE,
) -> Expected:
    """The form is read, to these images."""
    return Expected(images=images, labels=labels, tolerance=tolerance, said=said, options=options)


def refused(words: str) -> Expected:
    """The form is refused in one line, which says what to do."""
    return Expected(words=words)
