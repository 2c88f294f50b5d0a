"""The compiled trainer gives the same results as plain Keras, is reproducible, can resume, and reports a NaN loss."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from classifier_cnn.loss import make_loss
from classifier_cnn.model import build_model
from common.errors import UserError
from common.training import trainer as training
from common.training.batches import MemoryData
from common.training.trainer import Settings, Trainer

BATCH, EPOCHS = 16, 5


@pytest.fixture(scope="module")
def patches():
    """Returns 64 patches for 4 batches; balls have a bright middle, so that the network has something to learn."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 200, (64, 16, 16, 1), dtype=np.uint8), (np.arange(64) % 3 == 0).astype(np.float32)
    X[y == 1, 5:11, 5:11] += 55
    return X, y


def small_model(regularize=False):
    keras.utils.set_random_seed(11)
    return build_model((16, 16, 1), (2, 2, 3, 3), 4, regularize=regularize)


def trainer(patches, loss=None, augment=None, model=None, **settings):
    settings = Settings(**{"epochs": EPOCHS, "batch_size": BATCH} | settings)
    data, loss = MemoryData(*patches), loss or make_loss()
    return Trainer(model or small_model(), data, loss, augment, settings, head="logit")


def keras_optimizer(model, like):
    """Returns Keras's own AdamW with the settings of a Trainer."""
    optimizer = keras.optimizers.AdamW(like.optimizer.rate, weight_decay=like.settings.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(model.trainable_variables)
    return optimizer


def darker(x, y, seed):
    """Makes patches darker by random factors that depend only on the seed of the step."""
    return x * tf.random.stateless_uniform([tf.shape(x)[0], 1, 1, 1], seed, 0.7, 1.0), y


@pytest.mark.parametrize("xla", [False, True])
def test_the_fast_path_matches_plain_keras(patches, xla):
    """Twenty steps of `model(x, training=True)` with the same optimiser and batches give the same weights.

    The test runs once without XLA (as on a CPU), and once compiled by XLA (as on a GPU).
    """
    X, y = patches
    fast, plain = trainer(patches, xla=xla), small_model()
    plain.set_weights(fast.model.get_weights())
    logit = keras.Model(plain.input, plain.get_layer("logit").output)
    optimizer = keras_optimizer(plain, fast)
    losses = []
    for epoch in range(EPOCHS):
        order = np.random.default_rng([fast.settings.seed, epoch]).permutation(len(X))
        for batch in order.reshape(-1, BATCH):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(
                    keras.losses.binary_crossentropy(
                        y[batch, None], logit(tf.constant(X[batch], tf.float32), training=True), from_logits=True
                    )
                )
            weights = plain.trainable_variables
            optimizer.apply(tape.gradient(loss, [w.value for w in weights]), weights)
            losses.append(float(loss))
    fast_losses = [fast.train_epoch(epoch) for epoch in range(EPOCHS)]
    np.testing.assert_allclose(fast_losses, np.reshape(losses, (EPOCHS, 4)).mean(1), rtol=1e-4)
    for found, expected in zip(fast.model.variables, plain.variables, strict=True):
        # The biased and the unbiased variance of a batch differ by 1 / (n - 1) with n >= 16 * 4, so updates differ by
        # up to 2 %.
        tolerance = 0.02 if "moving_variance" in expected.path else 2e-3
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=2e-4, err_msg=expected.path)


def test_batch_statistics_are_updated(patches):
    run = trainer(patches)
    before = [v.numpy() for v in run.model.variables if "moving" in v.path]
    run.train_epoch(0)
    after = [v.numpy() for v in run.model.variables if "moving" in v.path]
    assert len(after) == 8
    assert all(np.abs(a - b).max() > 1e-4 for a, b in zip(after, before, strict=True))


def test_average_lags_behind_and_begins_as_a_plain_mean(patches):
    run = trainer(patches, average=0.9)
    kernel = run.model.get_layer("dense").kernel
    expected = kernel.numpy()
    for step in range(1, 9):
        run.step(tf.constant(patches[0][:BATCH]), tf.constant(patches[1][:BATCH]))
        keep = min(0.9, step / (step + 9))
        expected = keep * expected + (1 - keep) * kernel.numpy()
    np.testing.assert_allclose(run.average.get_layer("dense").kernel, expected, rtol=1e-5, atol=1e-7)
    assert np.abs(kernel.numpy() - expected).max() > 1e-4


def test_only_the_same_seed_gives_the_same_weights(patches):
    def weights(seed):
        run = trainer(patches, augment=darker, model=small_model(regularize=True), seed=seed)
        run.train_epoch(0)
        return run.average.get_weights()

    first, again, other = weights(1), weights(1), weights(2)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(first, other, strict=True))


