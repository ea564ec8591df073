"""The log of a run: what was printed, whole lines without progress bars, and never a reason to fail."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from mnist_etc.artifacts.run_log import logged
from mnist_etc.errors import ArtifactError, ConfigError, TrainingError


class Terminal(io.StringIO):
    """A stream that bars are drawn on."""

    def isatty(self) -> bool:
        return True


def terminals(monkeypatch: pytest.MonkeyPatch) -> dict[str, Terminal]:
    """In the place of the standard streams; from within a test, since pytest puts its own there before each."""
    streams = {"stdout": Terminal(), "stderr": Terminal()}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    return streams


def work() -> None:
    """A progress bar, a line through it, a warning beside it, colors, and half a line."""
    print("begins")
    with tqdm(total=3, desc="bar", disable=not sys.stderr.isatty(), ncols=40, mininterval=0) as bar:
        bar.update(1)
        tqdm.write("epoch 1/3", file=sys.stdout)
        print("warning: beside the bar", file=sys.stderr)
        bar.update(2)
    print("\x1b[1;31mred\x1b[0m")
    print()
    print("half", end="")


LINES = ["begins", "epoch 1/3", "warning: beside the bar", "red", "", "half"]


def test_the_log_holds_the_lines_and_the_terminal_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminals(monkeypatch)
    with logged(tmp_path / "run/pipeline.log", command="train a=1"):
        work()
    assert (tmp_path / "run/pipeline.log").read_text().splitlines() == ["$ train a=1", *LINES]
    assert "bar: 100%" in terminal["stderr"].getvalue()
    assert "epoch 1/3" in terminal["stdout"].getvalue()
    assert sys.stdout is terminal["stdout"]


def test_quiet_leaves_the_terminal_its_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminals(monkeypatch)
    with logged(tmp_path / "pipeline.log", command="x", quiet=True):
        work()
    assert terminal["stdout"].getvalue() == ""
    assert terminal["stderr"].getvalue() == "warning: beside the bar\n"
    assert (tmp_path / "pipeline.log").read_text().splitlines() == ["$ x", *LINES]


def test_a_resumed_run_goes_on_after_the_first_and_errors_are_lines(tmp_path: Path) -> None:
    def fail(error: BaseException) -> None:
        with logged(tmp_path / "pipeline.log", command="x"):
            print("on the way")
            raise error

    for error in (TrainingError("Expected a; received b."), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            fail(error)
    said = (tmp_path / "pipeline.log").read_text().splitlines()
    assert said == [
        *("$ x", "on the way", "error: Expected a; received b."),
        *("$ x", "on the way", "ended by KeyboardInterrupt"),
    ]


def test_each_line_is_there_at_once(tmp_path: Path) -> None:
    """What SIGKILL would leave."""
    with logged(tmp_path / "pipeline.log", command="x"):
        print("first\nsecond\nthi", end="")
        assert (tmp_path / "pipeline.log").read_text() == "$ x\nfirst\nsecond\n"


def test_a_full_disk_is_one_warning_and_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminals(monkeypatch)
    with logged(Path("/dev/full"), command="x"):
        print("goes on")
        print("and on")
    assert terminal["stdout"].getvalue() == "goes on\nand on\n"
    (warning,) = terminal["stderr"].getvalue().splitlines()
    assert warning.startswith("warning: /dev/full cannot be written: No space left on device. The command goes on")


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match=r"Cannot write .*pipeline\.log: Not a directory|File exists"):
        logged(tmp_path / "file/pipeline.log", command="x").__enter__()


def test_a_refused_configuration_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    for folder in ("new/run", "old"):
        with pytest.raises(ConfigError), logged(tmp_path / folder / "pipeline.log", command="x"):
            raise ConfigError("Expected a; received b.")
        assert not list(tmp_path.iterdir())
    with logged(tmp_path / "old/pipeline.log", command="x"):
        pass
    with pytest.raises(ConfigError), logged(tmp_path / "old/pipeline.log", command="y"):
        raise ConfigError("Expected a; received b.")
    assert (tmp_path / "old/pipeline.log").read_text().splitlines() == ["$ x", "$ y", "error: Expected a; received b."]
