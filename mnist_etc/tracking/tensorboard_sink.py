"""TensorBoard as a sink of the tracker: event files, and the codes of images for its projector."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mnist_etc.files import inside, write_bytes
from mnist_etc.tracking.codes import Codes, Pixels

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TensorboardSink"]

SHEETS = ("sheet.png", "samples.png")
"""Of a folder of pictures that has the first, these alone are shown: they hold all of them."""
CONFIG = "projector_config.pbtxt"


class TensorboardSink:
    """A folder that ``tensorboard --logdir`` reads: a run in it, and runs within that one in folders of it.

    TensorFlow is imported by the first `start`. What an earlier run left in the same folder is replaced.

    Args:
        folder: of the outer run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: list[_Run] = []

    def __str__(self) -> str:
        """What a warning calls it."""
        return f"TensorBoard in {self._folder}"

    def start(self, name: str | None, tags: Mapping[str, str]) -> None:
        """Start a run; an outer one has the folder itself, whatever its name."""
        folder = inside(self._runs[-1].folder, _word(name or "run")) if self._runs else self._folder
        self._runs.append(_Run(folder))
        for key, words in {**({"name": name} if name else {}), **tags}.items():
            self.tag(key, words)

    def end(self, status: str) -> None:
        """End the innermost open run."""
        if status != "FINISHED":
            self.tag("status", status)
        self._runs.pop().writer.close()

    def parameters(self, settings: Mapping[str, Any]) -> None:
        """Show settings as a table."""
        rows = [f"| {key} | {_cell(str(value))} |" for key, value in settings.items()]
        self._write(lambda tf: tf.summary.text("settings", "\n".join(["| key | value |", "| --- | --- |", *rows]), 0))

    def tag(self, name: str, words: str) -> None:
        """Show words as a text."""
        self._write(lambda tf: tf.summary.text(f"tags/{name}", words, 0))

    def metrics(self, values: Mapping[str, float], epoch: int | None) -> None:
        """Draw scalars over epochs; those of a whole run stand apart, at its last epoch."""
        run = self._runs[-1]
        run.epoch, group = (run.epoch, "whole_run/") if epoch is None else (epoch, "")
        self._write(
            lambda tf: [tf.summary.scalar(f"{group}{name}", value, run.epoch) for name, value in values.items()]
        )

    def pictures(self, folder: Path, epoch: int | None) -> None:
        """Show the PNGs of a folder, under its name without the epoch that ends it; of one with a sheet its sheets."""
        sheets = [folder / name for name in SHEETS if (folder / name).is_file()]
        paths = sheets if folder / SHEETS[0] in sheets else sorted(folder.glob("*.png"))
        for path in paths:
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB" if picture.mode != "L" else "L"))
            self._show(f"{re.sub(r'_[0-9]+$', '', folder.name)}/{path.stem}", pixels, epoch)

    def picture(self, name: str, make: Callable[[], Pixels], epoch: int | None) -> None:
        """Show a picture."""
        self._show(name, make(), epoch)

    def codes(self, name: str, make: Callable[[], Codes]) -> None:
        """Write what the projector shows; see `mnist_etc.tracking.tracker.Tracker.codes`."""
        codes, run, word = make(), self._runs[-1], _word(name)
        values, sprite = io.BytesIO(), io.BytesIO()
        np.savetxt(values, codes.values, "%.7g", "\t")
        Image.fromarray(_sprite(codes.images)).save(sprite, "PNG")
        run.embeddings[word] = EMBEDDING.format(name=word, side=codes.images.shape[1])
        files = {f"{word}.tsv": values.getvalue(), f"{word}_labels.tsv": _metadata(codes).encode()}
        files |= {f"{word}_sprite.png": sprite.getvalue(), CONFIG: "".join(run.embeddings.values()).encode()}
        for file, content in files.items():  # what names the others comes last
            write_bytes(inside(run.folder, file), content)

    def model(
        self,
        name: str,
        path: Path,
        example: npt.NDArray[np.float32],
        answer: npt.NDArray[np.float32],
        tags: Mapping[str, str],
    ) -> None:
        """Nothing: it keeps no models."""

    def _show(self, name: str, pixels: Pixels, epoch: int | None) -> None:
        step = self._runs[-1].epoch if epoch is None else epoch
        self._write(lambda tf: tf.summary.image(name, pixels.reshape(1, *pixels.shape[:2], -1), step))

    def _write(self, record: Callable[[Any], object]) -> None:
        """Record in the innermost run, readable at once."""
        import tensorflow as tf

        writer = self._runs[-1].writer
        with writer.as_default():
            record(tf)
        writer.flush()


EMBEDDING = """embeddings {{
  tensor_name: "{name}"
  tensor_path: "{name}.tsv"
  metadata_path: "{name}_labels.tsv"
  sprite {{
    image_path: "{name}_sprite.png"
    single_image_dim: {side}
    single_image_dim: {side}
  }}
}}
"""
"""An entry of the projector's configuration, a text of the protocol buffer ``ProjectorConfig``."""


class _Run:
    """An open event file."""

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self.folder, self.epoch = folder, 0
        self.embeddings: dict[str, str] = {}
        for old in [*folder.glob("events.out.tfevents.*"), folder / CONFIG]:  # TensorBoard would draw them as one
            old.unlink(missing_ok=True)
        self.writer = tf.summary.create_file_writer(str(folder))


def _metadata(codes: Codes) -> str:
    """A line an image; the projector wants the names of the columns first where there are several, and only there."""
    if not codes.more:
        return "".join(f"{label}\n" for label in codes.labels)
    rows = [("class", *codes.more), *zip(codes.labels, *codes.more.values(), strict=True)]
    return "".join("\t".join(" ".join(word.split("\t")) for word in row) + "\n" for row in rows)


def _sprite(images: Pixels) -> Pixels:
    """Images ``(n, side, side)`` row by row in a square of as many rows as columns, black where there is none."""
    count, side = len(images), images.shape[1]
    columns = int(np.ceil(np.sqrt(count)))
    whole = np.zeros((columns * columns, side, side), np.uint8)
    whole[:count] = images
    return np.asarray(
        whole.reshape(columns, columns, side, side).swapaxes(1, 2).reshape(columns * side, columns * side)
    )


def _word(name: str) -> str:
    """As a part of a file's name and of the projector's configuration."""
    return re.sub(r"[^0-9A-Za-z_-]", "_", name)


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")
