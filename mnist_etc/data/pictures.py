"""One image as ``input=``, or a folder of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mnist_etc.data import images
from mnist_etc.data.classes import list_names
from mnist_etc.data.decode import read_picture
from mnist_etc.data.source import PIECE, InputOptions, Pictures, Source
from mnist_etc.errors import DataError

__all__ = ["open_folder", "open_image"]


def open_image(path: Path, options: InputOptions) -> Source:
    """Open one image; that it cannot be read is among the failures of its piece."""
    return Source("file", _read([path], [path.name], options))


def open_folder(path: Path, options: InputOptions) -> Source:
    """Open all images below a folder, sorted; what is none is counted by suffix in a note.

    Raises:
        DataError: there is no image in it, or it cannot be listed.
    """
    if options.part:
        return Source("file", _read([path / name for name in options.part.files], options.part.files, options))
    found = images.search(path)
    if not found.images:
        received = (
            f"none, but {found.passed}. Pass one of those files alone" if found.passed else "none. Check the path"
        )
        raise DataError(f"Expected images in {path}; received {received}.")
    names = [str(file.relative_to(path)) for file in found.images]
    notes = [f"passed over in {path}, which are no images: {found.passed}"] if found.passed else []
    return Source("file", _read(found.images, names, options), notes)


def _read(paths: Sequence[Path], names: Sequence[str], options: InputOptions) -> Iterator[Pictures]:
    for start in range(0, len(paths), PIECE):
        pictures, found, failures, several = [], [], [], []
        for path, name in zip(paths[start : start + PIECE], names[start : start + PIECE], strict=True):
            try:
                picture = read_picture(path, options.polarity)
                pictures.append(picture.gray)
                found.append(name)
                several += [name] if picture.frames > 1 else []
            except DataError as error:
                failures.append(error)
        notes = [f"of several frames or pages the first is read: {list_names(several)}"] if several else []
        yield Pictures(found, pictures, failures=failures, notes=notes)
