"""Implements AdamW with one fused kernel per weight, and a learning rate with a warm-up and half a cosine."""

from collections.abc import Sequence

import keras
import tensorflow as tf

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2019).

    It has the arithmetic, hyperparameters and variable order of `keras.optimizers.AdamW`. Keras's version uses a
    dozen kernels per weight: in networks this small, they take a twentieth of each step, and half a second to trace.
    Weights of rank 1 (biases, scales and offsets of the normalisation) do not decay.

    Over `steps` steps, the learning rate rises linearly (the warm-up), then falls to zero along half a cosine.
    """

    def __init__(self, model, settings, steps: int):
        warmup = max(1, round(settings.warmup * steps))
        self.rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, steps - warmup), warmup_target=settings.learning_rate, warmup_steps=warmup
        )
        self.weights, self.weight_decay = model.trainable_variables, settings.weight_decay
        self.iterations = tf.Variable(0, dtype=tf.int64)
        self.moments = [(tf.Variable(tf.zeros(w.shape)), tf.Variable(tf.zeros(w.shape))) for w in self.weights]

    @property
    def variables(self) -> list:
        """The variables that the next step depends on, except the weights."""
        return [self.iterations, *(moment for pair in self.moments for moment in pair)]

    def apply(self, gradients: Sequence) -> None:
        """Takes one step; `gradients` are in the order of the weights."""
        rate = self.rate(self.iterations)
        step = tf.cast(self.iterations + 1, tf.float32)
        powers = {"beta1_power": BETA_1**step, "beta2_power": BETA_2**step}
        fixed = {"beta1": BETA_1, "beta2": BETA_2, "epsilon": EPSILON}
        for weight, gradient, (first, second) in zip(self.weights, gradients, self.moments, strict=True):
            if len(weight.shape) > 1:
                weight.value.assign_sub(weight.value * (self.weight_decay * rate))
            state = {"var": weight.value.handle, "m": first.handle, "v": second.handle}
            tf.raw_ops.ResourceApplyAdam(**state, lr=rate, grad=gradient, **powers, **fixed)
        self.iterations.assign_add(1)
