"""Trains the networks of both projects as most tutorials do; train_throughput.py measures how fast this is.

Single patches are shuffled, augmented one by one in parallel, batched, and passed to `model.fit`. The network, the
optimiser, the schedule and the distribution of the augmentation are the same as in the projects, but the weights are
not averaged.
"""

import math

import keras
import tensorflow as tf

from detector_cnn_ball_radius_center.augmentation import LABEL_OFFSET
from detector_cnn_ball_radius_center.loss import huber


def dataset(X, y, project: str, batch_size: int, augment: bool = True) -> tf.data.Dataset:
    """Returns the batches of one epoch; `project` decides how the patches are augmented."""
    change = augment_classified if project == "classifier_cnn" else augment_circled
    data = tf.data.Dataset.from_tensor_slices((X, y)).shuffle(len(X))
    if augment:
        data = data.map(lambda x, y: change(tf.cast(x, tf.float32), y), tf.data.AUTOTUNE)
    return data.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def augment_classified(x, y):
    """Rotates, flips, zooms, shifts and blurs one Y patch [h, w, 1] in 0..255, changes its light, and adds noise."""
    chance = tf.random.uniform([11])
    zoom = tf.exp(0.2 * chance[1] - 0.1)
    scale_x, scale_y = (tf.where(chance[i] < 0.5, -zoom, zoom) for i in (2, 3))
    image = tf.where(chance[0] < 0.5, tf.transpose(x[..., 0]), x[..., 0])
    rows, columns = (
        sampling_matrix(image.shape[0], scale, 2 * shift - 1, chance[6] - 0.5)
        for scale, shift in ((scale_y, chance[5]), (scale_x, chance[4]))
    )
    image = rows @ image @ tf.transpose(columns)
    return relight(image, chance[7:])[..., tf.newaxis], y


def sampling_matrix(size: int, scale, shift, blur):
    """Returns the weight of each pixel (columns) for each sampled position (rows), [size, size]."""
    pixels = tf.range(size, dtype=tf.float32)
    middle = (size - 1) / 2
    positions = tf.clip_by_value((pixels - middle) * scale + middle + shift, 0.0, size - 1.0)
    weights = tf.nn.relu(1 + blur - tf.abs(positions[:, tf.newaxis] - pixels))
    return weights / tf.reduce_sum(weights, -1, keepdims=True)


def augment_circled(x, y):
    """Rotates and flips one Y patch [h, w, 1] together with its circle [3], changes its light, and adds noise."""
    chance = tf.random.uniform([7])
    turned, flips = chance[0] < 0.5, chance[1:3] < 0.5
    image, centre = x[..., 0], y[1:] - LABEL_OFFSET
    image, centre = tf.where(turned, tf.transpose(image), image), tf.where(turned, centre[::-1], centre)
    image = tf.where(flips[0], image[:, ::-1], image)
    image = tf.where(flips[1], image[::-1], image)
    centre = tf.where(flips, 1 - centre, centre) + LABEL_OFFSET
    return relight(image, chance[3:])[..., tf.newaxis], tf.concat([y[:1], centre], 0)


def relight(image, chance):
    """Changes brightness, contrast, tone and noise according to four numbers from 0 to 1."""
    mean = tf.reduce_mean(image)
    image = (image - mean) * (0.7 + 0.6 * chance[1]) + mean + 60 * chance[0] - 30
    image = tf.clip_by_value(image, 0.0, 255.0)
    image += (0.6 * chance[2] - 0.3) * image * (1 - image / 255)
    return tf.clip_by_value(image + tf.random.normal(image.shape, stddev=6 * chance[3]), 0.0, 255.0)


def compile_model(model, project: str, learning_rate: float, steps: int, jit_compile="auto") -> None:
    """Compiles a model with the optimiser and loss of the projects, for `fit`."""
    warmup = max(1, math.ceil(0.05 * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=learning_rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-3)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    loss = keras.losses.BinaryCrossentropy() if project == "classifier_cnn" else huber
    model.compile(optimizer, loss, jit_compile=jit_compile)
