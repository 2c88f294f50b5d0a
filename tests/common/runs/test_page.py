"""The HTML page shows names as plain text, contains its pictures, and loads nothing from a server."""

import re

import pytest
from PIL import Image

from common.runs import page

HOSTILE = """# <script>alert(1)</script> & co

<img src="http://evil.example/a.png"> [a link](http://evil.example) <http://evil.example>

| ![here](here.png) | ![far](http://evil.example/a.png) | ![out](../out.png) | ![gone](gone.png) | ![led](led.png) |
| --- | ---: | --- | --- | --- |
| `<b>` | 1 | | | |

```
<script>src=x</script>
```

[x]: http://evil.example
"""


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "run"
    inside.mkdir()
    for path in (inside / "here.png", tmp_path / "out.png"):
        Image.new("L", (300, 200), 128).save(path)
    (inside / "led.png").symlink_to(tmp_path / "out.png")
    return inside


def test_names_stay_plain_text_and_only_pictures_of_the_folder_are_embedded(folder):
    page.write_page(folder / "report.html", HOSTILE)
    text = (folder / "report.html").read_text()
    tags = re.findall(r"<(\w+)", text)
    known = "html head meta title style body h1 p table thead tbody tr th td img code pre"
    assert set(tags) <= set(known.split())
    assert re.findall(r'(?:src|href)="([^"]{0,22})', text) == ["data:image/png;base64,"]
    assert "<title>&lt;script&gt;" in text
    assert "text-align:right" in text
    assert text.count("(no such picture)") == 4


def test_a_picture_that_makes_the_page_too_large_is_only_named(folder, monkeypatch):
    monkeypatch.setattr(page, "LIMIT", 100)
    page.write_page(folder / "report.html", HOSTILE)
    assert "here: here.png, in this page's folder" in (folder / "report.html").read_text()
