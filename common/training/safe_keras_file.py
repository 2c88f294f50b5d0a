"""Reads untrusted .keras files: checks sizes and layers first, and never runs code from the file.

Keras itself loads functions and files that a configuration names (CVE-2025-1550, CVE-2025-9905, CVE-2025-9906), so only
plain Keras layers are accepted, and weights are read only from the bytes of the file itself.
"""

import copy
import json
import math
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import h5py
import keras

from common.errors import UserError
from common.training import devices_and_seeds

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_LIMITS = {CONFIG: 8 << 20, METADATA: 64 << 10, WEIGHTS: 1 << 30}  # maximum size after unpacking, in bytes
_RATIO = 50  # weights hardly compress; a higher ratio means that a file was made to fill the memory
_DIRECTORY = 64 << 10  # maximum size of the archive's table of contents, in bytes; our files need 200 bytes
_PARTS = 40_000  # maximum number of objects in a configuration, or of links in a weights file: 2000 layers with 20 each
_VALUES = 1 << 26  # maximum number of values in one layer's output for one patch
_PLAIN = (
    # Models, and other classes that their configurations name.
    "Functional Sequential Model DTypePolicy __keras_tensor__ __tuple__ slice "
    # Layers whose output depends only on their weights and their input.
    "InputLayer Rescaling Normalization Conv1D Conv2D Conv2DTranspose DepthwiseConv2D SeparableConv2D Dense "
    "BatchNormalization LayerNormalization GroupNormalization UnitNormalization Activation ReLU LeakyReLU PReLU ELU "
    "Softmax MaxPooling2D AveragePooling2D GlobalMaxPooling2D GlobalAveragePooling2D Flatten Reshape Permute "
    "RepeatVector ZeroPadding2D Cropping2D UpSampling2D Resizing Identity Concatenate Add Subtract Multiply Average "
    "Maximum Minimum Dot Dropout SpatialDropout2D GaussianDropout GaussianNoise AlphaDropout ActivityRegularization "
    "RandomFlip RandomRotation RandomTranslation RandomZoom RandomContrast RandomBrightness"
)
_NAMES = set(_PLAIN.split())
_MODULES = {"builtins", "keras", "keras.layers", "keras.models", "keras.dtype_policies"}
_MODULES |= {f"keras.src.models.{name}" for name in ("functional", "sequential", "model")}


def load(path: Path):
    """Loads the keras.Model in a .keras file, uncompiled.

    Raises:
        UserError: the file is damaged, too large, made by Keras 2, or has layers other than plain Keras layers.
    """
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        weights = Path(folder) / WEIGHTS
        try:
            config = _unpack(path, folder)
            stored = count_stored(weights)
            devices_and_seeds.find_gpus()
            with ThreadPoolExecutor(1) as thread:
                thread.submit(_check_size, config, stored).result()
            model = _build(config)
            model.load_weights(weights)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except Exception as error:  # zipfile, h5py and Keras raise many kinds of exceptions
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(f"{path}: the model cannot be loaded because the file is damaged: {why}.") from None
    return model


def save(model, path: Path) -> None:
    """Saves a trained model for Keras 3.10 and later, without settings that only training needs.

    For example, in Keras 3.15, the initialisers of weights have arguments that older versions refuse.
    """
    whole = path.with_name(f"{path.name}.keras")  # Keras requires this suffix
    try:
        model.save(whole)
        with zipfile.ZipFile(whole) as saved, zipfile.ZipFile(path, "w") as slim:
            for name in saved.namelist():
                content = saved.read(name)
                slim.writestr(name, json.dumps(_without_training(content)) if name == CONFIG else content)
    finally:
        whole.unlink(missing_ok=True)


def _without_training(content: bytes) -> dict:
    """Returns a configuration without initialisers, regularisers, constraints and disabled switches."""
    config = json.loads(content)
    config.pop("compile_config", None)
    for part in _parts(config):
        disabled = tuple(name for name in ("renorm", "quantization_config") if not part.get(name))
        for name in list(part):
            if name.endswith(("_initializer", "_regularizer", "_constraint")) or name.startswith(disabled):
                del part[name]
    return config


