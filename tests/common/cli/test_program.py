"""Tests how every program ends, and what it does if the folder for temporary files does not exist."""

import importlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from common.cli.program import Parser, check_files, output_folder, run_main
from common.errors import UserError

from ...house import PROJECTS
from ...tiny import ROOT, environment


def script(body: str, stdout=subprocess.PIPE, **settings) -> subprocess.Popen:
    imports = "import sys, tempfile, time\nfrom common.cli import launch\nlaunch.in_environment()\n"
    imports += "from common.cli.program import UserError, run_main\n"
    code = f"{imports}def main():\n{textwrap.indent(body, '    ')}\nsys.exit(run_main(main))"
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True, **settings
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_program_after_it_has_cleaned_up(number, status):
    body = "try:\n    print('on', flush=True)\n    time.sleep(60)\nfinally:\n    print('cleaned up', flush=True)"
    process = script(body)
    assert process.stdout.readline() == "on\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("cleaned up\n", "interrupted\n", status)


def test_ctrl_c_during_the_imports_of_a_command_shows_no_traceback():
    code = "import time\nfrom common.cli import launch\nlaunch.in_environment()\n"
    code += "print('on', flush=True)\ntime.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "on\n"
    process.send_signal(signal.SIGINT)
    assert (*process.communicate(timeout=30), process.returncode) == ("", "", -signal.SIGINT)


def test_the_previous_handler_is_restored_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    assert run_main(lambda: int(signal.getsignal(signal.SIGTERM) is before)) == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_folder_that_tmpdir_names_is_made(tmp_path):
    process = script("print(tempfile.gettempdir())", env=environment() | {"TMPDIR": str(tmp_path / "a" / "b")})
    out, err = process.communicate(timeout=30)
    assert (out.strip(), err, process.returncode) == (str(tmp_path / "a" / "b"), "", 0)


@pytest.mark.skipif(os.name != "posix", reason="/dev exists only on Unix")
def test_a_tmpdir_that_cannot_be_made_does_not_matter_if_another_can_be_used():
    process = script("print(tempfile.gettempdir())", env=environment() | {"TMPDIR": "/dev/null/x"})
    out, err = process.communicate(timeout=30)
    assert (out.strip(), err, process.returncode) == ("/tmp", "", 0)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [("pass", 0, ""), ("return 1", 1, ""), ("raise UserError('one\\n  line')", 2, "error: one line\n")],
)
def test_exit_status_and_error_line(body, status, said):
    process = script(body)
    assert process.communicate(timeout=30) == ("", said)
    assert process.returncode == status


@pytest.mark.parametrize("body", ["print('x' * 1_000_000)", "print('little')", "print('x')\nraise SystemExit(0)"])
def test_a_closed_pipe_ends_a_program_without_a_message(body):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = script(body, stdout=writer)
    finally:
        os.close(writer)
    _, err = process.communicate(timeout=30)
    assert (err, process.returncode) == ("", 141)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full exists only on Linux")
@pytest.mark.parametrize("body", ["open('/dev/full', 'w', buffering=1).write('x\\n')", "print('x')"])
def test_a_full_disk_gives_a_one_line_error(body):
    with Path("/dev/full").open("w") as full:
        process = script(body, stdout=full)
    _, err = process.communicate(timeout=30)
    assert err == "error: the disk is full: No space left on device. Make room and run it again.\n"
    assert process.returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["statsu"], "statsu is not one of sync, status, did you mean status?"),
        (["sync", "--output-di", "x"], "unknown argument --output-di, did you mean --output-dir?"),
        (["sync", "--format", "jsn"], "jsn is not one of json, csv, did you mean json?"),
        (["everything"], "everything is not one of sync, status (--help"),
    ],
)
def test_a_typo_in_a_command_an_option_or_a_choice_gets_a_hint(words, said, capsys):
    parser = Parser()
    commands = parser.add_subparsers(dest="command")
    sync = commands.add_parser("sync")
    sync.add_argument("--output-dir")
    sync.add_argument("--format", choices=("json", "csv"))
    commands.add_parser("status")
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_help_shows_a_default_of_several_values_as_it_is_typed():
    parser = Parser()
    parser.add_argument("--camera", nargs="+", default=["top", "bottom"], help="(default: %(default)s)")
    assert "(default: top bottom)" in parser.format_help()


def test_a_missing_file_is_named_with_its_option(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"some")
    check_files([tmp_path / "a.h5"])
    check_files([tmp_path / "a.h5", tmp_path], folders=True)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match=r"^This is not a plain file\. Received: "):
        check_files([tmp_path])
    with pytest.raises(UserError, match=r"^This is not a plain file or folder\. Received: .*pipe\. Check the path\.$"):
        check_files([tmp_path / "pipe"], folders=True)
    with pytest.raises(UserError, match=r"^There is no such file\. Received: --validation b\.h5\. Check the path\.$"):
        check_files([Path("b.h5")], "--validation")
    with pytest.raises(UserError, match=r"^There is no such file or folder\. Received: x{5000}\."):
        check_files([Path("x" * 5000)], folders=True)


