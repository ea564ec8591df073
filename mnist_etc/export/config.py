"""The schema of ``conf/export.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnist_etc.artifacts.config import UseCommand
from mnist_etc.artifacts.gates import GatesConfig
from mnist_etc.attack.config import AttackConfig
from mnist_etc.errors import ConfigError
from mnist_etc.export.input_type import InputType
from mnist_etc.policy.config import PolicyConfig
from mnist_etc.policy.specification import parse_policy
from mnist_etc.schema import between, path, text

__all__ = ["MODEL", "ExportCommand", "InputType", "TritonConfig", "Variant", "VersionPolicy"]


MODEL = "onnx-mnist_etc"
"""The model's name in Triton."""


class Variant(Enum):
    """The arithmetic of the served graph."""

    float32 = "float32"
    int8 = "int8"
    """Statically quantized."""
    auto = "auto"
    """int8 where it is faster here and loses at most 0.1 points of accuracy."""


class VersionPolicy(Enum):
    """The versions that Triton serves."""

    specific = "specific"
    """The version that was published last, or rolled back to; other folders beside it are not looked at."""
    latest = "latest"
    """The version of the greatest number."""
    all = "all"


@dataclass(kw_only=True)
class TritonConfig:
    """The settings in ``config.pbtxt``; Triton's guide 'Model Configuration' documents each key."""

    max_batch_size: int = between(1, 4096)
    """Images that Triton puts into one batch at most."""
    instances: int = between(1, 64)
    """Copies of the model on the CPU that work side by side."""
    intra_op_threads: int = between(0, 256)
    """Threads of ONNX Runtime within an operator, for each instance; 0: one a core."""
    inter_op_threads: int = between(0, 256)
    """Threads of ONNX Runtime between operators; 0: one a core. They matter only to graphs that branch."""
    max_queue_delay_microseconds: int = between(0, 10_000_000)
    """The time that a request may wait for others to fill a batch."""
    preferred_batch_size: list[int] = between(1, 4096)
    """Batch sizes that are sent on without waiting; empty: Triton's own choice."""
    preserve_ordering: bool
    """Whether to answer in the order of the requests."""
    warmup: list[int] = between(1, 4096)
    """Batch sizes that are run before the model reports that it is ready."""
    version_policy: VersionPolicy

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        for key in ("preferred_batch_size", "warmup"):
            if any(size > self.max_batch_size for size in getattr(self, key)):
                raise ConfigError(
                    f"Expected triton.{key} of at most triton.max_batch_size, {self.max_batch_size}; "
                    f"received {getattr(self, key)}."
                )


@dataclass(kw_only=True)
class ExportCommand(UseCommand):
    """The keys of ``python -m mnist_etc.export``, which publishes the trained model that the training keys choose."""

    triton: TritonConfig
    repository: str = path()
    """Triton's model repository."""
    input_type: InputType
    variant: Variant
    policy: PolicyConfig
    attack: AttackConfig
    """The attacker that ``policy=auto`` has to withstand."""
    gates: GatesConfig
    """What is published has to pass these, or nothing is."""
    reconstruct: bool
    """Whether to fit, too, what the service shows an image's sender of it: what each output policy's answer would give
    away, ``attack.onnx`` beside the version. It takes minutes."""
    reconstruct_policies: list[str] = text()
    """The policies that it shows beside the label, as ``policies=`` of ``noprotect_reconstruction.py`` names them."""
    from_: str | None = path(null="the trained model")
    """A release's archive of a model repository, its folder, or its address by https: that is published instead."""
    rollback: bool
    """Whether to publish nothing, and put the version before the one in service into service again."""
    prune: int | None = between(1, 1000)
    """The number of newest versions to keep beside the one in service; the others are removed, nothing is published."""

    def consistent(self) -> None:
        """Refuse what no range can say; see `check`."""
        for policy in self.reconstruct_policies:
            parse_policy(policy)
        asked = {
            "rollback=true": self.rollback,
            "prune=<n>": self.prune is not None,
            "from=<release>": self.from_ is not None,
        }
        several = [word for word, given in asked.items() if given]
        if len(several) > 1:
            both = "both" if len(several) == 2 else "all"
            raise ConfigError(
                f"Expected {' or '.join(asked)}; received {both} of {', '.join(several)}. Do one after the other."
            )
