"""The command that the tuner prints publishes the winner: composed, it asks for the same model, served as measured."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from mnist_etc.artifacts.fingerprint import fingerprint
from mnist_etc.composition import compose
from mnist_etc.export.config import ExportCommand, InputType, TritonConfig, Variant
from mnist_etc.export.repository import COMMAND
from mnist_etc.serving.config import TuneCommand
from mnist_etc.serving.tuning.candidates import candidates
from mnist_etc.serving.tuning.tune import export_command

ASKED = [
    [],
    ["data=digits", "artifacts=my models", "autoencoder.epochs=1", "classifier.epochs=1", "data.validation=700"],
    ["features=scattering", "classifier.private=true", "privacy.target_epsilon=3", "seed=7"],
    ["triton.max_batch_size=32", "triton.preferred_batch_size=[]", "triton.warmup=[1]", "triton.version_policy=all"],
    ["data=folder", "data.root=it's $HOME", "data.name=mine", "classifier.hidden_units=[4,2]"],
    ["input_type=[uint8]", "variant=[int8]", "instances=[3]", "intra_op_threads=[0]", "preferred_batch_size=[0,4]"],
]


def composed(line: str) -> ExportCommand:
    assert line.startswith(COMMAND)
    return compose("export", ExportCommand, shlex.split(line.removeprefix(COMMAND)))


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_it_publishes_the_winner_of_the_model_that_was_searched(words: list[str]) -> None:
    command = compose("tune", TuneCommand, words)
    for winner in (candidates(command)[0], candidates(command)[-1]):
        export = composed(export_command(command, winner))
        assert fingerprint(export, export.autoencoder, export.classifier) == fingerprint(
            command, command.autoencoder, command.classifier
        )
        assert (export.artifacts, export.data) == (command.artifacts, command.data)
        assert export.triton == winner.config(command.triton).triton
        assert (export.input_type, export.variant) == (winner.input_type, winner.variant)


def test_it_says_nothing_that_is_the_default_and_nothing_secret() -> None:
    words = ["data=digits", "force=true", "run_name=mine", "tracking_uri=http://user:secret@host", "privacy.seed=12345"]
    command = compose("tune", TuneCommand, words)
    default = compose("export", ExportCommand, [])
    winner = replace(
        candidates(command)[0],
        **{
            key: getattr(default.triton, key)
            for key in ("instances", "intra_op_threads", "max_queue_delay_microseconds")
        },
        preferred_batch_size=next(iter(default.triton.preferred_batch_size), 0),
        input_type=default.input_type,
        variant=default.variant,
    )
    command.triton = TritonConfig(**vars(default.triton))
    assert export_command(command, winner) == f"{COMMAND} data=digits privacy.seed=12345"
    other = replace(winner, input_type=InputType.uint8, variant=Variant.int8)
    assert export_command(command, other).split()[3:] == [
        *("data=digits", "privacy.seed=12345", "input_type=uint8", "variant=int8"),
    ]
