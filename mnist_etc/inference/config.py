"""The schema of ``conf/infer.yaml``."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_etc.artifacts.config import UseCommand
from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.dataset import SIDE
from mnist_etc.errors import ConfigError
from mnist_etc.schema import between, path, text
from mnist_etc.serving.protocol import WireProtocol

__all__ = ["AUTO", "PRETRAINED", "InferCommand"]


AUTO, PRETRAINED = "auto", "pretrained"
"""As ``model``: the trained one or, where none of the configuration is there, the pretrained one for a user's own
digits; and that one, the network for handwritten digits that comes with the package."""


@dataclass(kw_only=True)
class InferCommand(UseCommand):
    """The keys of ``infer.py``: the training keys choose the model, the rest says what to classify."""

    input: str | None = path(null="the dataset's test split")
    """An image, a folder of them, an IDX, npz or npy file or a zip of IDX files; null: the dataset's test split."""
    input_key: str | None = text(null="the usual name")
    """Which array of an npz file, or file of a zip, holds the images; null: that of a usual name, or the only one."""
    labels: str | None = path(null="those that the input holds, or its folders")
    """A file with the labels of the input: CSV or TSV ``file,label``, one label a line, IDX or npy; null: those in an
    array or table, or the names of the input's folders."""
    output: str | None = path(null="a CSV file under artifacts, named after the input")
    """The file of the answers, ``.csv``, ``.parquet`` or ``.jsonl``; ``-``: standard output, as CSV."""
    summary: str | None = path(null="none")
    """The ``.json`` file of what all came to: accuracy, classes, speed, warnings; ``-``: standard output."""
    top: int = between(1, 1000)
    """Classes that an answer names, the most probable first."""
    prepare: Prepare
    """The preparation of the input; the dataset's, unless given."""
    polarity: Polarity
    split: bool
    """Whether to answer each figure of a picture that shows several, from left to right."""
    show: str | None = path(null="no pictures")
    """The folder for sheets that show each input beside what the model saw; null: none."""
    threads: int = between(0, 1024)
    """Threads of ONNX Runtime; 0: one a core."""
    server: str | None = text(null="ONNX Runtime on this machine")
    """The ``host:port`` of a Triton server that classifies instead; null: ONNX Runtime, here."""
    protocol: WireProtocol
    """The protocol to that server: its HTTP port takes http, its gRPC port the others."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        for key, given in (
            ("split=true", self.split),
            ("show", self.show is not None),
            ("input_key", self.input_key is not None),
            ("labels", self.labels is not None),
        ):
            if given and self.input is None:
                raise ConfigError(f"Expected {key} with an input; received none. Pass input=<file or folder>.")
        if self.model.name == PRETRAINED and self.server is not None:
            raise ConfigError("Expected model=pretrained or server=; received both. Leave one of them out.")
        if self.output == self.summary == "-":
            raise ConfigError("Expected output=- or summary=-; received both. Give one of them a file.")
        if self.model.name == PRETRAINED and self.data.side != SIDE:
            raise ConfigError(
                f"Expected data.side={SIDE} with model=pretrained, which reads {SIDE} x {SIDE}; received "
                f"data.side={self.data.side}. Leave one of them out."
            )

    @classmethod
    def models(cls) -> tuple[str, ...]:
        """What ``model`` may name."""
        return (AUTO, PRETRAINED, *super().models())
