"""Alias bombs in YAML take little memory. Files that are not YAML are rejected with a one-line error."""

import tracemalloc

import pytest

from common.errors import UserError
from dataset_tools.annotations import yaml_stream


def test_yaml_bombs_take_little_memory(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60)]
    (tmp_path / "a.yaml").write_text("\n".join([*lines, "images: *a59"]))
    tracemalloc.start()
    assert dict(yaml_stream.entries(tmp_path / "a.yaml"))["a59"]
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "{a: " * 5000, "- 1", "a: [1", "\x00", "&a [*a"])
def test_invalid_yaml_gives_a_one_line_error(text, tmp_path):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match="not a readable YAML file"):
        list(yaml_stream.entries(tmp_path / "a.yaml"))
