"""The child process of `verify.py`: runs files that may crash or hang their runtime, and prints one line about each.

Its folder holds copies of files whose hashes are right, and their model.json.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.training import safe_keras_file
from robot_export import model_json, runtimes
from robot_export.cpp import header, int16_header, int16_quantise
from robot_export.describe_model import header_constants
from robot_export.folded_network import fold
from robot_export.isolated_runtime import limit_memory
from robot_export.layout import Layout
from robot_export.model_json import ExportedFile, Manifest


def main() -> None:
    """Checks the files of the command line: FOLDER, 0 or 1 for foreign code, NUMBER... in the order of model.json."""
    limit_memory()
    folder, foreign_code, numbers = Path(sys.argv[1]), sys.argv[2] == "1", list(map(int, sys.argv[3:]))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a runtime prints is not an answer
    manifest = model_json.read(folder)
    names = list(manifest.formats)
    print(json.dumps({"found": "all runtimes"}), file=answers, flush=True)
    for number in numbers:
        try:
            answer = {"found": check_file(folder, manifest, names[number], foreign_code)}
        except (UserError, ArithmeticError, LookupError, TypeError, ValueError) as error:  # an edited model.json
            answer = {"wrong": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


def check_file(folder: Path, manifest: Manifest, name: str, foreign_code: bool = False) -> str:
    """Runs one file on the test vectors.

    Args:
        folder: of the copies.
        foreign_code: compile and run a header that this version does not make of model.keras.

    Returns:
        What was found, in words; it starts with "not run" if the file was not run here.

    Raises:
        UserError: it does not answer as model.json says.
    """
    file = manifest.formats[name]
    if name not in manifest.vectors["expected"]:
        raise UserError(f"{file.file} has no test vectors")
    if why := runtimes.missing(file.runtime):
        return f"not run: {why}; the file is unchanged"
    if file.runtime == "C++" and not foreign_code and (why := _why_foreign(folder, manifest, name)):
        return f"not run: it is code, and {why} (--run-foreign-code compiles and runs it)"
    difference = _run_vectors(folder / file.file, file, manifest, name)
    return f"unchanged; test vectors differ by at most {difference:.2g}"


def _why_foreign(folder: Path, manifest: Manifest, name: str) -> str:
    """Why a header may be somebody else's; "" if it is what this version makes of model.keras and model.json."""
    file, vectors = manifest.formats[name], manifest.vectors
    try:
        network = fold(safe_keras_file.load(folder / "model.keras"))
        header.check(network)
        about = header.About(
            name=file.namespace,
            patches=_patches(manifest),
            expected=np.array(vectors["expected"]["keras"], np.float32),
            threshold=(manifest.threshold or {}).get(name),
            facts=header_constants(manifest),
        )
        if file.ranges is None:
            made = header.text(network, about)
        else:
            made = int16_header.text(network, int16_quantise.quantise(network, file.ranges), about)
    except (UserError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"no header can be made of model.keras to compare it with: {error}"
    same = made.encode() == (folder / file.file).read_bytes()
    return "" if same else "it is not what this version makes of model.keras"


def _patches(manifest: Manifest) -> np.ndarray:
    """The test vectors, uint8 [8, height, width, channels]."""
    shape, patches = manifest.input.shape, manifest.vectors["patches"]
    if any(len(patch) != np.prod(shape) for patch in patches):
        raise UserError(f"the test vectors are not patches of {'x'.join(map(str, shape))}")
    return np.array(patches, np.uint8).reshape(-1, *shape)


def _run_vectors(path: Path, file: ExportedFile, manifest: Manifest, name: str) -> float:
    """The largest difference between what a file answers here and what model.json says it answers."""
    X, wanted = _patches(manifest), np.array(manifest.vectors["expected"][name], np.float64)
    layout = Layout.of(file, manifest.input)
    opened = runtimes.open_file(path, file.runtime)
    try:
        found = opened.predict(layout.feed(X))
        if opened.self_test:
            opened.self_test()
    except Exception as error:  # each runtime raises its own kinds, for patches of another size for example
        raise UserError(f"{file.file} does not take the patches: {' '.join(str(error).split())[:200]}") from None
    if found.shape != wanted.shape:
        raise UserError(f"{file.file} gives {found.shape[1]} numbers per patch, not {wanted.shape[1]}")
    difference = np.abs(found - wanted).max(axis=1)
    if not difference.max() <= file.tolerance:  # NaN is wrong, too
        worst = int(np.argmax(np.nan_to_num(difference, nan=np.inf)))
        raise UserError(
            f"{file.file} answers {found[worst].tolist()} to test vector {worst}, "
            f"model.json says {wanted[worst].tolist()} (allowed: {file.tolerance:g})"
        )
    return float(difference.max())


if __name__ == "__main__":
    main()
