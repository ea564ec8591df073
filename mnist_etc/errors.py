"""The exceptions a user can meet: one tree, one line each.

A message names the thing, what was expected, what was received, and the remedy.
"""

from __future__ import annotations

__all__ = [
    "ArtifactError",
    "BusyError",
    "ConfigError",
    "DataError",
    "ExportError",
    "MnistEtcError",
    "PrivacyError",
    "ServingError",
    "TrainingError",
]


class MnistEtcError(Exception):
    """Base of every error this project raises on purpose; ``exit_code`` ends the program."""

    exit_code = 1


class ConfigError(MnistEtcError):
    """A key, a type or a value of the configuration is not what the schema says."""

    exit_code = 2


class DataError(MnistEtcError):
    """A dataset or an image is missing, damaged or not of the expected form."""


class ArtifactError(MnistEtcError):
    """A file of trained weights, or its manifest, is missing, altered or of another configuration."""


class ExportError(MnistEtcError):
    """An exported model does not answer as the model it was made from."""


class BusyError(MnistEtcError):
    """Another training writes into the same folder."""


class TrainingError(MnistEtcError):
    """A training diverged."""


class PrivacyError(MnistEtcError):
    """A guarantee cannot be given: a layer without an exact rule, or an engine that is not installed."""


class ServingError(MnistEtcError):
    """A server, or a tool around it, cannot be fetched, started, reached or measured."""
