"""The pipeline as it was commonly written in 2023: Keras, ``model.fit``, batches of 32, a tf.data pipeline.

The reference that ``train.py`` is measured against, with nothing in it to slow it down. It uses what this project's
environment holds (TensorFlow 2.21, Keras 3), so the speed of the libraries is the same on both sides.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import mlflow
import numpy as np
import tensorflow as tf
import tf2onnx
from idx import mnist
from keras import layers
from numpy.typing import NDArray
from PIL import Image

OPSET = 18
Array = NDArray[Any]


def build_autoencoder(hid_dim: int = 32) -> tuple[keras.Model, keras.Model]:
    """The autoencoder ``(batch, 28, 28, 1)`` to the same, compiled, and its encoder."""
    fine, middle, coarse = (math.ceil(hid_dim / part) for part in (8, 4, 2))
    encoder = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(fine, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(middle, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(coarse, 3, activation="relu"),
            layers.Conv2D(hid_dim, 3),
            layers.Flatten(),
        ],
        name="encoder",
    )
    decoder = keras.Sequential(
        [
            layers.Input((hid_dim,)),
            layers.Reshape((1, 1, hid_dim)),
            layers.Conv2DTranspose(coarse, 3, activation="relu"),
            layers.Conv2DTranspose(middle, 3),
            layers.Conv2DTranspose(middle, 2, strides=2, activation="relu"),
            layers.Conv2DTranspose(fine, 3),
            layers.Conv2DTranspose(fine, 2, strides=2, activation="relu"),
            layers.Conv2DTranspose(1, 5),
        ],
        name="decoder",
    )
    autoencoder = keras.Sequential([layers.Input((28, 28, 1)), encoder, decoder], name="autoencoder")
    autoencoder.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse")
    return autoencoder, encoder


def build_classifier(encoder: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Encoder, frozen, and a linear layer in one model, compiled; and the linear layer alone."""
    encoder.trainable = False
    head = keras.Sequential([layers.Input(encoder.output_shape[1:]), layers.Dense(10)], name="classifier")
    full_model = keras.Sequential([layers.Input((28, 28, 1)), encoder, head], name="full_model")
    full_model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return full_model, head


def scaled(images: Array) -> Array:
    """uint8 ``(n, 28, 28)`` to float32 ``(n, 28, 28, 1)`` in [0, 1]."""
    return images[..., np.newaxis].astype(np.float32) / np.float32(255)


def reconstruction_batches(images: Array, batch_size: int) -> tf.data.Dataset:
    """Shuffled batches ``(images, images)``, the next one prepared while one is trained on."""
    batches = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).batch(batch_size)
    return batches.map(lambda batch: (batch, batch)).prefetch(tf.data.AUTOTUNE)


def labelled_batches(images: Array, labels: Array, batch_size: int) -> tf.data.Dataset:
    """Shuffled batches ``(images, labels)``, the next one prepared while one is trained on."""
    examples = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images))
    return examples.batch(batch_size).prefetch(tf.data.AUTOTUNE)


class Examples(keras.callbacks.Callback):
    """After each epoch ten images and what the autoencoder makes of them, as PNG."""

    def __init__(self, folder: Path, images: Array) -> None:
        super().__init__()
        self.folder, self.images = folder, images

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write ``orig_<digit>.png`` and ``rec_<digit>.png``."""
        mlflow.log_metrics(logs or {}, step=epoch + 1)
        folder = self.folder / f"examples_{epoch + 1}"
        folder.mkdir(parents=True, exist_ok=True)
        for kind, images in (("orig", self.images), ("rec", self.model.predict_on_batch(self.images))):
            for digit, image in enumerate(images):
                pixels = np.round(np.clip(image[..., 0], 0, 1) * 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{kind}_{digit}.png")


class LogEpoch(keras.callbacks.Callback):
    """Metrics of each epoch to MLflow."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Log them."""
        mlflow.log_metrics({f"classifier_{name}": value for name, value in (logs or {}).items()}, step=epoch + 1)


def export(model: keras.Model, stem: Path) -> None:
    """Write ``<stem>.weights.h5`` and ``<stem>.onnx``."""
    model.save_weights(f"{stem}.weights.h5")
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="input")]
    tf2onnx.convert.from_function(
        tf.function(model), input_signature=signature, opset=OPSET, output_path=f"{stem}.onnx"
    )


def write_inference(model: keras.Model, images: Array, labels: Array, path: Path, batch_size: int) -> None:
    """Classify ``images`` and write index, prediction and label as CSV."""
    predictions = model.predict(images, batch_size=batch_size, verbose=0).argmax(axis=1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "prediction", "label"])
        writer.writerows(zip(range(len(labels)), predictions, labels, strict=True))


def main() -> None:
    """Train, export, infer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for everything written")
    parser.add_argument("--epochs", type=int, default=3, help="of the autoencoder")
    parser.add_argument("--classifier-epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--images", type=int, default=60_000, help="training images, fewer for a try")
    arguments = parser.parse_args()
    out, batch_size = arguments.out, arguments.batch_size
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(0)

    images, labels = mnist("train")
    test_images, test_labels = mnist("t10k")
    images, labels, test_images = scaled(images[: arguments.images]), labels[: arguments.images], scaled(test_images)
    shown = test_images[[int(np.argmax(test_labels == digit)) for digit in range(10)]]

    mlflow.set_tracking_uri(f"sqlite:///{out.resolve()}/mlflow.db")
    with mlflow.start_run():
        mlflow.log_params({name: str(value) for name, value in vars(arguments).items()})
        autoencoder, encoder = build_autoencoder()
        autoencoder.fit(
            reconstruction_batches(images, batch_size),
            epochs=arguments.epochs,
            callbacks=[Examples(out, shown)],
            verbose=2,
        )
        full_model, head = build_classifier(encoder)
        full_model.fit(
            labelled_batches(images, labels, batch_size),
            epochs=arguments.classifier_epochs,
            callbacks=[LogEpoch()],
            verbose=2,
        )
        mse = autoencoder.evaluate(test_images, test_images, batch_size=batch_size, verbose=0)
        _, accuracy = full_model.evaluate(test_images, test_labels, batch_size=batch_size, verbose=0)
        mlflow.log_metrics({"test_mse": mse, "test_accuracy": accuracy})
        for model, name in ((autoencoder, "autoencoder"), (head, "classifier"), (full_model, "full_model")):
            export(model, out / name)
        write_inference(full_model, test_images, test_labels, out / "inference.csv", batch_size)
    print(f"test MSE {mse:.5f}, test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
