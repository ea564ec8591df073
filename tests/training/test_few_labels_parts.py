"""The parts of a training from few labels: the schedule, the lesson, questions that people answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_etc.artifacts.config import FewLabelsCommand
from mnist_etc.artifacts.remedies import words_of_use
from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError, LabelError
from mnist_etc.export.config import ExportCommand
from mnist_etc.labels.config import LabelsConfig
from mnist_etc.labels.pool import fingerprint
from mnist_etc.labels.store import LabelStore
from mnist_etc.labels.strategies.pool import Choice
from mnist_etc.sweep.config import SweepCommand
from mnist_etc.training.few_labels.questions import Questions
from mnist_etc.training.few_labels.schedule import Schedule
from mnist_etc.training.few_labels.student import Lesson
from mnist_etc.training.few_labels.teacher import Regression, agreed


def test_the_budget_is_spent_to_the_last_label_and_never_beyond() -> None:
    for budget in (2, 7, 50, 99, 100, 101, 1000, 7500):
        for lessons in (1, 2, 4):
            for share in (0, 0.5):
                schedule = Schedule.of(LabelsConfig(budget=budget, lessons=lessons, network_share=share))
                counts = [*schedule.by_regression, *schedule.by_network]
                assert counts == sorted(counts)
                assert counts[-1] == budget
                assert schedule.by_network[0] == schedule.by_regression[-1]
                assert len(schedule.by_network) == lessons
    schedule = Schedule.of(LabelsConfig(budget=1000, validation=200, lessons=3, network_share=0.5, growth=2))
    assert schedule.by_regression == (50, 100, 200, 400)
    assert schedule.by_network == (400, 600, 800)


def test_a_command_that_uses_a_model_finds_the_folder_of_its_training() -> None:
    for words in ([], ["labels.budget=77", "labels.strategy=badge", "labels.url=sqlite:///a.db", "model.epochs=2"]):
        training = compose("few_labels", FewLabelsCommand, ["data=digits", *words])
        use = compose("export", ExportCommand, words_of_use(training, training.model, training.labels))
        assert use.model == training.model
        there = RunFolder.of(training, training.model, training.labels).path
        assert RunFolder.of(use, use.model, use.few_labels).path == there
        assert "a.db" not in there.name
        assert there != RunFolder.of(training, training.model).path


def test_a_search_counts_the_labels_of_all_its_trials() -> None:
    few = ["model=student", "sweep.command=few_labels", "labels.budget=100"]
    for words in (few, [*few, "labels.url=sqlite:///one.db"], [*few, "labels.validation=20"], few[:2]):
        with pytest.raises(ConfigError, match=r"labels\."):
            compose("sweep", SweepCommand, words)
    with pytest.raises(ConfigError, match=r"labels\.budget"):
        compose("sweep", SweepCommand, ["model=student", "labels.budget=100"])
    compose("sweep", SweepCommand, [*few, "labels.url=sqlite:///one.db", "labels.validation=20"])


def test_a_class_without_a_label_has_no_probability() -> None:
    features = np.array([[0.0, 1], [0, 0.9], [1, 0], [0.9, 0]], np.float32)
    told = Regression(features[[0, 2]], np.array([1, 2]), 4).of(features)
    assert told[:, [0, 3]].max() == 0
    assert told.argmax(axis=1).tolist() == [1, 1, 2, 2]
    assert Regression(features[[0]], np.array([3]), 4).of(features)[:, 3].tolist() == [1, 1, 1, 1]
    one = np.array([[0.6, 0.4], [0.9, 0.1]], np.float32)
    assert agreed([one, one[::-1]]).tolist() == pytest.approx(np.array([[0.75, 0.25]] * 2))


def test_a_lesson_is_sharpened_and_an_asked_image_has_its_label() -> None:
    images = np.zeros((4, 8, 8), np.uint8)
    guesses = np.array([[0.6, 0.4], [0.9, 0.1], [0.5, 0.5], [0.2, 0.8]], np.float32)
    settings = LabelsConfig(budget=2, temperature=0.5, confidence=0.55, certainty=1, asked_share=0.4)
    lesson = Lesson.of(images, guesses, np.array([3]), np.array([0]), settings)
    assert lesson.targets[0] == pytest.approx(np.array([0.36, 0.16]) / 0.52)
    assert lesson.targets[3].tolist() == [1, 0]
    assert lesson.weights.mean() == pytest.approx(1)
    assert lesson.weights[3] == pytest.approx(0.4 * 4)
    assert lesson.weights[2] == 0
    assert lesson.weights[1] / lesson.weights[0] == pytest.approx(0.9 / 0.6)


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    """A database of twelve images that people are to label."""
    images = np.random.default_rng(0).integers(256, size=(12, 8, 8), dtype=np.uint8)
    return LabelStore.create(
        f"sqlite:///{tmp_path}/people.db",
        images=images,
        names=("no", "yes"),
        labels=None,
        budget=12,
        dataset=fingerprint(images),
    )


def first_free(
    asked: NDArray[np.int64], _: NDArray[np.int64], barred: NDArray[np.int64], more: int
) -> tuple[str, Choice]:
    free = np.setdiff1d(np.arange(12), np.concatenate([asked, barred]))[:more]
    return "random", Choice(indices=free, scores=np.zeros(len(free)))


def test_questions_wait_for_people_and_a_skipped_one_is_replaced(
    store: LabelStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ending = Questions(store, 12, validation=0, seed=0, wait=False)
    with pytest.raises(LabelError, match=r"4 questions wait for people.*labels serve labels\.url=sqlite"):
        ending.reach(4, first_free)
    assert [one.index for one in store.waiting()] == [0, 1, 2, 3]

    def people(_: float) -> None:
        """Answer one question at each look; they cannot tell image 1."""
        index = next(one.index for one in store.waiting())
        if index == 1:
            store.skip(1, who="ann")
        else:
            store.answer(index, index % 2, who="ann")

    monkeypatch.setattr("time.sleep", people)
    asked, labels = Questions(store, 12, validation=0, seed=0, wait=True).reach(4, first_free)
    assert asked.tolist() == [0, 2, 3, 4]
    assert labels.tolist() == [0, 0, 1, 0]
    assert store.status().paid == 4
    assert capsys.readouterr().out.count("questions wait for people") == 1


def skipping(store: LabelStore, monkeypatch: pytest.MonkeyPatch, skipped: set[int]) -> None:
    """People who cannot tell some images, and call any other a yes."""

    def look(_: float) -> None:
        assert store.waiting(), "it waits for nobody"
        for one in store.waiting():
            if one.index in skipped:
                store.skip(one.index, who="ann")
            else:
                store.answer(one.index, 1, who="ann")

    monkeypatch.setattr("time.sleep", look)


def test_nobody_waits_where_too_many_images_were_skipped(store: LabelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    skipping(store, monkeypatch, {4, 7})
    questions = Questions(store, 12, validation=0, seed=0, wait=True)
    with pytest.raises(LabelError, match=r"12 answers in .*; received 10, and no image is left .* 2 were skipped"):
        questions.reach(12, first_free)
    assert len(questions.reach(10, first_free)[0]) == 10


def test_another_image_judges_in_place_of_a_skipped_one(store: LabelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = Questions(store, 12, validation=3, seed=0, wait=True)
    skipped = set(questions.apart[:2].tolist())
    skipping(store, monkeypatch, skipped)
    apart, judged = questions.validation()
    assert judged.tolist() == [1, 1, 1]
    assert not skipped & set(apart.tolist())
    assert not set(questions.reach(6, first_free)[0].tolist()) & (skipped | set(apart.tolist()))
    with pytest.raises(LabelError, match="2 were skipped"):
        questions.reach(8, first_free)


def test_labels_to_judge_by_are_paid_and_not_learned_from(tmp_path: Path) -> None:
    images, labels = np.arange(12 * 64, dtype=np.uint16).astype(np.uint8).reshape(12, 8, 8), np.arange(12) % 2
    store = LabelStore.create(
        f"sqlite:///{tmp_path}/known.db",
        images=images,
        names=("no", "yes"),
        labels=labels,
        budget=7,
        dataset=fingerprint(images),
    )
    questions = Questions(store, 12, validation=3, seed=0, wait=True)
    apart, judged = questions.validation()
    assert judged.tolist() == labels[apart].tolist()
    assert apart.tolist() == questions.apart.tolist()
    asked, told = questions.reach(4, first_free)
    assert not set(asked.tolist()) & set(questions.apart.tolist())
    assert told.tolist() == labels[asked].tolist()
    assert store.status().paid == 7
    again = Questions(store, 12, validation=3, seed=0, wait=True)
    again.validation()
    assert again.reach(4, first_free)[0].tolist() == asked.tolist()
    assert store.status().paid == 7
    with pytest.raises(LabelError):
        again.reach(5, first_free)
