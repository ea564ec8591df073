"""The schema of ``conf/infer.yaml``."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_etc.artifacts.config import UseCommand
from mnist_etc.cluster import RayConfig
from mnist_etc.data.config import Polarity, Prepare
from mnist_etc.data.dataset import SIDE
from mnist_etc.errors import ConfigError
from mnist_etc.inference.engines import INFERENCE_ENGINES, LOCAL, is_folder
from mnist_etc.schema import between, one_of, path, text
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
    """The file of the answers, ``.csv``, ``.parquet`` or ``.jsonl``; ``-``: standard output, as CSV; ``answers/``, with
    a slash: a folder of Parquet shards, one a part of the input, by which a killed run goes on."""
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
    engine: str = one_of(INFERENCE_ENGINES)
    """What answers the parts of an input where ``output`` is a folder."""
    ray: RayConfig
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
        self._check_folder()
        if self.output == self.summary == "-":
            raise ConfigError("Expected output=- or summary=-; received both. Give one of them a file.")
        if self.model.name == PRETRAINED and self.data.side != SIDE:
            raise ConfigError(
                f"Expected data.side={SIDE} with model=pretrained, which reads {SIDE} x {SIDE}; received "
                f"data.side={self.data.side}. Leave one of them out."
            )

    def _check_folder(self) -> None:
        """Refuse what does not go with a folder of shards, or with none."""
        INFERENCE_ENGINES[self.engine].require_installed()
        if not is_folder(self.output):
            if self.engine != LOCAL:
                raise ConfigError(
                    f"Expected output=<folder>/ with engine={self.engine}, one shard a part; received output="
                    f"{self.output or 'null'}. End it in a slash."
                )
            return
        if self.input is None:
            raise ConfigError("Expected an input with a folder as output; received none. Pass input=<file or folder>.")
        for key in ("labels", "show", "server"):
            if getattr(self, key) is not None:
                raise ConfigError(
                    f"Expected {key}=null with a folder of shards as output; received {getattr(self, key)}. Leave one "
                    "of them out."
                )

    @classmethod
    def models(cls) -> tuple[str, ...]:
        """What ``model`` may name."""
        return (AUTO, PRETRAINED, *super().models())
