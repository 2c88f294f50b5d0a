"""The optimiser, AdamW with one fused kernel per weight, and its learning rate, a warm-up and half a cosine."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2019).

    It has the arithmetic, hyperparameters and variable order of `keras.optimizers.AdamW`. That one uses a dozen kernels
    per weight, which take a twentieth of a step with networks this small, and half a second to trace.

    Args:
        weights: keras.Variable list; those of rank 1 (biases, scales and offsets of the normalisation) do not decay.
        rate: step (from 0) -> learning rate.
        weight_decay: fraction of a weight that each step removes, times the learning rate.
    """

    BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7

    def __init__(self, weights: Sequence, rate: Callable, weight_decay: float):
        self.weights, self.rate, self.weight_decay = weights, rate, weight_decay
        self.iterations = tf.Variable(0, dtype=tf.int64)
        self.moments = [(tf.Variable(tf.zeros(w.shape)), tf.Variable(tf.zeros(w.shape))) for w in weights]

    @property
    def variables(self) -> list:
        """Everything except the weights that the next step depends on."""
        return [self.iterations, *(moment for pair in self.moments for moment in pair)]

    def apply(self, gradients: Sequence) -> None:
        """Takes one step; `gradients` in the order of the weights."""
        rate = self.rate(self.iterations)
        step = tf.cast(self.iterations + 1, tf.float32)
        powers = {"beta1_power": self.BETA_1**step, "beta2_power": self.BETA_2**step}
        for weight, gradient, (first, second) in zip(self.weights, gradients, self.moments, strict=True):
            if len(weight.shape) > 1:
                weight.value.assign_sub(weight.value * (self.weight_decay * rate))
            tf.raw_ops.ResourceApplyAdam(
                var=weight.value.handle,
                m=first.handle,
                v=second.handle,
                **powers,
                lr=rate,
                beta1=self.BETA_1,
                beta2=self.BETA_2,
                epsilon=self.EPSILON,
                grad=gradient,
            )
        self.iterations.assign_add(1)


def make_optimizer(model, settings, steps: int) -> AdamW:
    """The optimiser of a run of so many steps, with the settings of `common.training.trainer.Settings`.

    Its rate rises linearly during the warm-up, then falls to zero along half a cosine.
    """
    warmup = max(1, round(settings.warmup * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=settings.learning_rate, warmup_steps=warmup
    )
    return AdamW(model.trainable_variables, rate, settings.weight_decay)
