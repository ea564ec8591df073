"""The example of docs/add/model.md, run as a user would: a model of one's own through the real commands."""

from __future__ import annotations

import re
from pathlib import Path

from support import ROOT, TINY, TINY_MODEL, Run, refused

(PROGRAM,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/add/model.md").read_text(), re.DOTALL)


def test_it_is_trained_published_and_answers(run: Run, tmp_path: Path) -> None:
    done = run("-c", PROGRAM, "train", *TINY, "classifier.model=tanh")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "artifacts/digits"
    assert (folder / "clsf_tanh_h32_ee1_e1_fc_weights.onnx").is_file()
    assert (folder / "full_model_tanh_h32_ee1_ce1.h5").is_file()
    done = run("-c", PROGRAM, "infer", *TINY_MODEL, "classifier.model=tanh")
    assert done.returncode == 0, done.stderr
    assert (folder / "clsf_tanh_h32_ee1_e1_inference.csv").is_file()

    program = PROGRAM.replace("(inputs,)), ", "(inputs,)), keras.layers.LayerNormalization(), ")
    done = run("-c", program, "train", *TINY, "classifier.model=tanh", "seed=1", "artifacts=other")
    refused(done, "first layer is a Dense with a bias", "LayerNormalization", code=2)


def test_a_message_names_the_script_that_knows_the_row(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PROGRAM)
    done = run(tmp_path / "mine.py", "infer", *TINY_MODEL, "classifier.model=tanh")
    refused(done, "Make it: python mine.py train data=digits ", "classifier.model=tanh")
    assert run(tmp_path / "mine.py", "train", "--help").stdout.startswith("usage: python mine.py train ")


def test_a_name_without_a_row_is_refused_at_once(run: Run) -> None:
    refused(run("train.py", "data=digits", "classifier.model=tanh"), "classifier.model", "dense", "'tanh'", code=2)


def test_a_private_one_needs_rules_for_its_layers(run: Run) -> None:
    program = PROGRAM.replace('{"Dense"}', '{"Dense", "LSTM"}')
    done = run(
        "-X", "importtime", "-c", program, "train", "data=digits", "classifier.model=tanh", "classifier.private=true"
    )
    assert done.returncode == 2
    assert "received the layer LSTM" in done.stderr.splitlines()[-1]
    assert "tensorflow" not in done.stderr.split()


def test_an_autoencoder_of_ones_own_is_attacked_as_what_it_is(run: Run, tmp_path: Path) -> None:
    program = """
from mnist_etc.__main__ import main
from mnist_etc.models.registry import AUTOENCODERS, Architecture

def build(config, seed, side):
    import keras
    from keras import layers

    fresh = [keras.initializers.Orthogonal(seed=seed + number) for number in range(2)]
    code = layers.Dense(config.hid_dim, kernel_initializer=fresh[0])
    pixels = layers.Dense(784, "sigmoid", kernel_initializer=fresh[1])
    encoder = keras.Sequential([layers.Input((28, 28, 1)), layers.Flatten(), code], name="encoder")
    decoder = keras.Sequential([layers.Input((config.hid_dim,)), pixels, layers.Reshape((28, 28, 1))], name="decoder")
    return keras.Sequential([layers.Input((28, 28, 1)), encoder, decoder], name="autoencoder")

layers = frozenset({"Flatten", "Dense", "Reshape"})
AUTOENCODERS.add("flat", Architecture(help="flat", build=build, layers=layers, loss="squared_error"))
main()
"""
    done = run("-c", program, "train", *TINY, "autoencoder.model=flat")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "artifacts/digits/full_model_flat_h32_ee1_ce1.onnx").is_file()
    words = ["attacks=[mean_by_answer,closed_form_posterior]", "policies=[logits]", "targets=20"]
    done = run("-c", program, "reconstruct", *TINY_MODEL, *words, "autoencoder.model=flat")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "artifacts/digits/full_model_flat_h32_ee1_ce1_reconstruction/attacks.csv").is_file()
