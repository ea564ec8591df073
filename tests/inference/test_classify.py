from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from samples import OBSERVED, answers_to, data_config, digits_model, linear_model, publish
from support import ROOT, Completed, Run, refused

from mnist_etc.data import load, load_test
from mnist_etc.errors import ArtifactError, ExitCode
from mnist_etc.predictor import CHUNK, Predictor

DIGITS = ("data=digits", "artifacts=out")
CSV = "clsf_h32_ee3_e6_inference.csv"
TEST = load_test(data_config("digits", "digits"))
MEMORY = 400 * 1024
SECONDS = 3
"""Twice the figure in the README, for a machine with other work; a TensorFlow import alone takes longer."""


@pytest.fixture(scope="session")
def content() -> bytes:
    return digits_model()


@pytest.fixture
def published(content: bytes, tmp_path: Path) -> Path:
    """The folder of the artifacts of `DIGITS`, relative to the folder that `run` starts in."""
    return publish(content, tmp_path / "out", DIGITS[0])[1].folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def expected_probabilities(model: bytes, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What the one linear layer gives, without ONNX Runtime."""
    import onnx
    from onnx import numpy_helper

    kernel = numpy_helper.to_array(onnx.load_from_string(model).graph.initializer[0])
    logits = images.reshape(-1, 784) / 255.0 @ kernel
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("count", [0, 1, 5, CHUNK - 1, CHUNK, CHUNK + 1, 360])
def test_probabilities_at_every_batch_size(content: bytes, tmp_path: Path, count: int) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    received = Predictor(tmp_path / "model.onnx", threads=1).probabilities(TEST.images[:count])
    assert received.dtype == np.float32
    assert received.shape == (count, 10)
    assert np.allclose(received, expected_probabilities(content, TEST.images[:count]), atol=1e-5)


def test_logits_beyond_float32s_exponent_give_no_nan(tmp_path: Path) -> None:
    from onnx import load_from_string, numpy_helper

    model = load_from_string(linear_model(TEST.images, TEST.labels))
    kernel = numpy_helper.to_array(model.graph.initializer[0])
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(kernel * 1e4, "kernel"))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    received = Predictor(tmp_path / "model.onnx").probabilities(TEST.images)
    assert np.allclose(received.sum(axis=1), 1)


def test_the_test_split(run: Run, published: Path, content: bytes) -> None:
    done = run("infer.py", *DIGITS)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    probabilities = expected_probabilities(content, TEST.images)
    predicted = probabilities.argmax(axis=1)
    table = rows(published / CSV)
    header = ["index", "predicted", "class", "probability", "label", "warning", "distance"]
    assert [list(row) for row in table[:1]] == [header]
    assert [int(row["index"]) for row in table] == list(range(360))
    assert [row["predicted"] for row in table] == [row["class"] for row in table] == list(map(str, predicted))
    assert [int(row["label"]) for row in table] == TEST.labels.tolist()
    assert np.allclose([float(row["probability"]) for row in table], probabilities.max(axis=1), atol=1e-5)
    accuracy = (predicted == TEST.labels).mean()
    assert accuracy > 0.85
    assert f"accuracy {accuracy:.4f} on 360 images" in done.stdout
    threes = predicted[TEST.labels == 3]
    assert f"class 3: {(threes == 3).mean():.4f} of {len(threes)}" in done.stdout
    assert "images/s" in done.stdout
    assert done.stdout.splitlines()[-1] == f"out/digits/{CSV}"


def test_a_thousand_images_with_one_bad(run: Run, published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for number in range(1000):
        (folder / str(number // 100)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(TEST.images[number % 360]).save(folder / str(number // 100) / f"{number:03}.png")
    (folder / "7" / "742.png").write_bytes((folder / "7" / "742.png").read_bytes()[:60])
    done = run("infer.py", *DIGITS, "input=mine")
    assert done.returncode == ExitCode.SOME_SKIPPED, done.stderr
    named, counted = done.stderr.splitlines()
    assert named.startswith("skipped: mine/7/742.png cannot be read as an image: ")
    assert counted.startswith("skipped 1 of 1,000 images")
    table = rows(answers_to(published, "mine"))
    assert [row["file"] for row in table] == [f"{n // 100}/{n:03}.png" for n in range(1000) if n != 742]
    assert [row["label"] for row in table] == [str(n // 100) for n in range(1000) if n != 742]
    assert "on 999 images" in done.stdout


def test_every_form_of_a_digit_gets_the_same_class(run: Run, published: Path, tmp_path: Path) -> None:
    """Small and light on dark; big, in color, dark on light, with a wide margin of its ground."""
    for name in ("plain", "photo"):
        (tmp_path / name).mkdir()
    for number, digit in enumerate(TEST.images[:60]):
        Image.fromarray(digit).save(tmp_path / "plain" / f"{number:02}.png")
        weight = np.asarray(Image.fromarray(digit).resize((420, 420), Image.Resampling.BICUBIC))[:, :, None] / 255
        colors = weight * [20, 10, 60] + (1 - weight) * [252, 250, 255]
        Image.fromarray(colors.astype(np.uint8)).save(tmp_path / "photo" / f"{number:02}.jpg", quality=92)
    predicted = []
    for name in ("plain", "photo"):
        assert run("infer.py", *DIGITS, f"input={name}").returncode == 0
        predicted.append([row["predicted"] for row in rows(answers_to(published, name))])
    assert len(set(predicted[0])) > 7
    assert predicted[0] == predicted[1]


def test_one_image_and_a_set_polarity(run: Run, published: Path, tmp_path: Path) -> None:
    Image.fromarray(255 - TEST.images[0]).save(tmp_path / "a, b.png")
    probabilities = []
    for polarity in ("auto", "dark_on_light", "light_on_dark"):
        assert run("infer.py", *DIGITS, "input='a, b.png'", f"polarity={polarity}").returncode == 0
        (row,) = rows(answers_to(published, "a_b.png"))
        assert row["file"] == "a, b.png"
        probabilities.append((row["predicted"], row["probability"]))
    assert probabilities[0] == probabilities[1] != probabilities[2]


def test_npz_with_labels(run: Run, published: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x_test=TEST.images[:50], y_test=TEST.labels[:50])
    done = run("infer.py", *DIGITS, "input=mine.npz")
    assert done.returncode == 0
    assert "on 50 images" in done.stdout
    assert [int(row["label"]) for row in rows(answers_to(published, "mine.npz"))] == TEST.labels[:50].tolist()


def test_nothing_readable_leaves_the_table_of_before(run: Run, published: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    Image.fromarray(TEST.images[0]).save(tmp_path / "mine" / "bad.png")
    assert run("infer.py", *DIGITS, "input=mine").returncode == 0
    before = answers_to(published, "mine").read_bytes()
    (tmp_path / "mine" / "bad.png").write_bytes(b"no image")
    done = run("infer.py", *DIGITS, "input=mine")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "error: Expected at least one readable image in mine; received 1 bad"
    )
    assert answers_to(published, "mine").read_bytes() == before
    assert not list(published.glob(".mnist_etc-*"))


def test_an_absent_input(run: Run, published: Path) -> None:
    refused(run("infer.py", *DIGITS, "input=absent"), "There is no file and no folder input=absent", plain=True)
    assert not list(published.glob("*.csv"))


@pytest.mark.parametrize("damaged", [b"", b"no ONNX at all", b"half"])
def test_a_model_that_onnx_runtime_cannot_load(run: Run, content: bytes, tmp_path: Path, damaged: bytes) -> None:
    """Its checksum agrees with the manifest: it was damaged before it was published."""
    publish(content[: len(content) // 2] if damaged == b"half" else damaged, tmp_path / "out", DIGITS[0])
    refused(run("infer.py", *DIGITS), "Expected an ONNX model in out/digits/full_model_h32_ee3_ce6.onnx")


def test_a_model_of_another_form(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content.replace(b"output", b"result"))
    with pytest.raises(ArtifactError, match=r"output \(batch, classes\) .* received .*result"):
        Predictor(tmp_path / "model.onnx")


def observed(run: Run, report: Path, *arguments: str, timed: bool = False) -> tuple[Completed, int, set[str]]:
    """Run ``infer.py``; its peak memory in KiB and the modules it loaded."""
    done = run("-c", OBSERVED, report, ROOT / "infer.py", *arguments, timed=timed, fresh=True)
    peak, *modules = report.read_text().split()
    return done, int(peak), {name.partition(".")[0] for name in modules}


def test_neither_tensorflow_nor_mlflow_is_loaded(run: Run, published: Path, tmp_path: Path) -> None:
    Image.fromarray(TEST.images[0]).save(tmp_path / "one.png")
    np.savez(tmp_path / "mine.npz", x=TEST.images)
    for extra in ((), ("input=one.png",), ("input=mine.npz",)):
        done, _, modules = observed(run, tmp_path / "report", *DIGITS, *extra)
        assert done.returncode == 0, done.stderr
        assert "onnxruntime" in modules
        assert not modules & {"tensorflow", "keras", "mlflow", "sklearn", "scipy", "matplotlib", "onnx", "tf2onnx"}


@pytest.mark.mnist
def test_ten_thousand_images_in_little_time_and_memory(run: Run, tmp_path: Path) -> None:
    train = load(data_config("mnist", "idx", os.environ["MNIST_ETC_DATA"], 5000)).train
    publish(linear_model(train.images[:5000], train.labels[:5000]), tmp_path / "out")
    seconds = []
    for _ in range(3):
        done, peak, _ = observed(run, tmp_path / "report", "artifacts=out", timed=True)
        assert done.returncode == 0, done.stderr
        assert len(rows(tmp_path / "out" / CSV)) == 10_000
        assert peak < MEMORY
        seconds.append(done.seconds)
    assert min(seconds) < SECONDS, seconds
    assert float(done.stdout.split()[1]) > 0.8


def test_memory_does_not_grow_with_the_images(run: Run, published: Path, tmp_path: Path) -> None:
    peaks = []
    for count in (1_000, 50_000):
        np.save(tmp_path / "mine.npy", np.resize(TEST.images, (count, 28, 28)))
        peaks.append(observed(run, tmp_path / "report", *DIGITS, "input=mine.npy", timed=True)[1])
    grown, images = peaks[1] - peaks[0], 49_000 * 784 // 1024
    assert grown < 1.3 * images, "more than the file itself is held"
