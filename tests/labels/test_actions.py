"""``python -m mnist_etc labels``: from pictures without labels to answers in a file and back."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from label_stores import NAMES, file_of, made
from PIL import Image
from support import Run, refused

from mnist_etc.labels.pool import fingerprint, read_pool
from mnist_etc.labels.store import LabelStore

LABELS = ("-m", "mnist_etc", "labels")
PHOTOS = ("data=folder", "data.root=photos", "data.classes=[cross,bar]", "data.prepare=none", "labels.budget=3")
HERE = "labels.url=sqlite:///labels.db"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of four pictures, in folders that are no classes."""
    for index in range(4):
        picture = np.full((40, 40), 255, np.uint8)
        picture[18 + index : 22 + index, 5:35] = 0
        picture[5:35, 18:22] = np.where(index % 2, 0, picture[5:35, 18:22])
        place = tmp_path / f"photos/{index % 2 + 2020}/{index}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place)
    return tmp_path / "photos"


def test_a_folder_without_labels_is_answered_from_a_file(run: Run, photos: Path, tmp_path: Path) -> None:
    done = run(*LABELS, "init", *PHOTOS, HERE)
    assert done.returncode == 0, done.stderr
    assert "4 images, 2 classes, a budget of 3; people answer" in done.stdout
    store = LabelStore.open(f"sqlite:///{tmp_path}/labels.db")
    assert [item.file for item in store.items()] == ["2020/0.png", "2020/2.png", "2021/1.png", "2021/3.png"]
    (tmp_path / "mine.csv").write_text("file,label\n2021/1.png,cross\n0.png,bar\n")
    done = run(*LABELS, "import", "mine.csv", HERE, "who=ada")
    assert done.stdout == "2 answers by ada, 2 of them paid, at sqlite:///labels.db\n", done.stderr
    assert store.opinions() == {2: {"ada": 0}, 0: {"ada": 1}}
    shown = run(*LABELS, HERE).stdout.splitlines()
    assert [line.split() for line in shown if line.split()[0] in ("paid", "left", "cross")] == [
        ["paid", "2"],
        ["left", "1"],
        ["cross", "1"],
    ]
    assert shown[-1] == f"a replay of 3 rows proves 2 paid answers; the last row is {store.status().head}"


def test_answers_go_to_label_studio_and_come_back(run: Run, photos: Path, tmp_path: Path) -> None:
    assert run(*LABELS, "init", *PHOTOS, HERE).returncode == 0
    shutil.copy(tmp_path / "labels.db", tmp_path / "other.db")
    store = LabelStore.open(f"sqlite:///{tmp_path}/labels.db")
    store.answer(3, 0, who="ada")
    store.answer(1, 1, who="ada")
    store.answer(1, 0, who="bob")
    done = run(*LABELS, "export", "tasks.json", HERE)
    assert done.stdout == "3 answers to 2 images in tasks.json\n", done.stderr
    first, second = json.loads((tmp_path / "tasks.json").read_text())
    assert first["data"]["file"] == "2021/3.png"
    assert first["data"]["image"].startswith("data:image/png;base64,")
    (result,) = first["annotations"][0]["result"]
    assert (result["type"], result["value"], result["to_name"]) == ("choices", {"choices": ["cross"]}, "image")
    assert [one["result"][0]["value"]["choices"] for one in second["annotations"]] == [["bar"], ["cross"]]
    done = run(*LABELS, "import", "tasks.json", "labels.url=sqlite:///other.db", "who=studio")
    assert done.returncode == 0, done.stderr
    other = LabelStore.open(f"sqlite:///{tmp_path}/other.db")
    assert other.opinions() == {3: {"studio": 0}, 1: {"studio": 0}}, "of several annotations the last one"
    assert run(*LABELS, "export", "table.csv", HERE).returncode == 0
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert [(row["index"], row["file"], row["label"], row["who"]) for row in rows] == [
        ("3", "2021/3.png", "cross", "ada"),
        ("1", "2020/2.png", "bar", "ada"),
        ("1", "2020/2.png", "cross", "bob"),
    ]


