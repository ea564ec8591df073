"""Other people's handwriting, and digits on paper of every kind: ``python benchmarks/handwriting.py <model>.onnx ...``.

Accuracy of each model, and of the pretrained one, on photos of digits (``$MNIST_ETC_DATA/photos/<set>/<digit>/``, where
they are there), and on MNIST's test digits drawn on paper (``tests/papers.py``), as a fraction of what the plain digits
reach; with the preparation, and beside it with the whole picture scaled to 28x28 (``prepare=none``). Then how well the
distance tells clothes and letters from digits (area under the curve). Writes ``benchmarks/results/handwriting.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import papers  # noqa: E402

from mnist_etc.data import catalog, images  # noqa: E402
from mnist_etc.data.config import Polarity, Prepare  # noqa: E402
from mnist_etc.data.prepare import prepare  # noqa: E402
from mnist_etc.evaluation.familiarity import Familiarity  # noqa: E402
from mnist_etc.predictor import Predictor  # noqa: E402
from mnist_etc.pretrained import verify  # noqa: E402

Picture = NDArray[np.uint8]
LETTERS = "ABCDEFGHJKMNPQRTUVWXYabdefhkmnprtuwy"
"""Less those that are written like a digit: C and c stay, O, I, l, S, Z, g, q, i, j, o, s, v, x, z do not."""


def seen(pictures: Iterable[Picture], how: Prepare) -> tuple[Picture, list[float]]:
    """What a model sees of pictures, a black image where nothing was found, and their mismatch."""
    found = [prepare(picture, how) for picture in pictures]
    empty = np.zeros((28, 28), np.uint8)
    return (
        np.stack([each.images[each.main] if len(each.images) else empty for each in found]),
        [each.mismatch[each.main] if len(each.images) else 9.0 for each in found],
    )


def letters() -> Iterator[Picture]:
    """Printed ones, a little turned, in the fonts of matplotlib."""
    import matplotlib

    generator = np.random.default_rng(0)
    for path in sorted(Path(matplotlib.get_data_path(), "fonts/ttf").glob("*.ttf")):
        if "STIX" in path.name and "General" not in path.name:
            continue
        font = ImageFont.truetype(path, 60)
        for letter in LETTERS:
            sheet = Image.new("L", (110, 110), 0)
            ImageDraw.Draw(sheet).text((30, 20), letter, fill=255, font=font)
            yield np.asarray(sheet.rotate(generator.uniform(-12, 12), Image.Resampling.BILINEAR))


class Comparison:
    """Models side by side; each row is printed and kept."""

    def __init__(self, paths: dict[str, Path]) -> None:
        manifests = {name: json.loads(path.with_suffix(".json").read_text()) for name, path in paths.items()}
        self.models = {name: Predictor(path) for name, path in paths.items()}
        self.known = {name: Familiarity.of(content["metrics"]) for name, content in manifests.items()}
        self.lines = [f"| | {' | '.join(paths)} |", "| --- |" + " ---: |" * len(paths)]

    def row(self, name: str, figures: Iterable[float]) -> None:
        """One figure a model."""
        self.lines.append(f"| {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} |")
        print(self.lines[-1], flush=True)

    def accuracies(self, pictures: Picture, labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of each model."""
        answers = [model.logits(pictures).argmax(axis=1) for model in self.models.values()]
        return np.array([(answer == labels).mean() for answer in answers])

    def distances(self, pictures: Picture, mismatch: list[float]) -> list[NDArray[np.float64]]:
        """Of each model whose manifest says how it answers what it knows."""
        return [
            known.distance(self.models[name].logits(pictures), mismatch) if known else np.full(len(pictures), np.nan)
            for name, known in self.known.items()
        ]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, help="full models, their manifests beside them")
    parser.add_argument("--digits", type=int, default=2000, help="test digits of each kind")
    arguments = parser.parse_args()
    table = Comparison({"pretrained": verify()[0]} | {path.parent.name: path for path in arguments.models})
    data = Path(os.environ["MNIST_ETC_DATA"])
    test = catalog.read(data, "mnist", "test")
    table.row("MNIST's test images", table.accuracies(test.images, test.labels))
    if (data / "photos").is_dir():
        handwriting(table, data / "photos")
    chosen = np.random.default_rng(0).permutation(len(test))[: arguments.digits]
    photographed = on_paper(table, test.images[chosen], test.labels[chosen])
    clothes = catalog.read(data, "fashion_mnist", "test").images[:2000]
    near = {"MNIST's test images": seen(test.images[chosen], Prepare.auto), "noisy digits": photographed}
    strangers(table, near, clothes)
    result = ROOT / "benchmarks/results/handwriting.md"
    result.write_text(f"# Other people's handwriting\n\n{__doc__}\n" + "\n".join(table.lines) + "\n")


def handwriting(table: Comparison, folder: Path) -> None:
    """Photos of digits."""
    found = images.find(folder)
    labels = np.array([int(path.parent.name) for path in found])
    for how in (Prepare.auto, Prepare.none):
        shown, _ = seen((images.read(path, Polarity.auto) for path in found), how)
        table.row(f"{len(found)} photos, prepare={how.value}", table.accuracies(shown, labels))


def on_paper(table: Comparison, digits: Picture, labels: NDArray[np.int64]) -> tuple[Picture, list[float]]:
    """Digits on each kind of paper; what is seen of the noisy ones."""
    plain = table.accuracies(digits, labels)
    noisy = None
    for kind, draw in papers.KINDS.items():
        pictures = [draw(digit, np.random.default_rng([2, number])) for number, digit in enumerate(digits)]
        for how in (Prepare.none, Prepare.auto):
            shown = seen(pictures, how)
            table.row(f"{kind}, prepare={how.value}, over the plain digits", table.accuracies(shown[0], labels) / plain)
        noisy = shown if kind == "noisy" else noisy
    assert noisy
    return noisy


def strangers(table: Comparison, near: dict[str, tuple[Picture, list[float]]], clothes: Picture) -> None:
    """How far what is no digit lies from digits, as ``infer.py`` judges: the pretrained network beside each model."""
    from sklearn.metrics import roc_auc_score

    def judged(pictures: Picture, mismatch: list[float]) -> list[NDArray[np.float64]]:
        distances = table.distances(pictures, mismatch)
        return [np.maximum(distances[0], one) for one in distances]

    for name, pictures in (("Fashion-MNIST", clothes), ("printed letters", letters())):
        far = judged(*seen(pictures, Prepare.auto))
        for kind, digits in near.items():
            pairs = list(zip(judged(*digits), far, strict=True))
            areas = [roc_auc_score([0] * len(one) + [1] * len(other), [*one, *other]) for one, other in pairs]
            table.row(f"{name} against {kind}, AUROC of the distance", areas)


if __name__ == "__main__":
    main()
