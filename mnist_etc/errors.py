"""What ends a command: the exceptions a user can meet, one line each, and the exit code of each.

* MnistEtcError    1   every error this project raises on purpose
  + ConfigError    2   a key, a type or a value of the configuration is wrong; nothing was written
  + DataError      1   a dataset or an image is missing, damaged or not of the expected form
  + ArtifactError  1   trained weights or their manifest are missing, altered, of another configuration or unwritable
  + ExportError    1   an exported model does not answer as the model it was made from
  + GateError      3   a model misses a release gate; it was not published
  + BusyError      1   another training writes into the same folder
  + TrainingError  1   a training diverged
  + PrivacyError   1   a guarantee cannot be given
  + ServingError   1   a server, or a tool around it, cannot be fetched, started, reached or measured

Without an exception of this tree: DONE 0, SOME_SKIPPED 3, GATES_FAILED 3, DRIFTED 3, INTERRUPTED 130, READER_GONE 141,
TERMINATED 143; see `ExitCode`.

A message about a value says what was expected, what was received, and the remedy; any other says what happened and
what to do.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "ArtifactError",
    "BusyError",
    "ConfigError",
    "DataError",
    "ExitCode",
    "ExportError",
    "GateError",
    "MnistEtcError",
    "PrivacyError",
    "ServingError",
    "TrainingError",
]


class ExitCode(IntEnum):
    """What a command ends with."""

    DONE = 0
    FAILED = 1
    """An error of this project but the next, or a file that cannot be read or written."""
    WRONG_CONFIGURATION = 2
    """A key, a type or a value is wrong, or the Python is; found before anything is written."""
    SOME_SKIPPED = 3
    """``infer``: some images could not be read and are named on stderr; the others are in the file."""
    GATES_FAILED = SOME_SKIPPED
    """``train_.supervised``, ``export``: the model misses a release gate. Its files stay, nothing was published."""
    DRIFTED = SOME_SKIPPED
    """``drift``: the answers of late are spread otherwise than those about the validation images."""
    INTERRUPTED = 130
    """Ctrl-C, 128 plus SIGINT: a training goes on from its last epoch with the same command."""
    READER_GONE = 141
    """128 plus SIGPIPE: what reads the standard output, such as ``head``, has enough. Nothing is said."""
    TERMINATED = 143
    """128 plus SIGTERM, otherwise as Ctrl-C."""


class MnistEtcError(Exception):
    """Base of every error this project raises on purpose; a command that meets one prints it and ends."""

    exit_code = ExitCode.FAILED


class ConfigError(MnistEtcError):
    """A key, a type or a value of the configuration is not what the schema says."""

    exit_code = ExitCode.WRONG_CONFIGURATION


class DataError(MnistEtcError):
    """A dataset or an image is missing, damaged or not of the expected form."""


class ArtifactError(MnistEtcError):
    """Trained weights, or their manifest, are missing, altered, of another configuration or cannot be written."""


class ExportError(MnistEtcError):
    """An exported model does not answer as the model it was made from."""


class GateError(MnistEtcError):
    """A model misses a release gate; its files stay as a candidate, and it was not published."""

    exit_code = ExitCode.GATES_FAILED


class BusyError(MnistEtcError):
    """Another training writes into the same folder."""


class TrainingError(MnistEtcError):
    """A training diverged."""


class PrivacyError(MnistEtcError):
    """A guarantee cannot be given: a layer without an exact rule, or an engine that is not installed."""


class ServingError(MnistEtcError):
    """A server, or a tool around it, cannot be fetched, started, reached or measured."""
