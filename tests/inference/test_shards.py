"""A folder of Parquet shards: the answers of infer.py, a part at a time, and what a killed run leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from samples import data_config, digits_model, publish
from support import ROOT, Run, environment, refused

from mnist_etc.data import load_test
from mnist_etc.errors import ExitCode

DIGITS = ("data=digits", "artifacts=out")
TEST = load_test(data_config("digits", "digits"))


@pytest.fixture(scope="module")
def plain() -> bytes:
    return digits_model()


@pytest.fixture
def here(plain: bytes, tmp_path: Path) -> Path:
    """A folder with a model in ``out`` and three shards of the test images in ``in``."""
    publish(plain, tmp_path / "out", DIGITS[0])
    (tmp_path / "in" / "more").mkdir(parents=True)
    for name, part in (("a", slice(0, 100)), ("b", slice(100, 200)), ("more/a", slice(200, 360))):
        write(tmp_path / "in" / f"{name}.parquet", part)
    return tmp_path


def write(path: Path, part: slice, group: int = 1000) -> None:
    images, labels = TEST.images[part], TEST.labels[part]
    pixels = pa.FixedSizeListArray.from_arrays(pa.array(images.ravel()), images[0].size)
    pq.write_table(pa.table({"image": pixels, "label": labels}), path, row_group_size=group)


def answers(path: Path) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = pq.read_table(path).to_pydict()
    return columns


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_shards_hold_the_answers_of_one_table(here: Path, run: Run, engine: str) -> None:
    done = run("infer.py", *DIGITS, "input=in", "output=shards/", f"engine={engine}")
    assert done.returncode == 0, done.stderr
    one = run("infer.py", *DIGITS, "input=in", "output=one.parquet")
    assert next(line for line in done.stdout.splitlines() if line.startswith("accuracy")) in one.stdout
    written = sorted(str(path.relative_to(here / "shards")) for path in (here / "shards").rglob("*.parquet"))
    assert written == ["a.parquet", "b.parquet", "more/a.parquet"]
    several = [answers(here / "shards" / name) for name in written]
    whole = answers(here / "one.parquet")
    assert whole.pop("index") == list(range(360))
    assert [one.pop("index") for one in several] == [[*range(100)], [*range(100)], [*range(160)]]
    assert {name: [value for one in several for value in one[name]] for name in whole} == whole


def test_a_parquet_file_is_answered_by_row_groups_with_the_positions_of_the_whole(
    here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mnist_etc.inference import shards

    monkeypatch.setattr(shards, "ROWS", 100)
    write(here / "all.parquet", slice(0, 360), group=60)
    parts = shards.list_shards(here / "all.parquet")
    assert [one.part.row_groups for one in parts] == [(0, 2), (2, 4), (4, 6)]
    assert [one.name for one in parts] == ["all-00000.parquet", "all-00002.parquet", "all-00004.parquet"]
    done = run("infer.py", *DIGITS, "input=all.parquet", "output=shards/")
    assert done.returncode == 0, done.stderr
    assert answers(here / "shards")["index"] == list(range(360))


def test_the_pixels_of_every_part_mean_what_the_first_one_says(here: Path, run: Run) -> None:
    (here / "float").mkdir()
    for name, part in (("a", slice(0, 50)), ("b", slice(50, 100))):
        values = TEST.images[part].reshape(50, -1) / np.float32(255)
        values = values if name == "a" else values * 0.4  # alone, b could be taken for another range
        table = pa.table({"image": pa.array(values.tolist(), pa.list_(pa.float32()))})
        pq.write_table(table, here / "float" / f"{name}.parquet")
    for output in ("shards/", "one.parquet"):
        assert run("infer.py", *DIGITS, "input=float", f"output={output}").returncode == 0
    names = ("predicted", "probability")
    several, whole = answers(here / "shards"), answers(here / "one.parquet")
    assert [several[name] for name in names] == [whole[name] for name in names]


def test_pictures_are_answered_in_parts_by_their_folders_labels(
    here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        folder = here / "photos" / str(TEST.labels[number])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(TEST.images[number]).save(folder / f"{number}.png")
    (here / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for _ in range(2):  # the second time from what the shards say
        done = run("infer.py", *DIGITS, "input=photos", "output=shards/", "prepare=none")
        assert done.returncode == ExitCode.SOME_SKIPPED
        assert "skipped 1 of 21 images" in done.stderr
    one = run("infer.py", *DIGITS, "input=photos", "output=one.parquet", "prepare=none")
    assert next(line for line in one.stdout.splitlines() if line.startswith("accuracy")) in done.stdout
    assert answers(here / "shards") == answers(here / "one.parquet")


def test_a_killed_run_goes_on_and_answers_nothing_twice(here: Path, run: Run) -> None:
    command = [sys.executable, str(ROOT / "infer.py"), *DIGITS, "input=in", "output=shards/"]
    first = here / "shards" / "a.parquet"
    process = subprocess.Popen(command, cwd=here, env=environment(), stdout=subprocess.DEVNULL)
    while not first.exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (here / "shards" / "b.parquet").write_bytes(first.read_bytes()[:300])  # what a failing disk may leave
    before = first.stat().st_mtime_ns
    done = run("infer.py", *DIGITS, "input=in", "output=shards/")
    assert done.returncode == 0, done.stderr
    assert " of 3 shards are in shards/ already" in done.stdout
    assert first.stat().st_mtime_ns == before
    assert len(answers(here / "shards")["predicted"]) == 360
    left = sorted(path.name for path in (here / "shards").iterdir())
    assert left == [".lock", "_answers.json", "a.parquet", "b.parquet", "more"]


def test_a_part_that_changed_is_answered_anew(here: Path, run: Run) -> None:
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0
    write(here / "in" / "b.parquet", slice(300, 360))
    done = run("infer.py", *DIGITS, "input=in", "output=shards/")
    assert "2 of 3 shards are in shards/ already" in done.stdout
    assert len(answers(here / "shards" / "b.parquet")["predicted"]) == 60


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["input=in", "output=shards/", "top=3"], "Expected answers of the same model and keys in output=shards/"),
        (["input=in", "output=out/"], "Expected output=out/ as a new or empty folder"),
        (["input=empty", "output=new/"], "Expected images or tables in empty"),
        (["output=new/"], "Expected an input with a folder as output"),
        (["input=in", "output=new/", "labels=l.csv"], "Expected labels=null with a folder of shards"),
        (["input=in", "output=new/", "engine=spark"], "Expected engine as one of local, ray; received 'spark'"),
        (["input=in", "engine=ray"], "Expected output=<folder>/ with engine=ray"),
        (["input=in", "output=new/", "engine=ray", "ray.address=127.0.0.1:1"], "Expected a Ray cluster at ray.address"),
        (["input=no_image", "output=new/"], "image"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(here: Path, run: Run, words: list[str], told: str) -> None:
    (here / "shards").mkdir()
    state = {"schema": "mnist_etc/shards/1", "top": 1}
    (here / "shards" / "_answers.json").write_text(json.dumps(state))
    (here / "empty").mkdir()
    (here / "no_image").mkdir()
    pq.write_table(pa.table({"when": ["now"]}), here / "no_image" / "a.parquet")
    done = run("infer.py", *DIGITS, *words)
    refused(done, told, code=done.returncode)
    assert done.returncode in (1, 2)
    assert not list((here / "new").rglob("*.parquet"))


def test_a_full_disk_leaves_the_finished_shards(here: Path, run: Run) -> None:
    shards = here / "shards"
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0
    (shards / "b.parquet").unlink()
    done = run(
        *("-c", LIMITED, "infer.py", *DIGITS, "input=in", "output=shards/"),
        env={"PYTHONPATH": str(ROOT), "LIMIT": "1500"},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: Cannot write shards/b.parquet")
    assert not (shards / "b.parquet").exists()
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0


LIMITED = """
import os, resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["LIMIT"]),) * 2)
sys.argv = sys.argv[1:]
sys.argv[0] = os.path.join(os.environ["PYTHONPATH"], sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""A program that can write no file longer than LIMIT bytes."""
