"""A folder of Parquet shards: the answers of infer.py, a part at a time."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sharded import DIGITS, TEST, all_are_there, answers, finished, write
from support import Run, refused

from mnist_etc.composition import compose
from mnist_etc.data.config import Prepare
from mnist_etc.data.inputs import InputOptions, open_input
from mnist_etc.data.source import InputPart
from mnist_etc.errors import ExitCode
from mnist_etc.files import exclusive, sha256
from mnist_etc.inference.config import InferCommand
from mnist_etc.inference.model import select_model
from mnist_etc.inference.shards import list_shards


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
