"""What a training shows while it runs: a bar, on a terminal, and about ten lines."""

from __future__ import annotations

import sys
import time
from typing import Self

from tqdm import tqdm

__all__ = ["Progress"]

LINES = 10
"""Of a training of more epochs; all of them are in its history."""


class Progress:
    """Epoch, loss, images per second and time left of one training.

    Args:
        label: what is trained.
        epochs: how many in all.
        images: images an epoch.
        finished: epochs done by an earlier run.
    """

    def __init__(self, label: str, *, epochs: int, images: int, finished: int) -> None:
        self.label, self.epochs, self.images, self.epoch = label, epochs, images, finished
        self._seen = 0
        self._epoch_began = self._began = time.perf_counter()
        self._bar = tqdm(
            total=epochs * images,
            initial=finished * images,
            desc=label,
            unit=" images",
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def advance(self, images: int, note: str) -> None:
        """Count ``images`` more, and show ``note`` beside the bar."""
        self._seen += images
        self._bar.set_description(f"{self.label} epoch {self.epoch + 1}/{self.epochs} {note}")
        self._bar.update(images)

    def start_epoch(self) -> None:
        """Set the epoch's clock."""
        self._epoch_began = time.perf_counter()

    def images_per_second(self) -> float:
        """Speed over this epoch so far, if it is through."""
        return self.images / (time.perf_counter() - self._epoch_began)

    def finish_epoch(self, metrics: dict[str, float]) -> None:
        """Count an epoch, and print its line if it is the first, the last or one of some ten between."""
        self.epoch += 1
        if self.epoch > 1 and self.epoch * LINES // self.epochs == (self.epoch - 1) * LINES // self.epochs:
            return
        left = (time.perf_counter() - self._began) / self._seen * self.images * (self.epochs - self.epoch)
        figures = "  ".join(f"{name} {value:.5f}" for name, value in metrics.items() if name != "images_per_second")
        tqdm.write(
            f"{self.label}  epoch {self.epoch}/{self.epochs}  {figures}  "
            f"{metrics['images_per_second']:,.0f} images/s  {left:.0f} s left",
            file=sys.stdout,
        )
        sys.stdout.flush()