def test_a_task_as_label_studio_writes_it_is_taken(run: Run, tmp_path: Path) -> None:
    """With the fields of its own export, a cancelled annotation, and a task that nobody annotated."""
    store = made(f"sqlite:///{tmp_path}/labels.db", known=False)
    (item,) = store.items([5])

    def annotation(name: str, *, cancelled: bool = False) -> dict[str, object]:
        value = {"id": "x", "from_name": "tag", "to_name": "img", "type": "choices", "value": {"choices": [name]}}
        return {"id": 7, "completed_by": 10, "was_cancelled": cancelled, "lead_time": 4.2, "result": [value]}

    tasks = [
        {
            "id": 1,
            "data": {"image": "/data/upload/1/e8-x.png", "sha256": item.image},
            "annotations": [annotation("dog")],
        },
        {"id": 2, "data": {"index": 6}, "annotations": [annotation("owl"), annotation("cat", cancelled=True)]},
        {"id": 3, "data": {"index": 7}, "annotations": [annotation("cat", cancelled=True)], "predictions": []},
        {"id": 4, "data": {"index": 8}, "annotations": []},
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    done = run(*LABELS, "import", "tasks.json", HERE, "who=ada")
    assert done.returncode == 0, done.stderr
    assert store.opinions() == {5: {"ada": NAMES.index("dog")}, 6: {"ada": NAMES.index("owl")}}


GOOD = {"data": {"index": 1}, "annotations": [{"result": [{"type": "choices", "value": {"choices": ["cat"]}}]}]}
LIST = json.dumps([GOOD, GOOD])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", ("a list of tasks in JSON",)),
        ("a.json", "{}", ("a list of tasks in JSON", "dict")),
        ("a.json", "[" * 100_000, ("a list of tasks in JSON",)),
        ("a.json", "[1]", ("data and annotations in task 1",)),
        ("a.json", LIST.replace("cat", "fox"), ("the classes cat, dog, owl", "fox")),
        (
            "a.json",
            LIST[:-1] + ', {"data": {"index": 99}, "annotations": ' + json.dumps(GOOD["annotations"]) + "}]",
            ("99",),
        ),
        ("a.json", LIST.replace('["cat"]', '["cat", "dog"]'), ("one choice in task 1",)),
        ("a.json", LIST.replace('"index"', '"page"'), ("sha256, file or index", "task 1")),
        ("a.csv", "index,class\n1,cat\n", ("columns label", "index, class")),
        ("a.csv", "index,label\n1,cat\nx,dog\n", ("an image of the pool in line 3", "'x'")),
        ("a.csv", "sha256,label\nabc,dog\n", ("sha256 'abc'",)),
    ],
)
def test_a_file_with_one_wrong_answer_is_taken_not_at_all(
    run: Run, tmp_path: Path, name: str, content: str, words: tuple[str, ...]
) -> None:
    store = made(f"sqlite:///{tmp_path}/labels.db", known=False)
    (tmp_path / name).write_text(content)
    refused(run(*LABELS, "import", name, HERE, "who=ada"), *words)
    assert store.status().rows == 1


def test_init_again_raises_the_budget_and_nothing_else(run: Run, tmp_path: Path) -> None:
    words = ("init", "data=digits", HERE)
    assert run(*LABELS, *words, "labels.budget=2").returncode == 0
    store = LabelStore.open(f"sqlite:///{tmp_path}/labels.db")
    store.ask([0, 1], who="trainer", strategy="s", scores=[0, 0])
    assert run(*LABELS, *words, "labels.budget=5", "who=lead").returncode == 0
    assert (store.status().left, store.verify()) == (3, 2)
    assert [row.who for row in store.rows() if row.event.value == "budget"] == ["lead"]
    refused(run(*LABELS, *words, "labels.budget=4"), "a budget of 5 or more")
    refused(run(*LABELS, *words, "labels.budget=9", "labels.known=false"), "labels.known=false", "labels.known=true")
    assert store.status().budget == 5


def test_words_without_a_key(run: Run) -> None:
    refused(run(*LABELS, "sevre"), "action as one of init, serve", "'sevre'", "serve?", code=2)
    refused(run(*LABELS, "export", "a.json", "b.json"), "action and file", "'b.json'", code=2)
    refused(run(*LABELS, "export"), "a file that ends in .json or .csv", code=2)
    refused(run(*LABELS, "export", "a.txt"), "a file that ends in .json or .csv", "a.txt", code=2)
    refused(run(*LABELS, "status", "a.json"), "no file to status", code=2)
    refused(run(*LABELS, "status", "action=export"), "one action", "'status'", code=2)
    shown = run(*LABELS, "--help").stdout
    assert "action:\n  init " in shown
    assert "\n  import " in shown


def test_the_pool_is_all_that_may_be_trained_on(photos: Path) -> None:
    from mnist_etc.composition import compose
    from mnist_etc.labels.actions.config import LabelsCommand

    digits = read_pool(compose("labels", LabelsCommand, ["data=digits"]).data)
    assert digits.labels is not None
    assert digits.images.shape == (1437, 28, 28)
    assert digits.dataset == fingerprint(digits.images)
    words = ["data=folder", f"data.root={photos}", "data.prepare=none", "data.classes=[cross,bar]"]
    below = read_pool(compose("labels", LabelsCommand, words).data)
    (photos / "train").mkdir()
    for folder in ("2020", "2021"):
        for path in list((photos / folder).iterdir()):
            shutil.move(path, photos / "train")
    inside = read_pool(compose("labels", LabelsCommand, words).data)
    assert below.labels is inside.labels is None
    assert below.files == ("2020/0.png", "2020/2.png", "2021/1.png", "2021/3.png")
    assert inside.files == ("0.png", "1.png", "2.png", "3.png")
    for name in ("bar", "cross"):
        (photos / "train" / name).mkdir()
    for index, name in enumerate(("bar", "cross", "bar", "cross")):
        shutil.move(photos / f"train/{index}.png", photos / "train" / name)
    labeled = read_pool(compose("labels", LabelsCommand, words).data)
    assert labeled.labels is not None
    assert labeled.labels.tolist() == [1, 1, 0, 0], "numbered as data.classes has them"


def test_the_database_is_one_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/labels.db"
    made(url).ask([1], who="a", strategy="b", scores=[1])
    assert [path.name for path in file_of(url).parent.iterdir()] == ["labels.db"]
