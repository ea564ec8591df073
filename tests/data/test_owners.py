"""Whose each image is: where it is read from, whom the validation split gets, which images of a person are kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import data_config, refusal, write_idx_dataset

from mnist_etc.data import Split, load, load_test
from mnist_etc.data.dataset import hold_out
from mnist_etc.data.owners import keep_per_owner, number_owners, read_owners
from mnist_etc.data.registry import DATASETS, DatasetKind
from mnist_etc.errors import ConfigError
from mnist_etc.schema import check

WRITERS = ("ann", "bob", "eve", "zoe")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two training images of each label by each of four writers; the brightest pixel is 100 and the writer's place."""
    for part in ("train", "test"):
        for label in range(10):
            for place, writer in enumerate(WRITERS):
                folder = tmp_path / part / str(label) / (writer if part == "train" else "")
                folder.mkdir(parents=True, exist_ok=True)
                for number in range(2):
                    pixels = np.zeros((28, 28), np.uint8)
                    pixels[10:18, 10 + number + label] = 100 + place
                    Image.fromarray(pixels).save(folder / f"{writer}{number}.png")
    return tmp_path


def split_of(owners: list[int], seed: int = 0) -> Split:
    """Images by chance, each with its place in its first pixels."""
    images = np.random.default_rng(seed).integers(0, 256, (len(owners), 28, 28), np.uint8)
    return Split(images, np.arange(len(owners)) % 10, np.array(owners))


def test_owners_are_folders_below_the_labels(root: Path) -> None:
    dataset = load(data_config("mine", "folder", root, validation=10, owners="folders"))
    for split, people in ((dataset.train, 3), (dataset.validation, 1)):
        assert split.owners is not None
        assert np.unique(split.owners).tolist() == list(range(people))
        for person in range(people):
            assert len(np.unique(split.images[split.owners == person].max((1, 2)))) == 1
    everyone = [set(split.images.max((1, 2)).tolist()) for split in (dataset.train, dataset.validation)]
    assert sorted(everyone[0] | everyone[1]) == [100, 101, 102, 103]
    assert not everyone[0] & everyone[1], "nobody is in both"
    assert dataset.test.owners is None


def test_an_image_in_no_owners_folder_is_refused(root: Path) -> None:
    config = data_config("mine", "folder", root, validation=10, owners="folders")
    shutil.move(root / "train/4/bob/bob0.png", root / "train/4/stray.png")
    assert refusal(lambda: load(config)) == (
        f"Expected training images in {root}/train/<class>/<owner>/ with data.owners=folders; received "
        f"{root}/train/4/stray.png (1 of 80 lie in no owner's folder). Move them, or pass data.owners=null."
    )
    assert load_test(config).owners is None
    assert load(data_config("mine", "folder", root, validation=10)).train.owners is None


def test_a_file_of_owners_serves_any_kind(tmp_path: Path) -> None:
    write_idx_dataset(tmp_path / "mine", count=40)
    names = [f"writer {number % 8}" for number in range(40)]
    (tmp_path / "owners.txt").write_bytes("\r\n".join(names).encode() + b"\r\n")
    config = data_config("mine", "idx", tmp_path, validation=5, owners=str(tmp_path / "owners.txt"))
    dataset = load(config)
    plain = load(data_config("mine", "idx", tmp_path, validation=5))
    by_image = {image.tobytes(): name for image, name in zip(_all_images(tmp_path), names, strict=True)}
    for split, people in ((dataset.train, 7), (dataset.validation, 1)):
        assert split.owners is not None
        found = {(owner, by_image[image.tobytes()]) for owner, image in zip(split.owners, split.images, strict=True)}
        assert len(found) == people
    assert len(dataset.validation) == 5
    assert dataset.sha256 != plain.sha256
    (tmp_path / "owners.txt").write_text("\n".join(names[::-1]))
    assert load(config).sha256 != dataset.sha256


