"""The rows of `PUBLISHED`: sources, checksums, licenses and quirks of the datasets by name.

The checksums are those that torchvision 0.29 and medmnist 3.0 hold for the same files. What has none there is checked
by its counts, shapes and labels alone.
"""

from __future__ import annotations

import string

from mnist_etc.data.dataset import DIGITS
from mnist_etc.data.published import PUBLISHED, Published, RemoteFile

__all__ = ["PUBLISHED"]

PAIR = "mnist_etc.data.published_formats:read_pair"
EMNIST_URL, EMNIST_MD5 = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e"
KUZUSHIJI = "http://codh.rois.ac.jp/kmnist/dataset"
QMNIST_URL = "https://raw.githubusercontent.com/facebookresearch/qmnist/master"
MEDMNIST_URL = "https://zenodo.org/records/10519652/files"
HIRAGANA = (
    "a i u e o ka ki ku ke ko sa shi su se so ta chi tsu te to na ni nu ne no ha hi fu he ho ma mi mu me mo ya yu yo "
    "ra ri ru re ro wa wi we wo n iteration"
)
"""Of Kuzushiji-49: its 48 characters and the iteration mark, in the order of their numbers."""


def _add_emnist(split: str, names: str, train: tuple[int, ...], test: tuple[int, ...], first_label: int = 0) -> None:
    """G. Cohen et al., "EMNIST: an extension of MNIST to handwritten letters", arXiv 1702.05373; of NIST's SD 19."""

    def files(part: str) -> tuple[RemoteFile, ...]:
        ends = ("images-idx3-ubyte", "labels-idx1-ubyte")
        return tuple(
            RemoteFile(names=(f"emnist-{split}-{part}-{end}",), url=EMNIST_URL, saved_as="gzip.zip", md5=EMNIST_MD5)
            for end in ends
        )

    row = Published(
        reader=PAIR,
        files={part: files(part) for part in ("train", "test")},
        names=tuple(names),
        counts={"train": train, "test": test},
        folders=("emnist",),
        transposed=True,
        first_label=first_label,
        page="https://www.nist.gov/itl/products-and-services/emnist-dataset",
        license="published by NIST, which states no license; cite the paper",
    )
    PUBLISHED.add(f"emnist_{split}", row)


_add_emnist("digits", string.digits, (240_000,), (40_000,))
_add_emnist("letters", string.ascii_lowercase, (124_800, 88_800), (20_800, 14_800), first_label=1)
_add_emnist("balanced", string.digits + string.ascii_uppercase + "abdefghnqrt", (112_800,), (18_800,))
_add_emnist("byclass", string.digits + string.ascii_uppercase + string.ascii_lowercase, (697_932,), (116_323,))


def _idx(name: str, url: str, md5: str, *others: str) -> RemoteFile:
    return RemoteFile(names=(name, *others), url=f"{url}.gz", saved_as=f"{name}.gz", md5=md5)


PUBLISHED.add(
    "kmnist",
    Published(
        reader=PAIR,
        files={
            part: tuple(
                _idx(f"{stem}-{end}", f"{KUZUSHIJI}/kmnist/{stem}-{end}", md5, f"kmnist-{part}-{npz}.npz")
                for end, npz, md5 in (("images-idx3-ubyte", "imgs", images), ("labels-idx1-ubyte", "labels", labels))
            )
            for part, stem, images, labels in (
                ("train", "train", "bdb82020997e1d708af4cf47b453dcf7", "e144d726b3acfaa3e44228e80efcd344"),
                ("test", "t10k", "5c965bf0a639b31b8f53240b1b52f4d7", "7320c461ea6c1c855c0b718fb2a4b134"),
            )
        },
        names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        counts={"train": (60_000,), "test": (10_000,)},
        page="http://codh.rois.ac.jp/kmnist/",
        license="CC BY-SA 4.0",
    ),
)
PUBLISHED.add(
    "k49",
    Published(
        reader=PAIR,
        files={
            part: tuple(
                RemoteFile(names=(name,), url=f"{KUZUSHIJI}/k49/{name}", saved_as=name)
                for name in (f"k49-{part}-imgs.npz", f"k49-{part}-labels.npz")
            )
            for part in ("train", "test")
        },
        names=tuple(HIRAGANA.split()),
        counts={"train": (232_365,), "test": (38_547,)},
        page="http://codh.rois.ac.jp/kmnist/",
        license="CC BY-SA 4.0",
    ),
)
PUBLISHED.add(
    "qmnist",
    Published(
        reader=PAIR,
        files={
            part: (
                _idx(f"qmnist-{part}-images-idx3-ubyte", f"{QMNIST_URL}/qmnist-{part}-images-idx3-ubyte", images),
                _idx(f"qmnist-{part}-labels-idx2-int", f"{QMNIST_URL}/qmnist-{part}-labels-idx2-int", labels),
            )
            for part, images, labels in (
                ("train", "ed72d4157d28c017586c42bc6afe6370", "0058f8dd561b90ffdd0f734c6a30e5e4"),
                ("test", "1394631089c404de565df7b7aeaf9412", "5b5b05890a5e13444e108efe57b788aa"),
            )
        },
        names=DIGITS,
        counts={"train": (60_000,), "test": (60_000,)},
        page="https://github.com/facebookresearch/qmnist",
        license="a BSD-style license",
    ),
)
PUBLISHED.add(
    "usps",
    Published(
        reader="mnist_etc.data.published_formats:read_libsvm",
        files={
            "train": (RemoteFile(names=("usps",), saved_as="usps.bz2"),),
            "test": (RemoteFile(names=("usps.t",), saved_as="usps.t.bz2"),),
        },
        names=DIGITS,
        counts={"train": (7_291,), "test": (2_007,)},
        shape=(16, 16),
        first_label=1,
        page="https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps",
        license="none is stated, so it is not fetched",
    ),
)


