"""Classify images with the ONNX full model on ONNX Runtime, or on a server; TensorFlow is never imported."""

from __future__ import annotations

import contextlib
import sys

from mnist_etc.errors import ExitCode
from mnist_etc.inference.classification import Classification, open_labels, open_source
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.engines import is_folder
from mnist_etc.inference.into_shards import into_shards
from mnist_etc.inference.model import open_classifier, open_second_judge, select_model
from mnist_etc.inference.output import STANDARD_OUTPUT, check_output, check_target, side_files
from mnist_etc.inference.summary import ALL_SHOWN, Summary
from mnist_etc.inference.summary_file import write_summary

__all__ = ["infer"]


def infer(config: InferCommand) -> int:
    """Classify ``config.input``, or the test split, and write the answers; show what the model saw if asked.

    Prints accuracy and per-class accuracy where labels are known, images per second, and where the files lie. Where the
    answers or the summary go to standard output, all else goes to standard error.

    Returns:
        0, or `ExitCode.SOME_SKIPPED` where images were named on stderr and skipped.

    Raises:
        ArtifactError: There is no full model of this configuration, it is altered, or the file cannot be written.
        ConfigError: ``config.server`` is not host:port, or ``output=`` or ``summary=`` cannot be written.
        DataError: Nothing could be read, or the labels do not fit the images.
        ServingError: The server does not answer, or serves another model.
    """
    reads, in_parts = [config.input, config.labels], is_folder(config.output)
    if not in_parts:
        check_output(config.output, reads, config.force)
    check_target(config.summary, "summary", (".json",), [*reads, config.output], config.force)
    run = into_shards if in_parts else _infer
    if STANDARD_OUTPUT not in (config.output, config.summary):
        return run(config)
    with contextlib.redirect_stdout(sys.stderr):
        return run(config)


def _infer(config: InferCommand) -> int:
    model = select_model(config)
    table = config.output or str(model.table)
    with open_classifier(config, model) as classifier:
        source = open_source(config, classifier.names)
        labeler = open_labels(config, source, classifier.names)
        run = Classification(config, model, classifier, source, labeler, second=open_second_judge(config, model))
        run.classify(table)
    summary = run.summary
    written = _write_side_files(config, summary, table)
    summary.show(labeler, next(iter(written), "in the summary, summary=<file.json>"))
    if run.sheets:
        first, last = run.sheets[0], run.sheets[-1]
        print(f"what the model saw: {first}" + (f" to {last.name}" if first != last else ""))
    print(f"privacy of the training images: {model.privacy}")
    if written:
        print(f"classes and confusions: {', '.join(written)}")
    write_summary(config, model, table, summary, labeler)
    print("standard output" if table == STANDARD_OUTPUT else table)
    return ExitCode.SOME_SKIPPED if summary.bad else ExitCode.DONE


def _write_side_files(config: InferCommand, summary: Summary, table: str) -> list[str]:
    """Write a row a class, the confusion matrix and its picture beside the table, where labels are known.

    Not of a dataset's test split, unless the terminal cannot show all its classes or ``output=`` is given.
    """
    asked = config.input is not None or config.output is not None or len(summary.names) > ALL_SHOWN
    names = side_files(table) if summary.labeled and asked else []
    if not names:
        return []
    from mnist_etc.evaluation.confusion_picture import write_confusion

    key, matrix = "output", summary.confusion
    matrix.write_classes(names[0], key=key)
    matrix.write(names[1], key=key)
    write_confusion(names[2], matrix, key=key)
    return [str(names[0]), *(name.name for name in names[1:])]