@pytest.mark.parametrize("other", ["a.h5", "here/../a.h5", "link.h5", "hard_link.h5"])
def test_a_file_that_is_given_twice_is_refused_however_it_is_spelled(tmp_path, other):
    (tmp_path / "a.h5").write_bytes(b"some")
    (tmp_path / "here").mkdir()
    (tmp_path / "link.h5").symlink_to("a.h5")
    (tmp_path / "hard_link.h5").hardlink_to(tmp_path / "a.h5")
    with pytest.raises(
        UserError, match=r"^A file or folder is given twice\. Received: .*a\.h5 and .*\.h5\. Give it once"
    ):
        check_files([tmp_path / "a.h5", tmp_path / other])


@pytest.mark.parametrize(("kind", "given", "wanted"), [(int, "1e3", "a whole number"), (float, "1,5", "a number")])
def test_a_word_instead_of_a_number_gets_a_message_without_python_types(kind, given, wanted, capsys):
    parser = Parser(prog="tool")
    parser.add_argument("--size", type=kind)
    with pytest.raises(SystemExit):
        parser.parse_args(["--size", given])
    assert f"argument --size: takes {wanted} such as" in (said := capsys.readouterr().err)
    assert f"Received: {given} (" in said
    assert "invalid" not in said


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "a.h5").touch()
    check_files([tmp_path / "a.h5"], folders=True)
    with pytest.raises(UserError, match=r"^This file is empty\. Received: --x .*a\.h5\. Fetch or create it again\.$"):
        check_files([tmp_path / "a.h5"], "--x")


@pytest.mark.parametrize("given", ["--output=", "--output= "])
def test_an_empty_path_is_not_the_working_directory(given, capsys):
    parser = Parser(prog="cut.py")
    parser.add_argument_group("files").add_argument("--output", type=Path)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([given])
    assert ended.value.code == 2
    assert "argument --output: takes a path. Received: an empty one." in capsys.readouterr().err


WRITERS = {  # commands that write to a new folder, with all other arguments that they need
    **{f"{project}.{name}": ["a.keras", "a.h5"] for project in PROJECTS for name in ("evaluate", "predict")},
    **{f"{project}.compare": ["a.keras", "b.keras", "a.h5"] for project in PROJECTS},
    **{f"{project}.{name}": words for project in PROJECTS for name, words in (("export", ["a.keras"]), ("train", []))},
    **{f"{project}.suspects": ["a.h5"] for project in PROJECTS},
    "classifier_cnn.mine": ["a.keras", "a.h5"],
    "classifier_cnn.venues": [],
    "detector_cnn_ball_radius_center.score_together": ["a.keras", "a.keras", "a.h5", "a.h5"],
    "dataset_tools.inspect": ["a.h5"],
    "dataset_tools.cut": ["a.json"],
    "dataset_tools.ball_classification_datasets.create_datasets": [],
    "dataset_tools.ball_detection_datasets.create_datasets": [],
    "grid_search.__main__": ["classifier_cnn.train", "--dense", "8", "16"],
}


@pytest.mark.parametrize("module", WRITERS)
def test_an_output_folder_that_cannot_be_made_is_reported_before_anything_is_read(module, tmp_path):
    (tmp_path / "file").touch()
    option = "--output" if module == "dataset_tools.cut" else "--output-dir"
    with pytest.raises(UserError, match=rf"folder cannot be used: Not a directory\. Received: {tmp_path}/file/new"):
        importlib.import_module(module).main([*WRITERS[module], option, str(tmp_path / "file" / "new")])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "module", [name for name in WRITERS if not (name.startswith("dataset_tools.") or name.endswith(".export"))]
)
def test_a_default_output_folder_that_cannot_be_made_is_reported_before_anything_is_read(module, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BALL_OUTPUT_DIR", str(tmp_path / "file" / "new"))
    for name in ("a.keras", "a.h5"):
        (tmp_path / name).write_bytes(b"not empty")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=rf"folder cannot be used: Not a directory\. Received: {tmp_path}/file/new"):
        importlib.import_module(module).main(WRITERS[module])
    assert not (tmp_path / "file" / "new").exists()


def test_a_missing_model_is_reported_by_every_command_before_large_packages_are_imported(tmp_path):
    models = {module: words for module, words in WRITERS.items() if "a.keras" in words}
    (tmp_path / "a.h5").write_bytes(b"not empty")
    code = (
        "import importlib, sys\n"
        "from common.cli.program import run_main\n"
        f"for module, words in {models}.items():\n"
        "    status = run_main(lambda: importlib.import_module(module).main(words))\n"
        "    print(module, status, sorted({'tensorflow', 'keras', 'h5py'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{module} 2 []" for module in models]
    assert done.stderr.count("error: the model does not exist. Received: a.keras.") == len(models) == 10


def test_an_output_folder_does_not_have_to_exist_yet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in ("a/b", ".", str(tmp_path / "a" / "b")):
        assert output_folder(text) == Path(text)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="cannot be used: File name too long"):
        output_folder("x" * 300)
    monkeypatch.setattr(os, "access", lambda *_: False)  # as in a folder of another user
    with pytest.raises(UserError, match="cannot be used: no permission to write there"):
        output_folder("a")