def _all_images(root: Path) -> np.ndarray:
    from mnist_etc.data import catalog

    return catalog.read(root, "mine", "train").images


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a\nb\n", "Expected 3 lines in {path}, an owner for each training image; received 2."),
        (b"a\nb\nc\nd", "received 4."),
        (b"", "received 0."),
        (b"a\n \nc\n", "received an empty line 2."),
        (b"a\nb\n\xff\n", "Expected text in UTF-8 in {path}; received bytes of another kind."),
        (None, "Expected a file of owners in {path}; received No such file or directory."),
    ],
)
def test_what_no_file_of_owners_is(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "owners.txt"
    if content is not None:
        path.write_bytes(content)
    assert words.format(path=path) in refusal(lambda: read_owners(path, 3))
    assert "a directory" in refusal(lambda: read_owners(tmp_path, 3))


def test_equal_names_are_one_person(tmp_path: Path) -> None:
    path = tmp_path / "owners.txt"
    path.write_text("\ufeffzoe\nann \nzoe\n Ann\n", encoding="utf-8")
    owners = read_owners(path, 4)
    assert owners.dtype == np.int64
    assert owners[0] == owners[2]
    assert len(set(owners.tolist())) == 3
    assert sorted(set(number_owners(["b", "a", "b", "c"]).tolist())) == [0, 1, 2]


def test_without_owners_the_validation_split_is_what_it_was() -> None:
    """As the first version of this project drew it."""
    images = np.arange(50 * 784, dtype=np.int64).astype(np.uint8).reshape(50, 28, 28)
    training = Split(images, np.arange(50) % 10)
    dataset = hold_out(training, training, validation=12, seed=7)
    chosen = np.sort(np.random.default_rng(7).permutation(50)[:12])
    np.testing.assert_array_equal(dataset.validation.labels, training.labels[chosen])
    np.testing.assert_array_equal(dataset.train.labels, np.delete(training.labels, chosen))
    assert dataset.train.owners is dataset.validation.owners is None


@pytest.mark.parametrize("validation", [1, 10, 30])
def test_the_validation_split_takes_whole_people_by_chance(validation: int) -> None:
    training = split_of(np.random.default_rng(1).integers(0, 25, 90).tolist())
    first, again, other = (hold_out(training, training, validation=validation, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.validation.images, again.validation.images)
    assert len(first.validation) != len(other.validation) or (first.validation.images != other.validation.images).any()
    place = {image.tobytes(): owner for image, owner in zip(training.images, training.owners, strict=True)}
    inside, outside = ({place[image.tobytes()] for image in part.images} for part in (first.train, first.validation))
    assert not inside & outside
    biggest = np.bincount(training.owners).max()
    assert validation <= len(first.validation) < validation + biggest
    assert first.train.owners.max() + 1 == len(inside), "people are numbered without a gap"


def test_one_person_cannot_be_split() -> None:
    training = split_of([0] * 90 + [1] * 10)
    with pytest.raises(ConfigError, match=r"received 20, which with all images of the people drawn are \d+\. Pass"):
        hold_out(training, training, validation=20, seed=0)


def test_so_many_images_of_a_person_are_kept_at_most() -> None:
    split = split_of([0] * 9 + [2] * 2 + [1] * 4 + [0] * 3)
    kept = keep_per_owner(split, 3)
    assert np.bincount(kept.owners).tolist() == [3, 3, 2]
    place = {image.tobytes(): index for index, image in enumerate(split.images)}
    indices = [place[image.tobytes()] for image in kept.images]
    assert indices == sorted(indices)
    np.testing.assert_array_equal(kept.labels, split.labels[indices])
    np.testing.assert_array_equal(kept.owners, split.owners[indices])
    everything = keep_per_owner(split, 12)
    np.testing.assert_array_equal(everything.images, split.images)


def test_which_images_of_a_person_are_kept_depends_on_nobody_else() -> None:
    """Others' images changed, taken away or in another order: a draw from one generator for all would show."""
    split = split_of([0] * 9 + [1] * 9 + [2] * 9)

    def kept(rows: list[int], changed: bool = False) -> set[bytes]:
        part = split.some(np.array(rows))
        if changed:
            part.images[part.owners != part.owners[-1]] ^= 255
        return {image.tobytes() for image in keep_per_owner(part, 4).images[-4:]}

    everyone, last = list(range(27)), list(range(18, 27))
    expected = kept(everyone)
    assert kept(last) == kept([*range(5), *last]) == kept([*range(17, 2, -1), *last]) == expected
    assert kept(everyone, changed=True) == expected
    assert kept([*range(18), *last[::-1]]) == expected


def test_a_reader_may_state_owners_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    owners: object = np.repeat([7, 3, 5], 4)

    def read(config: object, part: str) -> Split:
        split = split_of([0] * 12)
        return Split(split.images, split.labels, owners)  # type: ignore[arg-type]

    monkeypatch.setitem(DATASETS._rows, "table", DatasetKind(reader=read, owners="column"))
    config = data_config("table", "table", validation=2, owners="column")
    check(config)
    assert np.bincount(load(config).train.owners).tolist() == [4, 4]
    assert load(data_config("table", "table", validation=2)).train.owners is None, "unless they are asked for"
    for wrong in (np.zeros(11, int), np.zeros(12)):
        owners = wrong
        assert "Expected 12 integer owners from data.kind=table, part train; received" in refusal(lambda: load(config))
    owners = None
    assert "as data.owners=column asks for; received none." in refusal(lambda: load(config))


def test_folders_are_known_to_a_folder_alone() -> None:
    with pytest.raises(ConfigError, match=r"with data\.kind=digits; received folders, which data\.kind=folder knows"):
        check(data_config("digits", "digits", owners="folders"))
    check(data_config("digits", "digits", owners="owners.txt"))


def test_the_training_images_have_one_name_whoever_owns_them_and_whatever_is_tested() -> None:
    """By it the ledger knows that an image-level and a person-level training are of the same images."""
    images, labels = np.arange(12, dtype=np.uint8).repeat(28 * 28).reshape(12, 28, 28), np.arange(12) % 10
    owners = np.arange(12) // 2
    plain = hold_out(Split(images, labels), Split(images[:2], labels[:2]), validation=2, seed=0)
    owned = hold_out(Split(images, labels, owners), Split(images[:1], labels[:1]), validation=2, seed=1)
    other = hold_out(Split(images[::-1], labels), Split(images[:2], labels[:2]), validation=2, seed=0)
    assert plain.training_sha256 == owned.training_sha256 != other.training_sha256
    assert plain.sha256 != owned.sha256


def test_the_same_people_have_one_name_whatever_they_are_called() -> None:
    """The ledger adds up trainings of the same people, and of no others."""
    names = [
        hold_out(split_of(owners), split_of([0]), validation=1, seed=seed).people_sha256
        for owners, seed in (([0, 1, 0, 2, 2, 1], 0), ([2, 0, 2, 1, 1, 0], 1), ([0, 0, 1, 2, 2, 1], 0))
    ]
    assert names[0] == names[1] != names[2]
    plain = Split(split_of([0] * 6).images, split_of([0] * 6).labels)
    held_out = [hold_out(plain, split_of([0]), validation=1, seed=seed) for seed in (0, 1, 0)]
    assert not held_out[0].people_sha256
    assert held_out[0].split_sha256 == held_out[2].split_sha256 != held_out[1].split_sha256
