"""``config.pbtxt`` from a typed configuration and back, through Triton's own protobuf."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, assert_never

from mnist_etc.data.classes import check_names
from mnist_etc.data.dataset import DIGITS, SIDE
from mnist_etc.errors import DataError, ExportError
from mnist_etc.export.config import MODEL, InputType, TritonConfig, VersionPolicy
from mnist_etc.policy.registry import POLICIES

__all__ = ["CLASSES", "LABELS", "ModelConfig", "decode", "encode"]

PLATFORM = "onnxruntime_onnx"
KIND_CPU = 2
LABELS = "labels.txt"
"""Beside a version's own ``config.pbtxt``; Triton's classification extension answers with these names."""
CLASSES = "classes"
"""The parameter with the names of the classes, a JSON list."""
THREADS = {"intra_op_threads": "intra_op_thread_count", "inter_op_threads": "inter_op_thread_count"}


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The content of one ``config.pbtxt``."""

    triton: TritonConfig
    input_type: InputType
    policy: str
    """A row of `mnist_etc.policy.registry.POLICIES`."""
    version: int
    """The version whose labels file is named, and that is in service where the version policy is specific."""
    names: tuple[str, ...] = DIGITS
    """Of the classes in the order of their numbers."""
    side: int = SIDE
    """Pixels of each side of an image."""

    @property
    def labels(self) -> str:
        """The content of the labels file: the names, one a line."""
        return "".join(f"{name}\n" for name in self.names)


def encode(config: ModelConfig) -> str:
    """Write ``config`` as the text of a ``config.pbtxt``.

    Raises:
        ExportError: Read back by Triton's protobuf, the text says something else.
    """
    from google.protobuf import text_format

    text = str(text_format.MessageToString(_message(config), as_utf8=True, use_short_repeated_primitives=True))
    said = decode(text)
    if said != config:
        raise ExportError(f"Expected a config.pbtxt that says {config}; received {said}. It was not written.")
    return text


def decode(text: str) -> ModelConfig:
    """Read the text of a ``config.pbtxt`` that this project wrote.

    Raises:
        ExportError: It is none, or has a value that this project never writes.
    """
    from google.protobuf import text_format
    from tritonclient.grpc.model_config_pb2 import ModelConfig as Message

    try:
        message = text_format.Parse(text, Message())
        return _typed(message)
    except (text_format.ParseError, LookupError, ValueError, TypeError, RecursionError, DataError) as error:
        reason = re.sub(r"\s+", " ", str(error))
        raise ExportError(
            f"Expected a config.pbtxt as python -m mnist_etc.export writes it; received: {reason}. Export again."
        ) from error


def _message(config: ModelConfig) -> Any:
    from tritonclient.grpc.model_config_pb2 import ModelConfig as Message

    triton, data_type = config.triton, _data_type(config.input_type)
    return Message(
        name=MODEL,
        platform=PLATFORM,
        max_batch_size=triton.max_batch_size,
        version_policy=_version_policy(config),
        input=[{"name": "input", "data_type": data_type, "dims": [config.side, config.side, 1]}],
        output=[
            {
                "name": "output",
                "data_type": "TYPE_FP32",
                "dims": [len(config.names)],
                "label_filename": f"{config.version}/{LABELS}",
            }
        ],
        instance_group=[{"kind": KIND_CPU, "count": triton.instances}],
        dynamic_batching={
            "max_queue_delay_microseconds": triton.max_queue_delay_microseconds,
            "preferred_batch_size": triton.preferred_batch_size,
            "preserve_ordering": triton.preserve_ordering,
        },
        parameters={name: {"string_value": value} for name, value in _parameters(config).items()},
        model_warmup=[
            {
                "name": f"batch_{size}",
                "batch_size": size,
                "inputs": {"input": {"data_type": data_type, "dims": [config.side, config.side, 1], "zero_data": True}},
            }
            for size in triton.warmup
        ],
    )


def _data_type(input_type: InputType) -> str:
    match input_type:
        case InputType.uint8:
            return "TYPE_UINT8"
        case InputType.float32:
            return "TYPE_FP32"
        case _:
            assert_never(input_type)


def _version_policy(config: ModelConfig) -> dict[str, Any]:
    match config.triton.version_policy:
        case VersionPolicy.specific:
            return {"specific": {"versions": [config.version]}}
        case VersionPolicy.latest:
            return {"latest": {"num_versions": 1}}
        case VersionPolicy.all:
            return {"all": {}}
        case _:
            assert_never(config.triton.version_policy)


def _parameters(config: ModelConfig) -> dict[str, str]:
    """Threads, which the backend reads, and what clients read: the policy, and the names of the classes."""
    threads = {name: str(getattr(config.triton, key)) for key, name in THREADS.items()}
    return threads | {"policy": config.policy, CLASSES: json.dumps(config.names, ensure_ascii=False)}


def _typed(message: Any) -> ModelConfig:
    from tritonclient.grpc.model_config_pb2 import DataType

    batching, policy = message.dynamic_batching, VersionPolicy(message.version_policy.WhichOneof("policy_choice"))
    types = {DataType.Value(_data_type(input_type)): input_type for input_type in InputType}
    names = check_names(json.loads(message.parameters[CLASSES].string_value), f"parameter {CLASSES}")
    side = message.input[0].dims[0]
    if list(message.input[0].dims) != [side, side, 1] or list(message.output[0].dims) != [len(names)]:
        raise ValueError(f"an output of {list(message.output[0].dims)} with the names of {len(names)} classes")
    return ModelConfig(
        triton=TritonConfig(
            max_batch_size=message.max_batch_size,
            instances=message.instance_group[0].count,
            max_queue_delay_microseconds=batching.max_queue_delay_microseconds,
            preferred_batch_size=list(batching.preferred_batch_size),
            preserve_ordering=batching.preserve_ordering,
            warmup=[one.batch_size for one in message.model_warmup],
            version_policy=policy,
            **{key: int(message.parameters[name].string_value) for key, name in THREADS.items()},
        ),
        input_type=types[message.input[0].data_type],
        policy=_known(message.parameters["policy"].string_value or "logits"),
        version=_version(message, policy),
        names=names,
        side=side,
    )


def _version(message: Any, policy: VersionPolicy) -> int:
    version = int(message.output[0].label_filename.partition("/")[0])
    if policy is VersionPolicy.specific and message.version_policy.specific.versions[0] != version:
        raise ValueError(f"the labels of version {version} with another version")
    return version


def _known(policy: str) -> str:
    if policy not in POLICIES:
        raise ValueError(f"policy {policy!r}, which is none of {', '.join(POLICIES)}")
    return policy
