"""The schema of ``conf/data/``: which images there are, and what is done to pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from mnist_etc.data.classes import check_names
from mnist_etc.data.dataset import SIDE, SIDES
from mnist_etc.data.registry import DATASETS
from mnist_etc.errors import ConfigError, DataError
from mnist_etc.schema import between, one_of, path, text

__all__ = ["DataConfig", "Polarity", "Prepare"]


class Prepare(Enum):
    """What is done to a user's own picture before a model sees it."""

    auto = "auto"
    """Nothing where it has MNIST's form already, else as mnist."""
    mnist = "mnist"
    """The figure is found on its paper, its strokes brought to MNIST's width, its box to 20x20, its mass centered."""
    none = "none"
    """The whole picture is scaled to 28x28, inverted where its border is light: for pictures that are no strokes."""


class Polarity(Enum):
    """Whether a user's own image shows a light figure on a dark ground, as the training images do."""

    auto = "auto"
    """Decided for each image by the brightness of its border."""
    light_on_dark = "light_on_dark"
    dark_on_light = "dark_on_light"

    @property
    def dark(self) -> bool | None:
        """Whether the figure is dark; None: to be found out."""
        match self:
            case Polarity.auto:
                return None
            case Polarity.light_on_dark:
                return False
            case Polarity.dark_on_light:
                return True
            case _:
                assert_never(self)


@dataclass(kw_only=True)
class DataConfig:
    """Where the images come from."""

    name: str
    """Letters, digits, '-' and '_'; the artifacts of every dataset but mnist stand in a folder of this name."""
    kind: str = one_of(DATASETS)
    """How the images are stored: four gzipped IDX files (idx), the 1,797 that come with scikit-learn (digits), pictures
    in ``<root>/{train,test}/<class>/*.{png,jpg}`` (folder), or what your own row of `DATASETS` reads."""
    root: str = path(empty=True)
    """Folder that holds ``<name>/`` with the files (idx), ``train/`` and ``test/`` (folder), or tables with train and
    test in their names (csv, parquet); digits need none."""
    train: str | None = path(null="the tables of root with train in their names", default=None)
    """Table of the training images, or folder of its shards (csv, parquet)."""
    test: str | None = path(null="the tables of root with test in their names", default=None)
    """Table of the test images, or folder of its shards (csv, parquet); where none holds labels, a fifth of the
    training images is held out, the same in every run."""
    image_column: str | None = text(null="the column that holds images", default=None)
    """Column of whole images in a table, trained on or given as ``input=``, where several fit."""
    label_column: str | None = text(null="the column named as labels are", default=None)
    """Column of the labels in a table, trained on or given as ``input=``, where several fit."""
    prepare: Prepare
    """Of a folder's images, and of what ``infer.py`` is given."""
    side: int = between(*SIDES, default=SIDE)
    """Pixels of each side of an image, a multiple of 4: what every picture is brought to, and every model reads."""
    classes: list[str] | None = text(null="those of the training images", default=None)
    """Names of the classes in the order of their numbers, where they are known apart from the training images; null: as
    the training images have them."""
    validation: int = between(1, 1_000_000)
    """Images cut from the training ones, never trained on, to choose settings by."""
    split_seed: int = between(0, 2**32 - 1)
    """Which images the validation split gets; apart from ``seed``, so that runs can be compared."""
    owners: str | None = path(null="unknown owners", default=None)
    """Whose each training image is, for a guarantee for a person with all his or her images: a file with one name a
    line, in the order of the images; a column of the table (csv, parquet); or folders, for
    ``<root>/train/<label>/<owner>/*.{png,jpg}``. null: unknown, the guarantee is for a single image."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.name):
            raise ConfigError(f"Expected data.name of letters, digits, '-' and '_'; received {self.name!r}.")
        if self.side % 4:
            raise ConfigError(f"Expected data.side as a multiple of 4; received {self.side}.")
        if self.classes is not None:
            try:
                check_names(self.classes, "data.classes")
            except DataError as error:
                raise ConfigError(str(error)) from error
        if DATASETS[self.kind].needs_root and not self.root and not self.train:
            raise ConfigError("Expected data.root=<folder>; received an empty name. Pass the folder of the images.")
        words = {DATASETS[kind].owners: kind for kind in DATASETS if DATASETS[kind].owners}
        if self.owners in words and self.owners != DATASETS[self.kind].owners:
            raise ConfigError(
                f"Expected data.owners=<file with a name for each image> with data.kind={self.kind}; received "
                f"{self.owners}, which data.kind={words[self.owners]} knows. Pass such a file."
            )