def _add_medmnist(
    name: str,
    md5: str,
    counts: tuple[int, int],
    names: tuple[str, ...],
    license: str = "CC BY 4.0",  # noqa: A002
) -> None:
    """J. Yang et al., "MedMNIST v2", Scientific Data 10:41, 2023, arXiv 2110.14795; those of one label an image."""
    file = RemoteFile(
        names=(f"{name}.npz",), url=f"{MEDMNIST_URL}/{name}.npz?download=1", saved_as=f"{name}.npz", md5=md5
    )
    row = Published(
        reader="mnist_etc.data.published_formats:read_medmnist",
        files={"train": (file,), "test": (file,)},
        names=names,
        counts={"train": counts[:1], "test": counts[1:]},
        folders=("medmnist",),
        page="https://zenodo.org/records/10519652",
        license=license,
    )
    PUBLISHED.add(f"medmnist_{name}", row)


_add_medmnist(
    "pathmnist",
    "a8b06965200029087d5bd730944a56c1",
    (100_000, 7_180),
    (
        "adipose",
        "background",
        "debris",
        "lymphocytes",
        "mucus",
        "smooth muscle",
        "normal colon mucosa",
        "cancer-associated stroma",
        "colorectal adenocarcinoma epithelium",
    ),
)
_add_medmnist(
    "dermamnist",
    "0744692d530f8e62ec473284d019b0c7",
    (8_010, 2_005),
    (
        "actinic keratoses and intraepithelial carcinoma",
        "basal cell carcinoma",
        "benign keratosis-like lesions",
        "dermatofibroma",
        "melanoma",
        "melanocytic nevi",
        "vascular lesions",
    ),
    license="CC BY-NC 4.0",
)
_add_medmnist(
    "octmnist",
    "c68d92d5b585d8d81f7112f81e2d0842",
    (108_309, 1_000),
    ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
)
_add_medmnist("pneumoniamnist", "28209eda62fecd6e6a2d98b1501bb15f", (5_232, 624), ("normal", "pneumonia"))
_add_medmnist("retinamnist", "bd4c0672f1bba3e3a89f0e4e876791e4", (1_200, 400), ("0", "1", "2", "3", "4"))
_add_medmnist("breastmnist", "750601b1f35ba3300ea97c75c52ff8f6", (624, 156), ("malignant", "normal or benign"))
_add_medmnist(
    "bloodmnist",
    "7053d0359d879ad8a5505303e11de1dc",
    (13_671, 3_421),
    (
        "basophil",
        "eosinophil",
        "erythroblast",
        "immature granulocytes",
        "lymphocyte",
        "monocyte",
        "neutrophil",
        "platelet",
    ),
)
_add_medmnist(
    "tissuemnist",
    "ebe78ee8b05294063de985d821c1c34b",
    (189_106, 47_280),
    (
        "Collecting Duct or Connecting Tubule",
        "Distal Convoluted Tubule",
        "Glomerular endothelial cells",
        "Interstitial endothelial cells",
        "Leukocytes",
        "Podocytes",
        "Proximal Tubule Segments",
        "Thick Ascending Limb",
    ),
)
ORGANS = (
    "bladder",
    "femur-left",
    "femur-right",
    "heart",
    "kidney-left",
    "kidney-right",
    "liver",
    "lung-left",
    "lung-right",
    "pancreas",
    "spleen",
)
"""Of the three views of the same scans."""
_add_medmnist(
    "organamnist",
    "68e3f8846a6bd62f0c9bf841c0d9eacc",
    (41_052, 17_778),
    ORGANS,
)
_add_medmnist(
    "organcmnist",
    "b9ceb9546e10131b32923c5bbeaea2b1",
    (15_367, 8_216),
    ORGANS,
)
_add_medmnist(
    "organsmnist",
    "9ab87b696fb54e2a387ebe992d6ed5f1",
    (16_384, 8_827),
    ORGANS,
)
