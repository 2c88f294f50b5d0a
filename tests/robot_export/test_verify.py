"""`python -m robot_export.verify` on folders of others: none of their code runs, and no file outside is read."""

import hashlib
import json
import os
import re
import shutil

import pytest

from common.errors import UserError
from robot_export import model_json, verify
from robot_export.export_model import deliver
from robot_export.formats import CHOICES

from .test_export_model import prepared


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """A classifier's folder with its header."""
    folder = tmp_path_factory.mktemp("delivered")
    job = prepared("classifier", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CHOICES, "all", ("keras", "onnx", "cpp"))
        (folder / "model.json").write_text(model_json.text(deliver(job)))
    return folder


@pytest.fixture
def folder(delivered, tmp_path):
    return shutil.copytree(delivered, tmp_path / "run")


def replace(folder, name: str, content: bytes, **entry) -> None:
    """Puts other content into the file of an entry, and its hash into model.json, as a sender can."""
    told = json.loads((folder / "model.json").read_text())
    told["forms"][name] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} | entry
    (folder / told["forms"][name]["file"]).write_bytes(content)
    (folder / "model.json").write_text(json.dumps(told))


def with_code(folder, marker) -> bytes:
    """The folder's header, which runs a command when its program starts."""
    text = (folder / "model.h").read_text()
    code = f'#include <cstdint>\n#include <cstdlib>\nstatic int run_ = std::system("touch {marker}");\n'
    return (text.replace("#include <cstdint>\n", code, 1) + "\nstatic int use_run_() { return run_; }\n").encode()


def test_a_header_with_other_code_is_not_run(folder, tmp_path, capsys):
    replace(folder, "cpp", with_code(folder, tmp_path / "ran"))
    verify.main([str(folder)])
    assert not (tmp_path / "ran").exists()
    assert re.search(r"cpp .* not run: it is code, and it is not what this version makes", capsys.readouterr().out)
    with pytest.raises(UserError, match="cpp: not run"):
        verify.main([str(folder), "--all"])
    assert not (tmp_path / "ran").exists()


def test_another_entry_that_says_cpp_is_not_run_either(folder, tmp_path):
    replace(folder, "onnx", with_code(folder, tmp_path / "ran"), runtime="C++")
    verify.main([str(folder)])
    assert not (tmp_path / "ran").exists()


def test_an_option_that_says_so_runs_it(folder, tmp_path):
    text = (folder / "model.h").read_text() + "// a comment that an older version wrote\n"
    replace(folder, "cpp", text.encode())
    verify.main([str(folder), "--all", "--run-foreign-code"])


def test_our_own_header_is_run(folder, capsys):
    verify.main([str(folder), "--all"])
    assert re.search(r"cpp .* test vectors within", capsys.readouterr().out)


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_what_is_not_a_plain_file_is_not_read(folder, tmp_path, kind):
    """A link leads to a file of the reader; a pipe would keep the command waiting for ever."""
    (tmp_path / "elsewhere").write_bytes((folder / "model.onnx").read_bytes())
    (folder / "model.onnx").unlink()
    if kind == "link":
        (folder / "model.onnx").symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(folder / "model.onnx")
    with pytest.raises(UserError, match=r"onnx: model.onnx cannot be read"):
        verify.main([str(folder)])


def test_onnx_weights_in_another_file_are_not_read(folder, tmp_path):
    import onnx

    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1 << 16))
    for location in (str(secret), "../secret"):
        model = onnx.load_from_string((folder / "model.onnx").read_bytes())
        tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
        replace(folder, "onnx", model.SerializeToString())
        with pytest.raises(UserError, match=r"onnx: .*cannot open it"):
            verify.main([str(folder)])