def test_training_resumes_from_a_restored_state_as_if_nothing_had_happened(patches):
    whole = trainer(patches, augment=darker, model=small_model(regularize=True))
    whole.train_epoch(0)
    kept = whole.state()
    loss = whole.train_epoch(1)
    resumed = trainer(patches, augment=darker, model=small_model(regularize=True))
    resumed.train_epoch(3)  # changes the state completely
    resumed.restore(kept)
    assert resumed.train_epoch(1) == loss
    for a, b in zip(whole.state(), resumed.state(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nan_loss_is_an_error_that_names_epoch_and_learning_rate(patches):
    run = trainer(patches, loss=lambda y, logit: logit[:, 0] * np.nan)
    with pytest.raises(UserError, match=r"epoch 3\. Received: nan.*--learning-rate \(now 0\.01\)"):
        run.train_epoch(2)


def test_stop_is_noticed_between_calls(patches):
    run = trainer(patches)
    assert run.train_epoch(0, stopped=lambda: True) is None
    assert run.train_epoch(1) > 0


def test_positive_weight_changes_the_gradient():
    """A ball counts k times and any other patch once, regardless of the rest of the batch."""
    logit, y = tf.Variable([[0.3], [-0.8]]), tf.constant([1.0, 0.0])
    gradients = []
    for weight in (1, 10):
        with tf.GradientTape() as tape:
            loss = make_loss(positive_weight=weight)(y, logit)
        gradients.append(tape.gradient(loss, logit).numpy()[:, 0])
    np.testing.assert_allclose(gradients[1], gradients[0] * [10, 1], rtol=1e-5)
    assert np.all(gradients[0] != 0)


def test_positive_weight_finds_more_balls(patches):
    """In the complete compiled step, a higher weight for balls raises the scores."""
    scores = []
    for weight in (0.1, 10):
        run = trainer(patches, loss=make_loss(weight), learning_rate=0.02)
        for epoch in range(EPOCHS):
            run.train_epoch(epoch)
        scores.append(run.average(patches[0].astype(np.float32)).numpy().mean())
    assert scores[1] > scores[0] + 0.2


@pytest.mark.parametrize(("n", "batch_size"), [(61, 16), (5, 16)])
def test_every_patch_is_seen_in_an_epoch(n, batch_size):
    """The pixels of every patch contain its index, so the batches themselves show which patches were seen."""
    X = np.repeat(np.arange(n, dtype=np.uint8), 16 * 16).reshape(n, 16, 16, 1)
    seen = []

    def note(x, y, seed):
        tf.py_function(lambda values: seen.append(values.numpy()), [x[:, 0, 0, 0]], [])
        return x, y

    run = trainer((X, np.zeros(n)), augment=note, batch_size=batch_size)
    run.train_epoch(0)
    counts = np.bincount(np.concatenate(seen).astype(int), minlength=n)
    assert counts.min() >= 1
    assert counts.max() <= 2  # some patches are repeated to fill the last batch
    assert counts.sum() < n + min(n, batch_size)
    order = np.concatenate(seen)
    seen.clear()
    run.train_epoch(1)
    assert np.any(order != np.concatenate(seen))  # the second epoch is shuffled differently


@pytest.mark.parametrize("xla", [False, True])
def test_the_optimizer_matches_keras_adamw(patches, xla):
    """With the same gradients, the weights and moments are the same as Keras's.

    Weight decay does not apply to biases or normalisation layers.
    """
    run, plain = trainer(patches, weight_decay=0.5), small_model()
    plain.set_weights(run.model.get_weights())
    expected = keras_optimizer(plain, run)
    rng = np.random.default_rng(5)
    apply = tf.function(lambda *gradients: run.optimizer.apply(gradients), jit_compile=xla, autograph=False)
    for _ in range(6):
        gradients = [tf.constant(rng.normal(0, 0.1, w.shape), tf.float32) for w in plain.trainable_variables]
        apply(*gradients)
        expected.apply(gradients, plain.trainable_variables)
    for ours, theirs in zip(run.model.trainable_variables, plain.trainable_variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=theirs.path)
    for ours, theirs in zip(run.optimizer.variables, expected.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-9, err_msg=theirs.path)


def test_pooling_before_the_activation_gives_the_same_outputs():
    """If the pooling is moved before the activation, no layer is lost and the outputs stay the same."""
    model = small_model()
    layers = model.layers[1:]
    moved = training._pooled_first(layers)
    assert [a.name for a in moved] != [b.name for b in layers]
    assert sorted(a.name for a in moved) == sorted(b.name for b in layers)
    x = tf.constant(np.random.default_rng(0).integers(0, 256, (50, 16, 16, 1)), tf.float32)
    expected = model(x)
    for layer in moved:
        x = layer(x)
    np.testing.assert_array_equal(x, expected)
