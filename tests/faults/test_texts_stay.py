"""What is typed for a text reaches the program to the character, whatever Hydra's grammar makes of it."""

from __future__ import annotations

import random
from operator import attrgetter
from pathlib import Path

import pytest

from mnist_etc.attack.config import ReconstructCommand
from mnist_etc.composition import compose
from mnist_etc.errors import ConfigError
from mnist_etc.inference.config import InferCommand
from mnist_etc.overrides import kinds, overrides
from mnist_etc.serving.config import ServeCommand

TEXTS = [
    *("2024_11_26", "1.10", "1e3", "007", "0x10", "on", "off", "yes", "True", "inf", "nan", "-1", "+1", ".5", "1_0"),
    *("none", "~", "nulls", "null ", "NaN.png", "1,2", "a, b.png", "a b", " a", "a ", "a=b", "=", "a:b", "{}", "{a:1}"),
    *("[a]", "[", "]", "(", "f(x)", "range(1,3)", "glob(*)", "$", "$HOME", "a$", "{$}", "a}b", "a'b", 'a"b', "'", '"'),
    *(
        "'a'b",
        "\\",
        "a\\",
        "a\\\\",
        "a\\'",
        "\\'",
        "C:\\new\\x",
        "a\\ b",
        "a\\,b",
        "é.png",
        "数字 7.png",
        "a\nb",
        "a\tb",
        "#",
    ),
    *(
        "http://u:p%40@h:5000/x?y=1&z=2",
        "sqlite:///a b.db",
        "../a/*.png",
        "a|b",
        "a;b",
        "!",
        "a?",
        "?? ?",
        "@",
        "+x",
        "--",
    ),
]


def run_name(word: str) -> str | None:
    return compose("infer", InferCommand, [f"run_name={word}"]).run_name


def parsed(word: str) -> str:
    """``word`` as a value of `run_name`, by Hydra's parser and OmegaConf's."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf

    (override,) = overrides([f"run_name={word}"], InferCommand, set())
    return str(OmegaConf.create({"text": OverridesParser.create().parse_override(override).value()}).text)


@pytest.mark.parametrize("text", TEXTS)
def test_every_character(text: str) -> None:
    assert parsed(text) == text


def test_every_text_key_of_a_command() -> None:
    rows = ("kind", "engine", "model", "features", "optimizer", "loss", "schedule", "name", "routing", "strategy")
    texts = [key for key, kind in kinds(InferCommand).items() if kind in (str, str | None) and key != "data.name"]
    texts = [key for key in texts if key.rpartition(".")[2] not in rows]
    assert len(texts) == 19
    config = compose("infer", InferCommand, [f"{key}=1_0,{key}" for key in texts] + ["data.name=007"])
    for key in texts:
        assert attrgetter(key)(config) == f"1_0,{key}"
    assert config.data.name == "007"


def test_characters_drawn_by_chance() -> None:
    draw = random.Random(0)
    for _ in range(300):
        text = "".join(draw.choices("""'"\\{}[]()$,=:~ 0a.e_-+""", k=draw.randint(1, 9)))
        quoted = text[0] in "'\"" and text[-1] == text[0]
        if not quoted and "${" not in text:
            assert parsed(text) == text


@pytest.mark.parametrize(
    ("word", "text"), [("'a, b'", "a, b"), ('"1.10"', "1.10"), ("'null'", "null"), (r"'it\'s'", "it's")]
)
def test_quotes_of_its_own(word: str, text: str) -> None:
    assert parsed(word) == text


@pytest.mark.parametrize("word", ["null", "NULL", "Null"])
def test_null_is_none(word: str) -> None:
    assert run_name(word) is None
    with pytest.raises(ConfigError, match="artifacts"):
        compose("infer", InferCommand, [f"artifacts={word}"])


def test_interpolations_as_in_the_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "1_0")
    assert run_name("${oc.env:PLACE}/x${seed}") == "1_0/x0"
    assert run_name(r"a\${b}") == "a${b}"
    for word in ("${nope}", "a${b"):
        with pytest.raises(ConfigError, match=r"run_name.*For the characters themselves: \\\$\{"):
            run_name(word)


@pytest.mark.parametrize(
    ("word", "texts"),
    [
        ("[]", []),
        ("[ ]", []),
        (r"[1.10,a\,b,'c, d', it's]", ["1.10", "a,b", "c, d", "it's"]),
        ("['a'b,[c],x=1]", ["'a'b", "[c]", "x=1"]),
    ],
)
def test_lists_of_texts(word: str, texts: list[str]) -> None:
    assert compose("reconstruct", ReconstructCommand, [f"beside={word}"]).beside == texts


def test_the_home_folder_is_no_folder_named_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    config = compose("infer", InferCommand, ["input=~/a b.png", "artifacts=~", "data.root=~x", "run_name=~/x"])
    assert (config.input, config.artifacts) == ("/home/me/a b.png", "/home/me")
    assert (config.data.root, config.run_name) == ("~x", "~/x")
    assert compose("reconstruct", ReconstructCommand, ["beside=[~/a,b~]"]).beside == ["/home/me/a", "b~"]
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert compose("serve", ServeCommand, []).serving.cache == "/home/me/.cache/mnist_etc"


def test_a_path_alone_is_the_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["'a'", "1.10", "null", "a${b}", r"a\${b", "hydra.png", "+x", "~$a.png", "a b,c.png"]
    for name in names:
        Path(name).touch()
        (_, override) = overrides(["seed=1", name], InferCommand, set())
        assert parsed(override.removeprefix("input=")) == name
    assert compose("infer", InferCommand, [names[0]]).input == names[0]
    assert compose("infer", InferCommand, [str(tmp_path)]).input == str(tmp_path)
    for words, expected in (
        (names[:2], r"received 2 paths, .*'a'.* first.*input=<folder>"),
        (["1.10", "input=x"], r"'1.10' beside input="),
        (["absent.png"], r"'absent.png'.*input=<path>"),
        (["a" * 9999], "input=<path>"),
        (["seed"], "Did you mean seed=<value>"),
        ([""], "received ''"),
    ):
        with pytest.raises(ConfigError, match=expected):
            compose("infer", InferCommand, words)
    with pytest.raises(ConfigError, match=r"received 'photo.png'\. All keys"):
        compose("serve", ServeCommand, ["photo.png"])
