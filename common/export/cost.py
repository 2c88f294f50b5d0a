"""What a network costs on the robot, counted from its layers: arithmetic, weights, memory."""

import math

BYTES = 4  # of a float32 activation


def count_cost(model) -> dict[str, int]:
    """The costs that the network alone decides, by the names that they have in model.json and in the metrics.

    Args:
        model: a built keras.Model without branches, trained or not.
    """
    return {
        "multiply_accumulates": multiply_accumulates(model),
        "parameters": model.count_params(),
        "peak_activation_bytes": BYTES * peak_activations(model),
    }


def multiply_accumulates(model) -> int:
    """Multiply-accumulates per patch of the convolutions (taps on the zero border count) and dense layers."""
    import keras

    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            total += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
        elif isinstance(layer, keras.layers.Dense):
            total += math.prod(layer.kernel.shape)
    return total


def peak_activations(model) -> int:
    """Values that are held at once: the largest input and output of one layer; those left out here work in place."""
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.Dense, keras.layers.MaxPooling2D)
    shapes = [(layer.input.shape, layer.output.shape) for layer in model.layers if isinstance(layer, kinds)]
    return max(math.prod(before[1:]) + math.prod(after[1:]) for before, after in shapes)
