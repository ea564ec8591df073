"""Forms of arrays, and of files that hold arrays in a way that is refused; see `forms`."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import scipy.io
from forms import IMAGES, LABELS, WHOLE, form, read, refused
from PIL import Image

from mnist_etc.data.inputs import InputOptions


def larger(factor: int) -> np.ndarray:
    return np.kron(IMAGES, np.ones((1, factor, factor), np.uint8))


def saved(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "a.npy", array)
    return folder / "a.npy"


def archived(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez_compressed(folder / "a.npz", **arrays)
    return folder / "a.npz"


NPY = {
    "npy (n, 28, 28)": (IMAGES, ""),
    "npy (n, 784)": (IMAGES.reshape(-1, 784), ""),
    "npy (n, 1, 28, 28), as PyTorch holds images": (IMAGES[:, None], ""),
    "npy (n, 28, 28, 1), as Keras holds images": (IMAGES[..., None], ""),
    "npy (n, 3, 28, 28), in color": (np.repeat(IMAGES[:, None], 3, axis=1), ""),
    "npy (n, 28, 28, 3), in color": (np.repeat(IMAGES[..., None], 3, axis=3), ""),
    "npy of float64 in [0, 1]": (IMAGES / 255, ""),
    "npy of float32 in [0, 255]": (IMAGES.astype(np.float32), ""),
    "npy of float32 in [-1, 1]": ((IMAGES / 127.5 - 1).astype(np.float32), "-1 is taken for black, 1 for white"),
    "npy standardized as PyTorch's MNIST example": (
        ((IMAGES / 255 - 0.1307) / 0.3081).astype(np.float32),
        "-0.42421 is taken for black",
    ),
    "npy of int64": (IMAGES.astype(np.int64), ""),
    "npy in Fortran's order": (np.asfortranarray(IMAGES), ""),
    "npy of big-endian 16 bits": ((IMAGES * 257.0).astype(">u2"), "65535 for white"),
}
for title, (array, said) in NPY.items():

    def write(folder: Path, array: np.ndarray = array) -> Path:
        return saved(folder, array)

    form(title, read(said=said))(write)


@form("npy of bool", read((IMAGES > 127) * np.uint8(255)))
def npy_of_bool(folder: Path) -> Path:
    return saved(folder, IMAGES > 127)


@form("npy of images of 84 x 84", read())
def npy_of_larger_images(folder: Path) -> Path:
    return saved(folder, larger(3))


@form("npy (n, 3136): rows of 56 x 56", read(said="taken for 10 images of 56 x 56"))
def npy_of_larger_rows(folder: Path) -> Path:
    return saved(folder, larger(2).reshape(len(IMAGES), -1))


@form("npy (28, 28): one picture", read(IMAGES[:1]))
def npy_of_one(folder: Path) -> Path:
    return saved(folder, IMAGES[0])


@form("npy of scikit-learn's 8 x 8 digits, 17 levels", read(tolerance=13, said="16 for white"))
def npy_of_17_levels(folder: Path) -> Path:
    small = np.stack([np.asarray(Image.fromarray(image).resize((8, 8), Image.Resampling.BOX)) for image in IMAGES])
    return saved(folder, np.round(small / 255 * 16))


@form("npy of Python objects", refused("pickled Python objects, which can run code.*Save a numeric array"))
def npy_of_objects(folder: Path) -> Path:
    np.save(folder / "a.npy", np.array([*IMAGES, None], object), allow_pickle=True)
    return folder / "a.npy"


@form("npy (28, 28, n)", refused(r"received \(28, 28, 10\).*moveaxis"))
def npy_of_images_last(folder: Path) -> Path:
    return saved(folder, np.moveaxis(IMAGES, 0, -1))


@form("npy of labels", refused("these may be labels"))
def npy_of_labels(folder: Path) -> Path:
    return saved(folder, LABELS)


@form("npz with images and labels", read(labels=LABELS))
def npz(folder: Path) -> Path:
    return archived(folder, images=IMAGES, labels=LABELS)


@form("npz as Keras caches MNIST: x_train, y_train, x_test, y_test", read(labels=LABELS, said="x_test is read"))
def npz_of_keras(folder: Path) -> Path:
    return archived(folder, x_train=IMAGES[:2], y_train=LABELS[:2], x_test=IMAGES, y_test=LABELS)


@form(
    "npz of MedMNIST: labels (n, 1)",
    read(labels=LABELS, said="holds test_images, val_images, train_images: test_images is read"),
)
def npz_of_medmnist(folder: Path) -> Path:
    parts = {"train": 3, "val": 2, "test": 10}
    arrays = {f"{part}_images": IMAGES[:count] for part, count in parts.items()}
    arrays |= {f"{part}_labels": LABELS[:count, None].astype(np.uint8) for part, count in parts.items()}
    return archived(folder, **arrays)


@form(
    "npz of MedMNIST, the part that input_key names",
    read(IMAGES[:2], LABELS[:2], options=InputOptions(prepare=WHOLE.prepare, key="val_images")),
)
def npz_by_key(folder: Path) -> Path:
    return npz_of_medmnist(folder)


@form("npz arr_0, as savez names it (KMNIST)", read())
def npz_without_a_name(folder: Path) -> Path:
    np.savez_compressed(folder / "a.npz", IMAGES)
    return folder / "a.npz"


@form("npz X, y with one-hot labels", read(labels=LABELS))
def npz_with_one_hot_labels(folder: Path) -> Path:
    return archived(folder, X=IMAGES.reshape(-1, 784) / 255, y=np.eye(10)[LABELS])


@form("npz of labels before images, without names", read(labels=LABELS))
def npz_of_labels_first(folder: Path) -> Path:
    np.savez(folder / "a.npz", LABELS, IMAGES)
    return folder / "a.npz"


@form("npz of pixels and y, in other names than usual together", read(labels=LABELS))
def npz_of_other_pairs(folder: Path) -> Path:
    return archived(folder, imgs=IMAGES, y=LABELS)


@form("npz of images and labels of no usual name", read(said="answers is not read; save labels under the name"))
def npz_of_strange_labels(folder: Path) -> Path:
    return archived(folder, images=IMAGES, answers=LABELS)


@form("npz of two arrays of images", refused("received left, right.*input_key="))
def npz_of_two(folder: Path) -> Path:
    return archived(folder, left=IMAGES, right=IMAGES)


@form("an npz cut off", refused("no whole NumPy file"))
def npz_cut_off(folder: Path) -> Path:
    path = archived(folder, images=IMAGES)
    path.write_bytes(path.read_bytes()[:-300])
    return path


@form("IDX", read())
def idx(folder: Path) -> Path:
    (folder / "t10k-images.idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, *IMAGES.shape) + IMAGES.tobytes())
    return folder / "t10k-images.idx3-ubyte"


@form("IDX in gzip", read())
def idx_gz(folder: Path) -> Path:
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(folder).read_bytes()))
    return path


@form("archive.zip of IDX files, as Kaggle gives it", read(labels=LABELS, said="t10k-images.idx3-ubyte is read"))
def idx_zip(folder: Path) -> Path:
    labels = struct.pack(">2I", 0x801, len(LABELS)) + LABELS.astype(np.uint8).tobytes()
    images = idx(folder).read_bytes()
    with zipfile.ZipFile(folder / "archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t10k-images-idx3-ubyte/t10k-images-idx3-ubyte", images)
        archive.writestr("t10k-images.idx3-ubyte", images)
        archive.writestr("t10k-labels.idx1-ubyte", labels)
        archive.writestr("train-images.idx3-ubyte", images)
        archive.writestr("train-labels.idx1-ubyte", labels)
    return folder / "archive.zip"


@form("IDX labels alone", refused("received labels, an IDX file"))
def idx_labels(folder: Path) -> Path:
    (folder / "l").write_bytes(struct.pack(">2I", 0x801, len(LABELS)) + LABELS.astype(np.uint8).tobytes())
    return folder / "l"


@form("a pickle of an array", refused("a pickle, which can run code when it is read.*numpy"))
def pickled(folder: Path) -> Path:
    (folder / "a.pkl").write_bytes(pickle.dumps(IMAGES))
    return folder / "a.pkl"


@form("the .pt of a PyTorch tensor", refused("a PyTorch file.*can run code.*numpy.savez"))
def torch_tensor(folder: Path) -> Path:
    """The layout that ``torch.save`` writes: a zip of ``<name>/data.pkl`` and the storages."""
    with zipfile.ZipFile(folder / "a.pt", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a/data.pkl", pickle.dumps(["a"], 2))
        archive.writestr("a/byteorder", "little")
        archive.writestr("a/data/0", IMAGES.tobytes())
        archive.writestr("a/version", "3\n")
    return folder / "a.pt"


@form("safetensors", refused("a safetensors file.*numpy.savez"))
def safetensors(folder: Path) -> Path:
    """Eight bytes of the header's length, the header as JSON, the content."""
    header = json.dumps({"images": {"dtype": "U8", "shape": IMAGES.shape, "data_offsets": [0, IMAGES.size]}}).encode()
    (folder / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + IMAGES.tobytes())
    return folder / "a.safetensors"


@form("MATLAB .mat (USPS, EMNIST, SVHN)", refused("a MATLAB file.*scipy.io.loadmat"))
def matlab(folder: Path) -> Path:
    scipy.io.savemat(folder / "a.mat", {"X": IMAGES})
    return folder / "a.mat"


@form("HDF5", refused("an HDF5 file.*h5py"))
def hdf5(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file["images"] = IMAGES
    return folder / "a.h5"


@form("JSON", refused("a JSON file.*numpy"))
def a_json(folder: Path) -> Path:
    (folder / "a.json").write_text(json.dumps({"images": IMAGES[:1].tolist()}))
    return folder / "a.json"


@form("a Git LFS pointer in place of the file", refused("Git LFS.*git lfs pull"))
def lfs_pointer(folder: Path) -> Path:
    (folder / "a.npz").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    return folder / "a.npz"


@form("a zip of PNG files", refused("Unpack it and pass input=<the folder>"))
def zip_of_pictures(folder: Path) -> Path:
    buffer = io.BytesIO()
    Image.fromarray(IMAGES[0]).save(buffer, "PNG")
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("digits/0.png", buffer.getvalue())
    return folder / "a.zip"
