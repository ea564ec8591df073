"""Every form of file in `forms.FORMS`, through the reading that ``infer.py`` does."""

from __future__ import annotations

import re
from pathlib import Path

import array_forms  # noqa: F401 -- registers its forms
import columnar_forms  # noqa: F401
import numpy as np
import picture_forms  # noqa: F401
import pytest
import table_forms  # noqa: F401
from forms import FORMS

from mnist_etc.data.inputs import Batch, InputOptions, open_input
from mnist_etc.errors import DataError

REMEDY = re.compile(r"\. [A-Z][a-z]+ .*\.$")
"""A message ends with a sentence of its own that says what to do."""


def everything(path: Path, options: InputOptions) -> tuple[list[Batch], list[str]]:
    """All batches, and the messages of what was refused: at once, or picture by picture."""
    try:
        batches = list(open_input(path, options).batches)
    except DataError as error:
        return [], [str(error)]
    return batches, [str(failure) for batch in batches for failure in batch.failures]


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_read_right_or_refused_in_a_line_that_says_what_to_do(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = FORMS[name].expected
    path = FORMS[name].write(tmp_path)
    batches, messages = everything(path, expected.options)
    said = capsys.readouterr().err
    if expected.images is None:
        assert len(messages) == 1
        assert re.search(expected.words, messages[0]), messages[0]
        assert REMEDY.search(messages[0]), messages[0]
        assert "\n" not in messages[0]
        assert not any(len(batch.images) for batch in batches)
        return
    assert not messages
    images = np.concatenate([batch.images for batch in batches])
    assert images.shape == expected.images.shape
    difference = np.abs(images.astype(int) - expected.images).mean(axis=(1, 2))
    assert difference.max() <= expected.tolerance
    labels = [label for batch in batches if batch.labels is not None for label in batch.labels.tolist()]
    assert labels == list(expected.labels if expected.labels is not None else [])
    assert re.search(expected.said, said) if expected.said else not said


def test_there_are_sixty_forms() -> None:
    assert len(FORMS) >= 60
