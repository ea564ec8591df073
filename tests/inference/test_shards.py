"""A folder of Parquet shards: the answers of infer.py, a part at a time, and what a killed run leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from samples import data_config, digits_model, publish
from support import ROOT, Run, environment, refused

from mnist_etc.composition import compose
from mnist_etc.data import load_test
from mnist_etc.data.config import Prepare
from mnist_etc.data.inputs import InputOptions, open_input
from mnist_etc.data.source import InputPart
from mnist_etc.errors import ExitCode
from mnist_etc.files import exclusive, sha256
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.model import select_model
from mnist_etc.inference.shards import list_shards

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
    pixels = pa.FixedSizeListArray.from_arrays(pa.array(images.ravel()), TEST.images[0].size)
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


def test_a_parquet_file_is_answered_in_parts_with_the_positions_of_the_whole(
    here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small row groups are put together and large ones are cut, wherever they begin."""
    from mnist_etc.inference import shards

    monkeypatch.setattr(shards, "ROWS", 100)
    monkeypatch.setattr(shards, "MOST", 150)
    write(here / "all.parquet", slice(0, 360), group=60)
    parts = shards.list_shards(here / "all.parquet")
    assert [one.part.rows for one in parts] == [(0, 120), (120, 240), (240, 360)]
    assert [one.name for one in parts] == ["all-00000.parquet", "all-00001.parquet", "all-00002.parquet"]
    write(here / "one.parquet", slice(0, 360))
    parts = shards.list_shards(here / "one.parquet")
    assert [one.part.rows for one in parts] == [(0, 150), (150, 300), (300, 360)]


@pytest.mark.parametrize("group", [7, 360, 1000])
def test_any_rows_of_a_parquet_file_are_read_whatever_its_row_groups(tmp_path: Path, group: int) -> None:
    write(tmp_path / "all.parquet", slice(0, 360), group=group)
    for rows in ((0, 360), (0, 1), (359, 360), (6, 8), (7, 14), (100, 300)):
        part = InputOptions(part=InputPart(rows=rows), prepare=Prepare.none)
        batches = list(open_input(tmp_path / "all.parquet", part).batches)
        assert [name for batch in batches for name in batch.names] == [str(row) for row in range(*rows)]
        assert np.array_equal(np.concatenate([batch.images for batch in batches]), TEST.images[slice(*rows)])


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


@pytest.mark.parametrize("moment", ["answer 1", "answer 2", "sync 2", "replace 2", "replace 3"])
def test_a_run_that_is_killed_at_any_moment_goes_on_and_answers_nothing_twice(
    here: Path, run: Run, moment: str
) -> None:
    killed = run("-c", KILLED, "infer.py", *DIGITS, "input=in", "output=shards/", env={"MOMENT": moment})
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    there = {path: path.stat().st_mtime_ns for path in finished(here)}
    assert len(there) == {"answer 1": 0, "answer 2": 1, "sync 2": 0, "replace 2": 1, "replace 3": 2}[moment]
    done = run("infer.py", *DIGITS, "input=in", "output=shards/")
    assert done.returncode == 0, done.stderr
    assert (f"{len(there)} of 3 shards are in shards/ already" in done.stdout) == bool(there)
    assert all(path.stat().st_mtime_ns == time for path, time in there.items())
    all_are_there(here)


def test_a_ray_run_that_is_killed_goes_on_by_another_engine(here: Path, run: Run) -> None:
    command = [sys.executable, str(ROOT / "infer.py"), *DIGITS, "input=in", "output=shards/", "engine=ray"]
    process = subprocess.Popen(command, cwd=here, env=environment(), stdout=subprocess.DEVNULL)
    while not finished(here) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = {path: path.stat().st_mtime_ns for path in finished(here)}
    done = run("infer.py", *DIGITS, "input=in", "output=shards/")
    assert done.returncode == 0, done.stderr
    assert there
    assert all(path.stat().st_mtime_ns == time for path, time in there.items())
    each_is_answered_once(here)


def finished(here: Path) -> list[Path]:
    """Shards that have their names; each is a whole table."""
    found = [path for path in (here / "shards").rglob("*.parquet") if not path.name.startswith(".")]
    for path in found:
        assert pq.read_table(path).num_rows
    return found


