"""Lists of checksums in the formats in which people publish them."""

import random

import pytest

from common.archive.checksums import of_file, parse, sha256_of

NAME = "patches 16x16.h5"
PATH = f"classification/family/{NAME}"
SUM = "0a" * 32
FORMS = {
    "sha256sum": "{h}  {n}",
    "binary": "{h} *{n}",
    "here": "{h}  ./{n}",
    "one space": "{h} {n}",
    "tab": "{h}\t{n}",
    "indented": "   {h}  {n}",
    "trailing": "{h}  {n} \t",
    "path": "{h}  classification/family/{n}",
    "absolute": "{h}  /srv/archive/classification/family/{n}",
    "windows": "{h}  C:\\data\\{n}",
    "tag": "SHA256 ({n}) = {h}",
    "tag with path": "SHA256 (family/{n}) = {h}",
    "openssl": "SHA256({n})= {h}",
    "openssl 3": "SHA2-256({n})= {h}",
    "powershell": "SHA256          {h}       C:\\data\\{n}",
    "name first": "{n}  {h}",
    "colon": "{n}: {h}",
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("form", FORMS)
def test_every_usual_format_is_read(form, ending, encoding):
    lines = [
        "# made today",
        FORMS[form].format(h="f" * 64, n="other.h5"),
        FORMS[form].format(h=SUM.upper(), n=NAME),
        "",
    ]
    entries = parse(ending.join(lines).encode(encoding))
    assert of_file(entries, PATH) == SUM
    assert of_file(entries, "classification/family/other.h5") == "f" * 64
    assert of_file(entries, "classification/family/none.h5") is None


def test_the_entry_that_agrees_with_more_of_the_path_counts():
    lines = [f"{digit * 64}  {path}" for digit, path in (("1", f"old/{NAME}"), ("2", PATH), ("3", NAME))]
    assert of_file(parse("\n".join(lines[:1])), PATH) == "1" * 64
    assert of_file(parse("\n".join(lines[:2])), PATH) == "2" * 64
    assert of_file(parse("\n".join(lines)), PATH) == "3" * 64
    assert of_file(parse(f"{'1' * 64}  a/{NAME}\n{'2' * 64}  b/{NAME}"), PATH) is None


@pytest.mark.parametrize(
    "text", ["", "<html>", "f" * 64, f"{'f' * 63}  {NAME}", f"{'f' * 65}  {NAME}", f"MD5 ({NAME}) = aa"]
)
def test_lines_that_are_not_entries(text):
    assert parse(text) == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["a", "a ", " ", ":", "SHA256 (", "f" * 64, f"{'f' * 64} ", "a\n", "\\"])
def test_a_long_line_takes_no_time(piece):
    parse(piece * ((4 << 20) // len(piece)))
    parse((piece * (4000 // len(piece)) + "\n") * 500)


def test_any_bytes_are_read_as_text():
    generator = random.Random(0)
    for _ in range(2000):
        parse(generator.randbytes(generator.randrange(300)))


def test_sha256_of(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
