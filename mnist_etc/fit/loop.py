"""The loop over epochs of every training, whatever a step is: resume, train, evaluate, report, keep the state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import keras

from mnist_etc.fit.checkpoint import Checkpoint, Metrics
from mnist_etc.fit.progress import Progress
from mnist_etc.fit.task import Task
from mnist_etc.fit.weights import FlatWeights

__all__ = ["Advance", "Steps", "fit"]

Advance = Callable[[int, str], None]
"""Called with images that were seen and a note for the progress bar."""


class Steps(Protocol):
    """What moves the weights of a task: plain steps or private ones."""

    task: Task
    weights: FlatWeights
    epochs: int
    images: int
    """That an epoch goes over, or is expected to."""
    optimizer: keras.optimizers.Optimizer
    secret: bool
    """Whether the checkpoint holds secret numbers, which must be on disk before anything measured goes out."""

    def run(self, epoch: int, advance: Advance) -> Metrics:
        """Train through ``epoch``, from 1, and return what was measured on the way.

        Raises:
            TrainingError: the training diverged.
        """


def fit(
    steps: Steps,
    *,
    checkpoint: Checkpoint,
    evaluate: Callable[[int], Metrics],
    report: Callable[[int, Metrics], None],
) -> list[Metrics]:
    """Fit the model of ``steps``, going on from ``checkpoint`` where it holds this training's state.

    Args:
        steps: `mnist_etc.fit.plain.PlainSteps` or `mnist_etc.fit.private.PrivateSteps` of a task.
        checkpoint: where the state goes after each epoch.
        evaluate: called after each epoch with its number, from 1; what it measures, of a private training on no
            training example.
        report: called with the number and the metrics of each epoch, earlier runs' included.

    Returns:
        The metrics of every epoch: what the steps measured, ``images_per_second`` and what ``evaluate`` returned.

    Raises:
        TrainingError: the training diverged.
        ArtifactError: the state cannot be written.
    """
    label, epochs = steps.task.label, steps.epochs
    state: Sequence[keras.Variable] = [*steps.weights.variables, *steps.optimizer.variables]
    history = checkpoint.restore(state)
    for finished, metrics in enumerate(history):
        report(finished + 1, metrics)
    if history:
        print(f"{label}  resumes after epoch {len(history)}/{epochs}", flush=True)
    elif steps.secret:
        checkpoint.save(state, history)
    steps.weights.to_model()
    with Progress(label, epochs=epochs, images=steps.images, finished=len(history)) as progress:
        for epoch in range(len(history) + 1, epochs + 1):
            progress.start_epoch()
            measured = steps.run(epoch, progress.advance)
            steps.weights.to_model()
            metrics = measured | {"images_per_second": progress.images_per_second()}
            metrics |= evaluate(epoch)
            history.append(metrics)
            checkpoint.save(state, history)  # first: what is reported is never drawn anew, on other software either
            report(epoch, metrics)
            progress.finish_epoch(metrics)
    return history