def all_are_there(here: Path) -> None:
    """Each image is answered once, and nothing of a killed run is left."""
    left = sorted(str(path.relative_to(here / "shards")) for path in (here / "shards").rglob("*"))
    assert left == [".lock", "_answers.json", "a.parquet", "b.parquet", "more", "more/a.parquet"]
    each_is_answered_once(here)


def each_is_answered_once(here: Path) -> None:
    assert [len(answers(path)["predicted"]) for path in sorted(finished(here))] == [100, 100, 160]


def test_a_damaged_shard_is_answered_anew(here: Path, run: Run) -> None:
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0
    (here / "shards" / "b.parquet").write_bytes((here / "shards" / "a.parquet").read_bytes()[:300])
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0
    all_are_there(here)


def test_what_two_runs_would_mix_is_refused_until_forced(here: Path, run: Run) -> None:
    """A table that is gone, a state that is damaged: a reader of the folder would take what is left for answers."""
    shards = here / "shards"
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0
    (here / "in" / "b.parquet").unlink()
    done = run("infer.py", *DIGITS, "input=in", "output=shards/")
    refused(done, "b.parquet and 0 more that answer none", code=2)
    (shards / "_answers.json").write_text("[")
    refused(run("infer.py", *DIGITS, "input=in", "output=shards/"), "force=true to begin anew", code=2)
    assert (shards / "b.parquet").exists()
    assert run("infer.py", *DIGITS, "input=in", "output=shards/", "force=true").returncode == 0
    assert sorted(path.name for path in finished(here)) == ["a.parquet", "a.parquet"]


def test_forcing_takes_nothing_from_a_run_that_is_at_work(here: Path, run: Run) -> None:
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0
    with exclusive(here / "shards" / ".lock"):
        done = run("infer.py", *DIGITS, "input=in", "output=shards/", "force=true")
    assert (done.returncode, "is writing into shards" in done.stderr) == (1, True)
    all_are_there(here)


def test_labels_and_columns_of_every_part_mean_what_the_first_one_says(here: Path, run: Run) -> None:
    """The numbers 1 and 2 of classes named 1, 2, 3 count from 0 where a 0 stands before them, in any part."""
    lines, header = {"a": [0, 1, 2], "b": [1, 2, 1]}, "label," + ",".join(f"p{at}" for at in range(784))
    (here / "csv").mkdir()
    for name, labels in lines.items():
        rows = [f"{label}," + ",".join(map(str, TEST.images[0].ravel())) for label in labels]
        (here / "csv" / f"{name}.csv").write_text("\n".join([header, *rows]))
    parts = [shard.part for shard in list_shards(here / "csv")]
    texts = []
    for name, part in zip(lines, parts, strict=True):
        options = InputOptions(part=part, names=("1", "2", "3"), prepare=Prepare.none)
        batches = open_input(here / "csv" / f"{name}.csv", options).batches
        texts.append([text for batch in batches for text in batch.label_texts or []])
    assert texts == [["1", "2", "3"], ["2", "3", "2"]]
    (here / "csv" / "c.csv").write_text("a,b\n1,2\n")
    refused(run("infer.py", *DIGITS, "input=csv", "output=new/"), "Expected the columns of csv/a.csv")
    assert not (here / "new").exists()


def test_tables_without_a_row_are_passed_over(here: Path, run: Run) -> None:
    for name in ("_empty", "z"):
        write(here / "in" / f"{name}.parquet", slice(0, 0))
    done = run("infer.py", *DIGITS, "input=in", "output=shards/", "summary=all.json")
    assert done.returncode == 0, done.stderr
    all_are_there(here)
    assert json.loads((here / "all.json").read_text())["images"] == 360


