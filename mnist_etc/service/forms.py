"""The body of a request as files: multipart, or one file as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.message import Message

from mnist_etc.service.problems import Problem

__all__ = ["check_type", "files_of", "plain_name"]

FIELDS = 64
"""Text fields, which are passed over."""
LONGEST = 128
RAW = re.compile(r"image/.+|application/(octet-stream|x-npz|x-npy|x-numpy|zip|x-zip-compressed|gzip|x-gzip|x-idx)")
FORM = "multipart/form-data"


def check_type(content_type: str) -> None:
    """Refuse a declared type of another kind; what the bytes are is told by themselves.

    Raises:
        Problem: It is neither of an image, an array or a form, nor left out.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind != FORM and not RAW.fullmatch(kind):
        raise Problem(
            "not-an-image",
            f"Expected a body of image/*, application/octet-stream or {FORM}; received {kind[:LONGEST]}.",
            headers={"Accept": f"image/*, application/octet-stream, {FORM}"},
        )


def files_of(body: bytes, content_type: str, most: int) -> Sequence[tuple[str, bytes]]:
    """The name and the content of each file; a body that is no form is one file without a name.

    Args:
        body: Whole.
        content_type: As the request declares it.
        most: Files at most.

    Raises:
        Problem: It is no whole form, or holds no file or too many.
    """
    if content_type[: len(FORM)].lower() != FORM:
        if not body:
            raise Problem("unreadable", "Expected an image or an array in the body; received an empty one.")
        return [("", body)]
    return _parts(body, content_type, most)


def _parts(body: bytes, content_type: str, most: int) -> list[tuple[str, bytes]]:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import FormParser

    files: list[tuple[str, bytes]] = []
    fields = 0

    def on_file(file: object) -> None:
        name, held = getattr(file, "file_name", None), getattr(file, "file_object", None)
        if len(files) == most:
            raise Problem("too-large", f"Expected at most {most:,} files; received more.")
        assert held is not None
        held.seek(0)
        files.append((plain_name((name or b"").decode("utf-8", "replace")), held.read()))

    def on_field(_: object) -> None:
        nonlocal fields
        fields += 1
        if fields > FIELDS:
            raise Problem("too-large", f"Expected at most {FIELDS} fields beside the files; received more.")

    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if not boundary:
        raise Problem("bad-request", f"Expected a boundary in Content-Type: {FORM}; received none.")
    ended = []
    try:
        parser = FormParser(
            FORM,
            on_field,
            on_file,
            on_end=lambda: ended.append(True),
            boundary=boundary,
            config={"MAX_MEMORY_FILE_SIZE": len(body) + 1},
        )
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        cause = " ".join(str(error).split())
        raise Problem("bad-request", f"Expected a whole {FORM} body; received: {cause}.") from error
    if not ended:
        raise Problem("bad-request", f"Expected a whole {FORM} body; received one without its end.")
    if not files:
        raise Problem("unreadable", "Expected a part of the form with a file; received none.")
    return files


def plain_name(name: str) -> str:
    """What of a file's name is shown: neither folders nor what a terminal or a page would take for more than text."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(one if one.isprintable() else "?" for one in last)[:LONGEST] or "file"
