"""Small models that are trained, in a second each, on data that scikit-learn brings."""

from typing import Any

import keras
import numpy as np
from sklearn.datasets import load_digits, load_iris

Array = np.ndarray[Any, np.dtype[Any]]


def images() -> tuple[Array, Array]:
    pixels, digits = load_digits(return_X_y=True)
    return (pixels / 16).reshape(-1, 8, 8, 1).astype(np.float32), digits


def flowers() -> tuple[Array, Array]:
    measures, kinds = load_iris(return_X_y=True)
    return measures.astype(np.float32), kinds


def trained(model: Any, inputs: Any, labels: Any, epochs: int = 3) -> Any:
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(inputs, labels, epochs=epochs, batch_size=32, verbose=0)
    return model


def convolutions() -> Any:
    """Sequential: convolutions by depth, batch statistics that were learnt, dropout that has to be off."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(8, 3, padding="same"),
        keras.layers.BatchNormalization(momentum=0.8),
        keras.layers.ReLU(),
        keras.layers.DepthwiseConv2D(3, strides=2, padding="same"),
        keras.layers.BatchNormalization(momentum=0.8),
        keras.layers.Activation("relu"),
        keras.layers.SeparableConv2D(16, 3, padding="same", activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(10, activation="softmax"),
    ]
    pixels, digits = images()
    return trained(keras.Sequential(layers), pixels[:1000], digits[:1000], epochs=6)


def halves() -> Any:
    """Functional: two inputs and two outputs, each by its name."""
    keras.utils.set_random_seed(0)
    sepal, petal = keras.Input((2,), name="sepal"), keras.Input((2,), name="petal")
    both = keras.layers.Concatenate()([keras.layers.Dense(8, "relu")(sepal), keras.layers.Dense(8, "relu")(petal)])
    kind = keras.layers.Dense(3, activation="softmax", name="kind")(both)
    model = keras.Model([sepal, petal], [kind, keras.layers.Dense(1)(both)])
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    measures, kinds = flowers()
    model.fit([measures[:, :2], measures[:, 2:]], [kinds, measures[:, :1]], epochs=3, verbose=0)
    return model


def words() -> Any:
    """Functional: words with padding through LSTM, GRU and attention, for texts of any length."""
    keras.utils.set_random_seed(0)
    ids = keras.Input((None,), dtype="int32", name="ids")
    embedded = keras.layers.Embedding(50, 8, mask_zero=True)(ids)
    ahead = keras.layers.LSTM(6, return_sequences=True)(embedded)
    back = keras.layers.GRU(6, return_sequences=True, go_backwards=True)(embedded)
    seen = keras.layers.MultiHeadAttention(2, 4)(ahead, back)
    pooled = keras.layers.GlobalAveragePooling1D()(keras.layers.LayerNormalization()(seen))
    model = keras.Model(ids, keras.layers.Dense(2, activation="softmax")(pooled))
    texts = tokens(200)
    return trained(model, texts, (texts[:, 0] > 25).astype(int), epochs=1)


def tokens(count: int) -> Array:
    """Texts of nine words, zero where one is shorter."""
    made = np.random.default_rng(count).integers(1, 50, (count, 9)).astype(np.int32)
    made[np.arange(9)[None, :] >= np.random.default_rng(count).integers(3, 10, count)[:, None]] = 0
    return made


class Scaled(keras.Model):  # type: ignore[misc]
    """Subclassed: a call that Keras knows nothing of before it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = keras.layers.Dense(8, activation="relu")
        self.outer = keras.layers.Dense(3)

    def call(self, x: Any) -> dict[str, Any]:
        scores = self.outer(self.inner(x / keras.ops.sum(x, axis=1, keepdims=True)))
        return {"probabilities": keras.ops.softmax(scores), "largest": keras.ops.max(scores, axis=-1)}


def subclassed() -> Any:
    keras.utils.set_random_seed(0)
    model = Scaled()
    measures, kinds = flowers()
    loss, optimizer = keras.losses.SparseCategoricalCrossentropy(), keras.optimizers.Adam(0.01)
    import tensorflow as tf

    for _ in range(20):
        with tf.GradientTape() as tape:
            value = loss(kinds, model(measures)["probabilities"])
        optimizer.apply_gradients(
            zip(tape.gradient(value, model.trainable_variables), model.trainable_variables, strict=True)
        )
    return model
