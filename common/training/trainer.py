"""Trains a small network fast: whole epochs in compiled calls, on batches gathered from uint8 data on the device.

The networks need only about 25,000 multiply-accumulates per patch, so overhead determines the speed. The data stays
uint8 on the device, batches are gathered and augmented as a whole, hundreds of steps run inside one `tf.function`,
batch normalisation is one fused kernel, and Python gets control a few times per epoch. Each step starts hundreds of
small kernels, and a GPU would mostly wait for the next one. On a GPU, XLA fuses the kernels, and an epoch is one call.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from common.errors import UserError
from common.training.fast_convolution import convolve
from common.training.optimizer import AdamW

STEPS_PER_CALL = 256  # a stop request is noticed between calls, about once a second on one core


@dataclass(frozen=True)
class Settings:
    """Settings for training.

    learning_rate: the highest rate of the schedule. warmup: the fraction of all steps before this rate is reached.
    average: decay per step of the moving average of all weights, which is evaluated and saved (Polyak & Juditsky,
    Acceleration of Stochastic Approximation by Averaging, 1992).
    xla: compile the steps with XLA; None means only if there is a GPU. On a CPU, XLA is slower.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 1e-2
    weight_decay: float = 1e-3
    warmup: float = 0.05
    average: float = 0.998
    seed: int = 0
    xla: bool | None = None

    @classmethod
    def of(cls, options, patches: int) -> "Settings":
        """Makes the settings from the command line; a dry run takes a single step with all patches."""
        if options.dry_run:
            return cls(1, patches, options.learning_rate, seed=options.seed)
        return cls(options.epochs, options.batch_size, options.learning_rate, seed=options.seed)


class Trainer:
    """Holds the network, its moving average (a model of the same shape), the optimiser and the compiled steps of a run.

    Args:
        model: a functional keras.Model without branches.
        data: the source of the batches, see `common.training.batches`.
        loss: (y, output) -> loss per patch [n].
        augment: (x float32 [n, h, w, c], y, seed int32 [2]) -> (x, y), runs inside the compiled step; or None.
        head: name of the layer whose output goes into the loss: the logit, not the probability.
    """

    def __init__(self, model, data, loss: Callable, augment: Callable | None, settings: Settings, head: str):
        self.model, self.data, self.loss, self.augment, self.settings = model, data, loss, augment, settings
        end = model.layers.index(model.get_layer(head)) + 1
        self.layers = _pooled_first(model.layers[1:end])  # the layers after the input, up to the head
        self.first = next((layer for layer in self.layers if layer.trainable_weights), None)  # the first with weights
        self.batch_size = min(settings.batch_size, len(data))
        self.optimizer = AdamW(model, settings, steps=settings.epochs * -(-len(data) // self.batch_size))
        self.average = keras.models.clone_model(model)
        self.average.set_weights(model.get_weights())
        pairs = zip(self.average.variables, model.variables, strict=True)
        self.averaged = [(a, w) for a, w in pairs if w.dtype == "float32"]
        self.xla = bool(tf.config.list_logical_devices("GPU")) if settings.xla is None else settings.xla
        # XLA compiles anew for every number of steps, so it gets whole epochs.
        self.steps_per_call = None if self.xla else STEPS_PER_CALL
        # Autograph is off, because it takes a second and there is nothing to translate.
        self.run = tf.function(self._steps, reduce_retracing=not self.xla, jit_compile=self.xla, autograph=False)

    def train_epoch(self, epoch: int, stopped: Callable[[], bool] = lambda: False) -> float | None:
        """Trains one epoch; every patch is seen once (a few twice, to fill the last batch of a block).

        Returns:
            The mean loss, or None if `stopped` returned True before the end.

        Raises:
            UserError: the loss became NaN or infinite.
        """
        rng = np.random.default_rng([self.settings.seed, epoch])
        total = steps = 0
        for X, y, order in self.data.blocks(rng):
            batches = -(-len(order) // self.batch_size)
            order = np.resize(order, (batches, self.batch_size))
            steps_per_call = self.steps_per_call or batches
            for start in range(0, batches, steps_per_call):
                total += float(self.run(X, y, order[start : start + steps_per_call]))
                if not np.isfinite(total):
                    raise UserError(
                        f"The loss is no longer a finite number in epoch {epoch + 1}. Received: {total}. "
                        f"A lower --learning-rate (now {self.settings.learning_rate:g}) usually fixes it."
                    )
                if stopped():
                    return None
            steps += batches
        return total / steps

    def _steps(self, X, y, order):
        """Runs one step per row of `order` [steps, batch size]; returns the sum of the losses."""

        def step(total, rows):
            return total + self.step(tf.gather(X, rows), tf.gather(y, rows))

        return tf.foldl(step, order, tf.zeros([]))

    def step(self, x, y):
        """Updates the weights from one batch of raw patches and returns the loss."""
        x = tf.cast(x, tf.float32)
        if self.augment is not None:
            x, y = self.augment(x, y, tf.stack([self.settings.seed, tf.cast(self.optimizer.iterations, tf.int32)]))
        with tf.GradientTape() as tape:
            for layer in self.layers:
                x = self._train_layer(layer, x)
            loss = tf.reduce_mean(self.loss(y, x))
        self.optimizer.apply(tape.gradient(loss, [w.value for w in self.optimizer.weights]))
        # The average starts as a plain mean; otherwise it would contain the random first weights for a long time.
        t = tf.cast(self.optimizer.iterations, tf.float32)
        keep = tf.minimum(self.settings.average, t / (t + 9))
        for average, weight in self.averaged:
            average.value.assign_sub((1 - keep) * (average.value - weight.value))
        return loss

    def _train_layer(self, layer, x):
        """Calls a layer in training mode, in the fastest way for the device."""
        if isinstance(layer, keras.layers.BatchNormalization):
            return _normalise(layer, x)
        if isinstance(layer, keras.layers.MaxPooling2D) and self.xla:
            return pool(layer, x)
        if isinstance(layer, keras.layers.Conv2D) and not self.xla:
            return convolve(layer, x, first=layer is self.first)
        return layer(x, training=True) if isinstance(layer, keras.layers.Dropout) else layer(x)

    def state(self) -> list[np.ndarray]:
        """Returns everything that the next step depends on."""
        return [np.asarray(v) for v in self._variables()]

    def restore(self, state: list[np.ndarray]) -> None:
        """Restores what `state` returned."""
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def _variables(self) -> list:
        return [*self.model.variables, *self.average.variables, *self.optimizer.variables]


def _pooled_first(layers: list) -> list:
    """Pools before the activation: both steps are monotonic, so the result is the same for a quarter of the work."""
    layers = list(layers)
    for i in range(1, len(layers)):
        if isinstance(layers[i], keras.layers.MaxPooling2D) and isinstance(layers[i - 1], keras.layers.LeakyReLU):
            layers[i - 1 : i + 1] = layers[i], layers[i - 1]
    return layers


def pool(layer, x):
    """Computes max pooling for XLA, because XLA's own gradient of it takes thousands of steps in deterministic mode."""
    _, height, width, channels = x.shape
    down, right = layer.pool_size
    return tf.reduce_max(tf.reshape(x, [-1, height // down, down, width // right, right, channels]), [2, 4])


def _normalise(layer, x):
    """Computes batch normalisation in one fused kernel, which makes training 1.5 times as fast."""
    x, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=layer.gamma.value, offset=layer.beta.value, mean=[], variance=[], epsilon=layer.epsilon
    )
    for moving, now in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.value.assign_sub((1 - layer.momentum) * (moving.value - now))
    return x
