"""``python -m train_.few_labels``: ask for labels, learn, ask again, and document the model."""

from __future__ import annotations

from mnist_etc.artifacts.config import FewLabelsCommand
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.artifacts.remedies import supervised_command
from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.artifacts.run_log import logged
from mnist_etc.data import load_test
from mnist_etc.files import exclusive
from mnist_etc.labels.pool import read_pool
from mnist_etc.tracking.tracker import start
from mnist_etc.training.few_labels.database import open_database
from mnist_etc.training.few_labels.questions import Questions
from mnist_etc.training.few_labels.training import FewLabelsTraining, unlabelled
from mnist_etc.training.recipe import run_training

__all__ = ["train_few_labels"]


def train_few_labels(command: FewLabelsCommand) -> float | None:
    """Ask, learn, ask again, hold the model to the release gates and document it.

    Returns:
        The validation accuracy, a fraction of 1, where labels were asked for it: what a sweep maximizes.

    Raises:
        ArtifactError: something of another configuration is there, or something cannot be written.
        DataError: the data cannot be read.
        GateError: a release gate failed: the files stay as a candidate.
        LabelError: the database of labels is down, of other images, or has fewer labels to tell.
        TrainingError: a fit diverged.
    """
    folder = RunFolder.of(command, command.model, command.labels)
    said = supervised_command(command, command.model, labels=command.labels)
    with logged(folder.log, command=said, quiet=command.quiet):
        pool = read_pool(command.data)
        with exclusive(ArtifactFolder.of(command).lock):
            store, pool = open_database(command, folder, pool)
            dataset = unlabelled(pool, load_test(command.data).renumbered(pool.names, "the training images"))
            questions = Questions(
                store,
                len(pool.images),
                validation=command.labels.validation,
                seed=command.data.split_seed,
                wait=command.labels.wait,
            )
            tags = {"dataset_sha256": pool.dataset}
            with start(command, command="train_.few_labels", dataset=tags, logs=folder.tensorboard) as tracker:
                figures = run_training(FewLabelsTraining(command, dataset, questions), command, dataset, tracker)
                for path in folder.fits():
                    path.unlink(missing_ok=True)
                from mnist_etc.training.release import release

                release(command, dataset, tracker, None)
        status = store.status()
        print(f"  labels         {status.paid:,} paid of {status.budget:,} at {store.place}")
        print(f"  rounds         {folder.rounds}")
    return figures.get("validation_accuracy")
