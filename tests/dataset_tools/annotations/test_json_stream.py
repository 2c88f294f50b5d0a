"""Reading JSON in parts yields the same values as reading it all at once.

Files that are not JSON are rejected with a one-line error.
"""

import json

import pytest

from common.errors import UserError
from dataset_tools.annotations import json_stream


@pytest.mark.parametrize(
    "text", ["", "[", '{"images": [', '{"images": [{"id": 1}, ', "nonsense", "[" * 100_000, "[1", '{"a": 1']
)
def test_truncated_or_invalid_json_gives_a_one_line_error(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match="not a readable JSON file"):
        list(json_stream.elements(tmp_path / "a.json"))


@pytest.mark.parametrize("indent", [None, 1])
def test_json_is_read_correctly_with_any_window_size(indent, tmp_path, monkeypatch):
    content = {
        "info": {"a": [1, 2.5e3, None]},
        "images": [{"id": n, "t": 'ä"]},{[' * (n % 7)} for n in range(50)],
        "n": 12345,
    }
    (tmp_path / "a.json").write_text(json.dumps(content, indent=indent, ensure_ascii=False))
    for block in (1, 2, 7, 64, 1 << 20):
        monkeypatch.setattr(json_stream, "BLOCK", block)
        found = list(json_stream.elements(tmp_path / "a.json"))
        assert found == [("info", content["info"]), *(("images", item) for item in content["images"]), ("n", 12345)]
