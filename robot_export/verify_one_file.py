"""Opens or checks one exported file; runs in a child process, because the file may crash or hang its runtime.

A file that model.json lists is read once, its hash is checked, and a private copy is run. So nobody can replace the
file between the check and the run.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.training import safe_keras_file
from robot_export import model_json, parity, runtimes
from robot_export.cpp import float_header, int16_header, int16_quantise
from robot_export.fill_model_json import header_constants
from robot_export.folded_network import fold
from robot_export.formats import FORMER
from robot_export.layout import Layout
from robot_export.model_json import ExportedFile, Manifest


def check_file(folder: Path, manifest: Manifest, name: str, foreign_code: bool = False) -> str:
    """Checks the hash of one file and what model.json says about it, and runs it on the test vectors.

    foreign_code: whether to compile and run a header that this version does not generate from model.keras.
    Returns the result as text, which starts with "not run" if the file was not run here.

    Raises:
        UserError: the file has changed, its entry in model.json was edited, or its outputs differ from model.json.
    """
    file = manifest.formats[name]
    if len({len(answers) for answers in manifest.vectors["expected"].get(name, ())}) != 1:
        raise UserError(f"{file.file} has no test vectors")
    with tempfile.TemporaryDirectory() as own:
        copy = _copy(folder, file, own)
        _check_entry(copy, manifest, name)
        if why := runtimes.missing(file.runtime):
            return f"not run: {why}; the file is unchanged"
        if file.runtime == "C++" and not foreign_code and (why := _why_foreign(copy, folder, manifest, name)):
            return f"not run, because it may contain foreign code: {why} (--run-foreign-code compiles and runs it)"
        return f"unchanged; test vectors differ by at most {_run_vectors(copy, file, manifest, name):.2g}"


def _check_entry(copy: Path, manifest: Manifest, name: str) -> None:
    """Refuses an entry in model.json that contradicts the file, its own metrics, or the limits of this version.

    Does not check whether the metrics are correct, because this would need the validation patches.
    """
    file, keras = manifest.formats[name], manifest.formats["keras"].parity or {}
    accepted = not file.reasons
    if file.parity is None:  # not run during the export: only model.keras is accepted anyway
        accepted = True if name == "keras" else None
    elif not keras.get("flips"):  # if two runs of Keras decide differently, its metrics depend on rounding
        accepted = not parity.reasons(keras, file.parity)
    known = {"bytes": copy.stat().st_size, "accepted": accepted}
    if file.file not in FORMER:  # earlier versions wrote these TFLite files
        layout = Layout.of(file, manifest.input)
        known["tolerance"] = parity.tolerance(file.runtime, layout, manifest.input.width)
    for field, value in known.items():
        told, key = getattr(file, field), model_json.KEYS.get(field, field)
        if told != value:
            raise UserError(f"{file.file}: {key} must be {json.dumps(value)}, but model.json says {json.dumps(told)}")
    if bool(file.reasons) == bool(accepted):
        raise UserError(f"{file.file}: it is {'' if accepted else 'not '}accepted, but the reasons are: {file.reasons}")


def open_file(path: Path, runtime: str) -> runtimes.Opened:
    """Opens an exported file in its runtime, but a C++ header only if this version generates it from model.keras.

    Raises:
        UserError: the runtime cannot read the file, it has changed, it is a foreign header, or there is no compiler.
    """
    manifest, name = model_json.find_entry(path) or (None, "")
    if manifest is None:
        if runtime == "C++":
            raise UserError(f"{path}: its model.json does not list it. Export the run again.")
        return runtimes.open_file(path, runtime)
    copy = _copy(path.parent, manifest.formats[name], tempfile.mkdtemp())
    if runtime == "C++" and (why := runtimes.missing("C++") or _why_foreign(copy, path.parent, manifest, name)):
        raise UserError(f"{path}: not compiled, because it may contain foreign code: {why}. Run export.py again.")
    return runtimes.open_file(copy, runtime)


def _copy(folder: Path, file: ExportedFile, own: str) -> Path:
    """Copies an exported file to a new private folder."""
    copy = Path(own) / file.file
    copy.write_bytes(model_json.read_unchanged(folder, file))
    return copy


def _why_foreign(copy: Path, folder: Path, manifest: Manifest, name: str) -> str:
    """Returns why a header may be foreign, or "" if this version generates the same header from the folder's files."""
    file, vectors = manifest.formats[name], manifest.vectors
    if not file.namespace:
        return "model.json does not contain the header's namespace"
    try:
        network = fold(safe_keras_file.load(_copy(folder, manifest.formats["keras"], copy.parent)))
        float_header.check(network)
        about = float_header.About(
            name=file.namespace,
            patches=_patches(manifest),
            expected=np.array(vectors["expected"]["keras"], np.float32),
            threshold=(manifest.threshold or {}).get(name),
            facts=header_constants(manifest),
        )
        if file.ranges is None:
            made = float_header.text(network, about)
        else:
            made = int16_header.text(network, int16_quantise.quantise(network, file.ranges), about)
    except (UserError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"no header can be generated from model.keras for comparison: {error}"
    same = made.encode() == copy.read_bytes()
    return "" if same else "the header that this version generates from model.keras is different"


def _patches(manifest: Manifest) -> np.ndarray:
    """The test vectors, uint8 [8, height, width, channels]."""
    shape, patches = manifest.input.shape, manifest.vectors["patches"]
    if any(len(patch) != np.prod(shape) for patch in patches):
        raise UserError(f"the test vectors are not patches of {'x'.join(map(str, shape))}")
    return np.array(patches, np.uint8).reshape(-1, *shape)


def _run_vectors(path: Path, file: ExportedFile, manifest: Manifest, name: str) -> float:
    """Runs the test vectors; returns the largest difference between the file's outputs and those in model.json."""
    X, wanted = _patches(manifest), np.array(manifest.vectors["expected"][name], np.float64)
    layout = Layout.of(file, manifest.input)
    opened = runtimes.open_file(path, file.runtime)
    told = file.quantised and (file.quantised["scale"], file.quantised["zero_point"])
    if file.layout and file.parity and told != opened.quantised:  # older entries have no layout, and may differ
        raise UserError(f"{file.file}: quantised must be {opened.quantised}, but model.json says {told}")
    try:
        found = opened.predict(layout.feed(X))
        if opened.self_test:
            opened.self_test()
    except Exception as error:  # each runtime raises its own exceptions, for example if the size is wrong
        raise UserError(f"{file.file} does not accept the patches: {' '.join(str(error).split())[:200]}") from None
    if found.shape != wanted.shape:
        raise UserError(f"{file.file} outputs {found.shape[1]} values per patch, not {wanted.shape[1]}")
    difference = np.abs(found - wanted).max(axis=1)
    if not difference.max() <= file.tolerance:  # `not <=` also rejects NaN
        worst = int(np.argmax(np.nan_to_num(difference, nan=np.inf)))
        raise UserError(
            f"{file.file} outputs {found[worst].tolist()} for test vector {worst}, but "
            f"model.json says {wanted[worst].tolist()} (allowed: {file.tolerance:g})"
        )
    keras = np.array(manifest.vectors["expected"]["keras"])
    off = np.abs(layout.read(found, manifest.input.width)[:, : keras.shape[1]] - keras).max()
    if file.parity and not off <= file.parity["max_difference"] + min(file.tolerance, parity.QUANTISED):
        most = file.parity["max_difference"]
        raise UserError(f"{file.file} differs from Keras by {off:.2g}, but model.json says by at most {most:.2g}")
    return float(difference.max())
