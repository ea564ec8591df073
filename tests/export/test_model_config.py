"""``config.pbtxt``: what it says, and that Triton's own protobuf reads it so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig as Message

from mnist_etc.composition import compose
from mnist_etc.errors import ExportError
from mnist_etc.export.config import ExportCommand, InputType, VersionPolicy
from mnist_etc.export.model_config import ModelConfig, decode, encode
from mnist_etc.policy.registry import POLICIES


def config(*overrides: str, version: int = 3) -> ModelConfig:
    command = compose("export", ExportCommand, list(overrides))
    return ModelConfig(triton=command.triton, input_type=command.input_type, policy="logits", version=version)


def test_names_shapes_and_types_are_what_clients_rely_on() -> None:
    message = text_format.Parse(encode(config("input_type=uint8")), Message())
    assert (message.name, message.platform, message.max_batch_size) == ("onnx-mnist_etc", "onnxruntime_onnx", 64)
    (given,), (taken,) = message.input, message.output
    assert (given.name, given.data_type, list(given.dims)) == ("input", 2, [28, 28, 1])
    assert (taken.name, taken.data_type, list(taken.dims)) == ("output", 11, [10])


def test_every_key_reaches_the_file() -> None:
    keys = ["max_batch_size=32", "instances=3", "intra_op_threads=5", "inter_op_threads=7", "preserve_ordering=true"]
    keys += ["max_queue_delay_microseconds=11", "preferred_batch_size=[4,8]", "warmup=[2]", "version_policy=all"]
    message = text_format.Parse(encode(config(*(f"triton.{key}" for key in keys))), Message())
    batching = message.dynamic_batching
    assert message.max_batch_size == 32
    assert [(group.kind, group.count) for group in message.instance_group] == [(2, 3)]
    assert message.parameters["intra_op_thread_count"].string_value == "5"
    assert message.parameters["inter_op_thread_count"].string_value == "7"
    assert message.parameters["policy"].string_value == "logits"
    assert batching.preserve_ordering
    assert (batching.max_queue_delay_microseconds, list(batching.preferred_batch_size)) == (11, [4, 8])
    assert [one.batch_size for one in message.model_warmup] == [2]
    assert message.version_policy.WhichOneof("policy_choice") == "all"


@pytest.mark.parametrize("input_type", InputType)
@pytest.mark.parametrize("policy", list(POLICIES))
@pytest.mark.parametrize("version_policy", VersionPolicy)
def test_read_back_it_is_the_same(input_type: InputType, policy: str, version_policy: VersionPolicy) -> None:
    asked = config(f"triton.version_policy={version_policy.value}", version=4)
    asked = replace(asked, input_type=input_type, policy=policy)
    read = decode(encode(asked))
    assert read == asked


@pytest.mark.parametrize(
    "names", [("no", "yes"), tuple(map(str, range(1000))), ('say "hi"', "a:b", "x, y", "=1+1", "Ж\\")]
)
@pytest.mark.parametrize("side", [8, 64])
def test_classes_and_side_are_the_models(names: tuple[str, ...], side: int) -> None:
    asked = replace(config("triton.version_policy=latest"), names=names, side=side)
    message = text_format.Parse(encode(asked), Message())
    assert list(message.input[0].dims) == list(message.model_warmup[0].inputs["input"].dims) == [side, side, 1]
    assert list(message.output[0].dims) == [len(names)]
    assert message.output[0].label_filename == "3/labels.txt"
    assert (
        tuple(asked.labels.split("\n")[:-1]) == tuple(json.loads(message.parameters["classes"].string_value)) == names
    )
    assert decode(encode(asked)) == asked


@pytest.mark.parametrize(
    ("there", "altered"),
    [
        ('[\\"0\\", \\"1\\", ', '[\\"0\\", \\"0\\", '),
        ('[\\"0\\", ', "["),
        ('\\"9\\"]', '\\"9\\"'),
        ("3/labels.txt", "4/labels.txt"),
        ("dims: [28, 28, 1]", "dims: [28, 32, 1]"),
    ],
)
def test_names_that_do_not_fit_are_refused(there: str, altered: str) -> None:
    text = encode(config())
    assert there in text
    with pytest.raises(ExportError, match=r"^Expected a config\.pbtxt as python -m mnist_etc\.export writes it"):
        decode(text.replace(there, altered))


@pytest.mark.parametrize(
    "text", ["", "name: ", "max_batch_size: 0", 'parameters { key: "policy" value { string_value: "all" } }', "\0"]
)
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ExportError, match=r"^Expected a config\.pbtxt as python -m mnist_etc\.export writes it"):
        decode(text)
