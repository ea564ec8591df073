"""Where the answers go: a file of each form, standard output, and what is never replaced."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import answers_to, data_config, digits_model, linear_model, publish
from support import ROOT, Run, environment, refused

from mnist_etc.data import load_test
from mnist_etc.errors import ExitCode

DIGITS = ("data=digits", "artifacts=out")
TEST = load_test(data_config("digits", "digits"))
NAMES = ('say "hi"', "x, y", "=1+1", "Ä", "あ", "@b", "-", "a\tb"[:1], "two words", "9")


@pytest.fixture(scope="module")
def plain() -> bytes:
    return digits_model()


@pytest.fixture
def published(plain: bytes, tmp_path: Path) -> Path:
    return publish(plain, tmp_path / "out", DIGITS[0])[1].folder


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A model whose names want care, and a folder of pictures whose names do."""
    folder = publish(linear_model(TEST.images, TEST.labels, NAMES), tmp_path / "out", DIGITS[0])[1].folder
    mine = tmp_path / "mine"
    mine.mkdir()
    for number, name in enumerate((b"=cmd.png", b"\xff\xfe.png", 'ä "b", c.png'.encode(), b"line\nbreak.png")):
        Image.fromarray(TEST.images[number]).save(tmp_path / "one.png")
        (tmp_path / "one.png").rename(mine / os.fsdecode(name))
    return folder


def csv_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(content.decode("utf-8", "surrogateescape").splitlines(keepends=True)))


def test_every_form_holds_the_same(run: Run, published: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    np.savez(tmp_path / "mine.npz", x=TEST.images, y=TEST.labels)
    for suffix in ("csv", "parquet", "jsonl"):
        done = run("infer.py", *DIGITS, "input=mine.npz", "top=3", f"output=a.{suffix}")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1] == f"a.{suffix}"
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.schema.names[:7] == ["index", "predicted", "class", "probability", "label", "warning", "distance"]
    assert table.schema.types == [
        *(pa.int64(), pa.string(), pa.int32(), pa.float32(), pa.string(), pa.string(), pa.float32()),
        *(pa.string(), pa.float32(), pa.string(), pa.float32()),
    ]
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    written = csv_rows((tmp_path / "a.csv").read_bytes())
    assert len(table) == len(lines) == len(written) == 360
    for one, two, three in zip(table.to_pylist(), lines, written, strict=True):
        assert list(one) == list(two) == list(three)
        for name, value in one.items():
            if isinstance(value, float):
                assert two[name] == pytest.approx(value, abs=1e-6)
                assert float(three[name]) == two[name]
            else:
                assert two[name] == value
                assert three[name] == ("" if value is None else str(value))
    assert not list(published.glob("*inference*"))