def test_an_actor_of_ray_tells_what_is_wrong_and_what_it_skipped(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a cluster: the class that Ray makes of it is called as Ray calls it."""
    from mnist_etc.inference import ray_engine

    monkeypatch.chdir(here)
    Image.fromarray(TEST.images[0]).save(picture := BytesIO(), "PNG")
    pq.write_table(pa.table({"image": [b"\x89PNG\r\n\x1a\n", picture.getvalue()]}), here / "in" / "b.parquet")
    (here / "in" / "a.parquet").unlink()
    config = compose("infer", InferCommand, [*DIGITS, "input=in", "output=shards/", "engine=ray"])
    shards = list_shards(Path("in"))
    digest = sha256(select_model(config).onnx)
    (here / "in" / "more" / "a.parquet").write_bytes(b"PAR1 damaged")
    capfd.readouterr()
    actor = ray_engine._Actor(config, digest, str(here), shards)
    told = [actor({"shard": number}) for number in range(2)]
    assert [one["name"] for one in told] == ["b.parquet", ""]
    assert told[0]["said"].startswith("skipped: ")
    assert told[1]["error"] == "DataError"
    assert "more/a.parquet" in told[1]["message"]
    other = ray_engine._Actor(config, "0", str(here), shards)({"shard": 0})
    nowhere = ray_engine._Actor(config, digest, str(here / "nowhere"), shards)({"shard": 0})
    assert "Expected the model of the command" in other["message"]
    assert "Expected the folder" in nowhere["message"]
    assert capfd.readouterr() == ("", "")


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
        (["input=empty", "output=new/"], "Expected images or tables with rows in empty"),
        (["output=new/"], "Expected an input with a folder as output"),
        (["input=in", "output=new/", "labels=l.csv"], "Expected labels=null with a folder of shards"),
        (["input=in", "output=new/", "engine=spark"], "Expected engine as one of local, ray; received 'spark'"),
        (["input=in", "engine=ray"], "Expected output=<folder>/ with engine=ray"),
        (
            ["input=one.png", "output=new/", "engine=ray", "ray.address=127.0.0.1:1"],
            "Expected a Ray cluster at ray.addr",
        ),
        (["input=no_image", "output=new/"], "no_image/a.parquet"),
        (["input=no_image", "output=new/", "engine=ray"], "no_image/a.parquet"),
        (["input=absent", "output=new/"], "absent"),
        (["input=in", "output=in/answers/"], "Expected output apart from input=in"),
        (["input=in", "output=in/", "force=true"], "Expected output apart from input=in"),
        (["input=in/a.parquet", "output=in/", "force=true"], "Expected output apart from input=in/a.parquet"),
        (["input=in", "output=in/a.parquet/"], "Expected"),
        (["input=broken.parquet", "output=new/"], "broken.parquet"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(here: Path, run: Run, words: list[str], told: str) -> None:
    (here / "shards").mkdir()
    state = {"schema": "mnist_etc/shards/1", "top": 1}
    (here / "shards" / "_answers.json").write_text(json.dumps(state))
    (here / "empty").mkdir()
    (here / "no_image").mkdir()
    pq.write_table(pa.table({"when": ["now"]}), here / "no_image" / "a.parquet")
    Image.fromarray(TEST.images[0]).save(here / "one.png")
    (here / "broken.parquet").write_bytes((here / "in" / "a.parquet").read_bytes()[:500])
    done = run("infer.py", *DIGITS, *words)
    refused(done, told, code=done.returncode, plain="input=absent" in words or "input=broken.parquet" in words)
    assert done.returncode in (1, 2)
    assert not list((here / "new").rglob("*.parquet"))
    assert len(answers(here / "in" / "a.parquet")["image"]) == 100


def test_a_full_disk_leaves_the_finished_shards(here: Path, run: Run) -> None:
    shards = here / "shards"
    assert run("infer.py", *DIGITS, "input=in", "output=shards/").returncode == 0
    (shards / "b.parquet").unlink()
    done = run(
        *("-c", LIMITED, "infer.py", *DIGITS, "input=in", "output=shards/"),
        env={"PYTHONPATH": str(ROOT), "LIMIT": "1500"},
    )
    assert done.returncode == 1
    assert "error: Cannot write shards/b.parquet" in done.stderr
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

KILLED = """
import os, runpy, signal, sys
from pathlib import Path
from mnist_etc import files
from mnist_etc.inference.classification import Classification
name, count = os.environ["MOMENT"].split()
owner, name = {"answer": (Classification, "_answer"), "sync": (files, "sync"), "replace": (Path, "replace")}[name]
original, calls = getattr(owner, name), []
def counted(*args, **kwargs):
    calls.append(1)
    if len(calls) == int(count):
        if name == "replace" and not str(args[1]).endswith(".json"):
            original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
setattr(owner, name, counted)
sys.argv = sys.argv[1:]
sys.argv[0] = os.path.join(os.environ["PYTHONPATH"], sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""A program that is killed at the call of MOMENT: while it answers, before the disk holds a shard, and after a shard
has its name; the first file of all is the state of the folder."""
