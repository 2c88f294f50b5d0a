"""Checks that `verify.py` runs no code from untrusted folders, reads no files outside them, and checks all files."""

import os
import re

import pytest

from common.errors import UserError
from robot_export import model_json, verify

from .broken_files import crashing, endless, hungry
from .jobs import edit, replace_file, with_code


def keep(folder, *names: str) -> None:
    """Keeps only these formats in model.json, in this order, followed by Keras, which the schema requires."""
    edit(folder, lambda values: values.update(forms={name: values["forms"][name] for name in (*names, "keras")}))


def test_our_own_files_are_accepted(delivered, capsys):
    verify.main([str(delivered[0]), "--all"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["keras", "h5", "float32", "uint8", "onnx", "cpp", "int16"]
    assert all("unchanged; test vectors differ by at most" in line for line in lines[:-1])
    assert lines[-1].endswith("7 of 7 files checked here")


def test_a_header_with_other_code_is_not_run(folder, tmp_path, capsys):
    replace_file(folder, "cpp", with_code(folder, tmp_path / "ran"))
    keep(folder, "cpp")
    verify.main([str(folder)])
    out = capsys.readouterr().out
    assert re.search(
        r"cpp .* not run, because it may contain foreign code: the header that this version generates", out
    )
    assert "1 of 2 files checked here; the others were not run" in out
    with pytest.raises(UserError, match="cpp: not run"):
        verify.main([str(folder), "--all"])
    assert not (tmp_path / "ran").exists()


def test_a_changed_file_is_detected_by_its_hash_and_the_others_are_checked(folder, capsys):
    content = bytearray((folder / "model_uint8.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model_uint8.tflite").write_bytes(content)
    keep(folder, "uint8", "onnx")
    with pytest.raises(UserError, match=r"uint8: model_uint8.tflite has changed since it was exported") as error:
        verify.main([str(folder)])
    assert "onnx" not in str(error.value)
    assert re.search("onnx .* unchanged", capsys.readouterr().out)


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_only_regular_files_are_read(folder, tmp_path, kind):
    """A link could point to one of the user's private files, and a pipe would block the command forever."""
    (tmp_path / "elsewhere").write_bytes((folder / "model.onnx").read_bytes())
    (folder / "model.onnx").unlink()
    if kind == "link":
        (folder / "model.onnx").symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(folder / "model.onnx")
    keep(folder, "onnx")
    name, line, right = next(verify.verify(folder, model_json.read(folder)))
    assert (name, right) == ("onnx", False)
    assert line.startswith("model.onnx cannot be read")


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (crashing, "uint8", r"model_uint8.tflite: LiteRT crashed \(SIG[A-Z]+\)"),
        (endless, "onnx", "model.onnx: ONNX Runtime did not finish within 2 s"),
        (hungry, "uint8", "model_uint8.tflite"),
    ],
)
def test_a_file_that_breaks_its_runtime_gives_a_one_line_error_and_the_others_are_checked(
    folder, monkeypatch, capsys, make, name, words
):
    file = folder / ("model.onnx" if name == "onnx" else "model_uint8.tflite")
    replace_file(folder, name, make(file.read_bytes()))
    keep(folder, name, "h5")
    monkeypatch.setattr(verify, "SECONDS", 2.0 if make is endless else 60.0)
    with pytest.raises(UserError, match=words) as error:
        verify.main([str(folder)])
    assert "\n" not in str(error.value)
    assert re.search(r"h5 .* unchanged", capsys.readouterr().out)


def test_a_broken_model_json_gives_a_one_line_error(folder):
    edit(folder, lambda values: values["forms"]["onnx"].update(sha256="?"))
    with pytest.raises(UserError, match=r"forms\.onnx\.sha256"):
        verify.main([str(folder)])


def test_a_folder_without_model_json_gives_a_one_line_error(tmp_path):
    once = r"^model\.json cannot be read: [^.]*\. Received: [^ ]*\. Pass the folder of a run\.$"
    with pytest.raises(UserError, match=once):
        verify.main([str(tmp_path)])