def test_names_of_every_kind_arrive_as_they_are(run: Run, odd: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    for suffix in ("csv", "parquet", "jsonl"):
        done = run("infer.py", *DIGITS, "input=mine", f"output=a.{suffix}")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "\\udcff\\udcfe.png: " in done.stdout
    expected = ["=cmd.png", "line\nbreak.png", 'ä "b", c.png']
    rows = csv_rows((tmp_path / "a.csv").read_bytes())
    assert {os.fsencode(row["file"]) for row in rows} == {
        os.fsencode(path.name) for path in (tmp_path / "mine").iterdir()
    }
    assert {row["predicted"] for row in rows} <= {*NAMES}
    table = pq.read_table(tmp_path / "a.parquet").to_pylist()
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    for form in (table, lines):
        assert sorted(row["file"] for row in form) == sorted([*expected, "\\xff\\xfe.png"])
        assert [row["predicted"] for row in form] == [row["predicted"] for row in rows]


def test_a_default_name_tells_inputs_apart(run: Run, published: Path, tmp_path: Path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "mine.npy", TEST.images[: 5 if folder == "here" else 7])
    names = []
    for given in ("here/mine.npy", "there/mine.npy", "./here/../here/mine.npy"):
        done = run("infer.py", *DIGITS, f"input={given}")
        assert done.returncode == 0, done.stderr
        names.append(done.stdout.splitlines()[-1])
    assert names[0] == names[2] != names[1]
    assert [len((tmp_path / name).read_text().splitlines()) for name in names] == [6, 8, 6]
    assert not (published / "clsf_h32_ee3_e6_inference.csv").exists()


def test_standard_output_holds_the_answers_alone(run: Run, published: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x=TEST.images[:30], y=TEST.labels[:30])
    assert run("infer.py", *DIGITS, "mine.npz").returncode == 0
    written = answers_to(published, "mine.npz").read_text()
    before = sorted(published.iterdir())
    done = run("infer.py", *DIGITS, "mine.npz", "output=-")
    assert done.returncode == 0
    assert done.stdout == written
    assert "accuracy " in done.stderr
    assert sorted(published.iterdir()) == before


def test_a_summary_on_standard_output_is_json(run: Run, published: Path, tmp_path: Path) -> None:
    done = run("infer.py", *DIGITS, "summary=-")
    assert done.returncode == 0
    assert json.loads(done.stdout)["images"] == 360
    assert "accuracy " in done.stderr
    refused(run("infer.py", *DIGITS, "summary=-", "output=-"), "output=- or summary=-", code=2)


def test_a_reader_that_has_enough_ends_it_quietly(published: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.resize(TEST.images, (20_000, 28, 28)))
    with subprocess.Popen(
        [sys.executable, ROOT / "infer.py", *DIGITS, "mine.npy", "output=-"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith(b"index,predicted,")
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == ExitCode.READER_GONE
    assert said == b""


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("output=there", "received the folder there"),
        ("output=a.txt", "output=<file.csv|.parquet|.jsonl>; received 'a.txt'"),
        ("output=answers", "received 'answers'"),
        ("output=absent/a.csv", "received absent. Make it first"),
        ("output=theirs.csv", "received another's"),
        ("output=theirs.parquet", "received another's"),
        ("output=theirs.jsonl", "received another's"),
        ("output=mine.csv", "for both"),
        ("output=x.parquet", "x_confusion.png, which comes beside output=x.parquet"),
        ("summary=there", "received the folder there"),
        ("summary=s.txt", "summary=<file.json>; received 's.txt'"),
        ("summary=theirs.json", "received another's"),
        ("top=0", "top between 1 and 1000"),
    ],
)
def test_refused_before_a_model_is_looked_for(run: Run, tmp_path: Path, word: str, said: str) -> None:
    """There is none here, which would be the next complaint."""
    (tmp_path / "there").mkdir()
    for name in ("theirs.csv", "theirs.jsonl", "theirs.parquet", "theirs.json", "mine.csv", "x_confusion.png"):
        (tmp_path / name).write_text("file,label\na,b\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    refused(run("infer.py", *DIGITS, "mine.csv", "labels=mine.csv", word), said, code=2)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_its_own_files_are_replaced_and_others_by_force(run: Run, published: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x=TEST.images[:9], y=TEST.labels[:9])
    words = ("infer.py", *DIGITS, "mine.npz", "summary=s.json")
    for suffix in ("csv", "parquet", "jsonl"):
        for _ in range(2):
            done = run(*words, f"output=a.{suffix}")
            assert done.returncode == 0, done.stderr
    (tmp_path / "b.csv").write_text("mine\n")
    (tmp_path / "b_classes.csv").write_text("mine\n")
    refused(run(*words, "output=b.csv"), "force=true", code=2)
    assert run(*words, "output=b.csv", "force=true").returncode == 0
    assert (tmp_path / "b.csv").read_text().startswith("index,predicted,")
    assert (tmp_path / "b_classes.csv").read_text().startswith("class,name,")
    (tmp_path / "empty.csv").touch()
    assert run(*words, "output=empty.csv").returncode == 0


def test_nothing_is_left_half_written(run: Run, published: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", TEST.images[: 700 % 360])
    (tmp_path / "labels.txt").write_text("1\n" * 9)
    for suffix in ("csv", "parquet", "jsonl"):
        refused(run("infer.py", *DIGITS, "mine.npy", "labels=labels.txt", f"output=a.{suffix}"), "9 labels")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.txt", "mine.npy", "out"]


WRITTEN = """
import re, sys
from pathlib import Path
import numpy as np
from mnist_etc.data.inputs import Batch
from mnist_etc.inference.output import open_sink
from mnist_etc.inference.table import answers, columns
path, rows, report = sys.argv[1:]
probabilities = np.random.default_rng(0).random((500, 10), np.float32)
with open_sink(path, columns("index", 1), positions=True, key="output") as write:
    for first in range(0, int(rows), 500):
        names = [str(row) for row in range(first, first + 500)]
        write(answers(Batch(names, np.empty(0, np.uint8), warnings=[""] * 500), probabilities, "0123456789"))
Path(report).write_text(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
"""``python -c WRITTEN <table> <rows> <report>`` leaves the peak memory in KiB."""


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_memory_does_not_grow_with_the_rows(run: Run, tmp_path: Path, suffix: str) -> None:
    peaks = []
    for rows in (100_000, 500_000):
        done = run("-c", WRITTEN, f"a.{suffix}", str(rows), "report", timed=True)
        assert done.returncode == 0, done.stderr
        peaks.append(int((tmp_path / "report").read_text()))
    assert peaks[1] - peaks[0] < 16 * 1024, peaks
