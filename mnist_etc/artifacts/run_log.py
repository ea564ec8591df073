"""A copy of what a command prints, in a file that grows line by line."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from mnist_etc.errors import ConfigError, MnistEtcError
from mnist_etc.files import appended

__all__ = ["logged"]

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What moves the cursor of a terminal or colors it."""


@contextmanager
def logged(path: Path, *, command: str, quiet: bool = False) -> Iterator[None]:
    """Copy to ``path`` what the block prints, without progress bars, after what earlier runs left there.

    Native code's own lines are not copied. If the file cannot be written any more, a warning says so once, and the
    block goes on. A block that refuses its configuration leaves neither file nor folder that were not there.

    Args:
        path: of the file; its folder is made.
        command: that runs, without what is secret in it; the first line.
        quiet: the standard output goes to the file alone, and no bar is drawn; warnings still reach the terminal.

    Raises:
        ArtifactError: the file cannot be opened.
    """
    made = [one for one in (path, *path.parents) if not one.exists()]
    with appended(path) as file:
        log = _Log(file, path, sys.stderr)
        log.line(f"$ {command}")
        out, error = _Tee(None if quiet else sys.stdout, log), _Tee(sys.stderr, log, terminal=not quiet)
        try:
            with redirect_stdout(out), redirect_stderr(error):
                yield
        except MnistEtcError as problem:
            log.line(f"error: {problem}")
            if isinstance(problem, ConfigError):
                _remove(made)
            raise
        except BaseException as problem:
            log.line(f"ended by {type(problem).__name__}")
            raise
        finally:
            for stream in (out, error):
                stream.finish()


def _remove(made: list[Path]) -> None:
    """A file that stands alone in its folder, and the folders from that up until one holds something."""
    with suppress(OSError):
        for path in made:
            if path.is_dir():
                path.rmdir()
            elif [*path.parent.iterdir()] == [path]:
                path.unlink()


class _Log:
    """The open file, until it cannot be written."""

    def __init__(self, file: TextIO, path: Path, warnings: TextIO) -> None:
        self._file: TextIO | None = file
        self._path, self._warnings = path, warnings

    def line(self, words: str) -> None:
        """Write a line, of one that was drawn over what was seen last."""
        if self._file is None:
            return
        seen = ESCAPE.sub("", words.rstrip("\r").rpartition("\r")[2])
        try:
            self._file.write(f"{seen}\n")
            self._file.flush()
        except OSError as error:
            self._file = None
            print(
                f"warning: {self._path} cannot be written: {error.strerror or error}. The command goes on without it.",
                file=self._warnings,
                flush=True,
            )


class _Tee(io.TextIOBase):
    """A stream to a terminal, if to any, and its whole lines to a log."""

    def __init__(self, stream: TextIO | None, log: _Log, *, terminal: bool = True) -> None:
        self._stream, self._log, self._terminal = stream, log, terminal
        self._begun, self._drawn = "", False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def writable(self) -> bool:
        """It is."""
        return True

    def isatty(self) -> bool:
        """Whether bars may be drawn."""
        return self._terminal and self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream."""
        return super().fileno() if self._stream is None else self._stream.fileno()

    def write(self, words: str) -> int:
        """To both."""
        if self._stream is not None:
            self._stream.write(words)
        if words.startswith("\r") and "\n" not in words:  # a bar, in whose line a warning may stand
            self._drawn = True
            return len(words)
        *lines, self._begun = (self._begun + words).split("\n")
        for line in lines:
            if line or not self._drawn:
                self._log.line(line)
            self._drawn = False
        return len(words)

    def flush(self) -> None:
        """The stream; the log is flushed after each line."""
        if self._stream is not None:
            self._stream.flush()

    def finish(self) -> None:
        """Log the line that was begun."""
        if self._begun:
            self._log.line(self._begun)
        self._begun = ""