def _parts(value) -> Iterator[dict]:
    """Yields every object in a configuration, and then the objects inside it that the caller has not removed."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _parts(item)


def _unpack(path: Path, folder: str) -> dict:
    """Returns the checked configuration, and extracts the file with the weights."""
    with path.open("rb") as file:
        _check_directory(file)
        with zipfile.ZipFile(file) as archive:
            limit = (1 << 20) + _RATIO * path.stat().st_size
            for name, most in _LIMITS.items():
                if archive.getinfo(name).file_size > min(most, limit):
                    raise UserError(f"{name} in it unpacks to more data than a model can have. Received: {path.name}.")
            _check_version(json.loads(archive.read(METADATA)))
            config = _without_training(archive.read(CONFIG))
            _check_config(config)
            archive.extract(WEIGHTS, folder)
    return config


def _check_directory(file) -> None:
    """Refuses an archive whose table of contents would fill the memory, because `zipfile` reads all of it at once."""
    size = file.seek(0, 2)
    file.seek(max(0, size - (1 << 16) - 22))
    end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or b"PK\x06\x07" in end or int.from_bytes(end[at + 12 : at + 16], "little") > _DIRECTORY:
        raise UserError("not a .keras file, or a damaged one: its table of contents cannot belong to a model.")


def _check_version(metadata) -> None:
    version = str(metadata.get("keras_version"))
    if version.startswith(("0.", "1.", "2.")):
        raise UserError(
            f"the model was saved by Keras 2. Received: keras_version {version[:20]}. Convert it once where Keras 2 is "
            "installed: keras.models.load_model(FILE, compile=False).save('old.h5'); then here, if you trust the file: "
            "keras.models.load_model('old.h5', compile=False).save('new.keras')"
        )


def _check_config(config: dict) -> None:
    """Refuses a configuration unless every object in it is a plain Keras object."""
    for number, part in enumerate(_parts(config)):
        if number == _PARTS:
            raise UserError("it has more layers than any network for patches needs.")
        if "class_name" in part or "registered_name" in part:
            name, module = part.get("class_name"), part.get("module")
            known = isinstance(name, str) and name in _NAMES and (module is None or str(module) in _MODULES)
            if not known or part.get("registered_name") not in (None, name):
                shown = f"{module}.{name}" if isinstance(module, str) else str(name)
                raise UserError(
                    f"it contains more than plain Keras layers; it is not loaded, because it could run code. "
                    f"Received: {shown[:100]}."
                )
        if "lora_rank" in part or part.get("quantization_config"):
            raise UserError("it has quantised or LoRA layers, which are not supported. Save the plain model.")


def count_stored(weights: Path) -> int:
    """Returns the number of values that the weights file really contains.

    Raises:
        UserError: the file refers to other files, or claims to contain more than it does.
    """
    links, sizes = count(), []

    def refuse(_, link) -> str | None:
        return None if isinstance(link, h5py.HardLink) and next(links) < _PARTS else "refused"

    def check(_, item) -> None:
        if isinstance(item, h5py.Dataset):
            elsewhere = item.is_virtual or item.external
            if elsewhere or item.dtype.kind not in "fiub" or item.id.get_storage_size() < item.nbytes:
                raise UserError("its weights are incomplete: a part of them is missing or in another file.")
            sizes.append(item.size)

    with h5py.File(weights, "r") as file:
        if file.visititems_links(refuse):
            raise UserError("its weights refer to other files, which are not read.")
        file.visititems(check)
    return sum(sizes)


def _build(config: dict):
    return keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)


def _check_size(config: dict, stored: int) -> None:
    """Compares the size of the layers with the content of the file, before any weights are allocated.

    Keras allocates the weights when a StatelessScope exits. So this function never leaves the scope; its thread ends.
    """
    keras.StatelessScope().__enter__()
    model = _build(config)
    wanted = sum(math.prod(variable.shape) for variable in model.variables)
    if wanted > stored + 1000:  # the states of random generators, two numbers each, may be missing
        raise UserError(f"its layers need {wanted:,} weights, but the file contains {stored:,}.")
    for layer in model.layers:
        outputs = layer.output if isinstance(layer.output, list | tuple) else [layer.output]
        if any(math.prod(side or 1 for side in tensor.shape) > _VALUES for tensor in outputs):
            raise UserError(f"layer {layer.name} outputs more values per patch than any network for patches needs.")
