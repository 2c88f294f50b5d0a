"""Writes Markdown as one HTML page that opens anywhere: it contains its pictures and loads nothing else."""

import base64
import html
from pathlib import Path

from markdown_it import MarkdownIt

from common.atomic_files import open_inside, write_text
from common.errors import UserError

LIMIT = 2_900_000  # maximum total number of bytes of the base64 pictures; MLflow opens larger pages slowly
# This policy keeps the browser from loading anything, even if a name in the text is treated as HTML by mistake.
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>
body {{ color: #22303c; background: #fff; font: 16px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto;
  padding: 0 1em; overflow-wrap: break-word }}
h2 {{ border-bottom: 1px solid #d5dce2; margin-top: 2em }}
table {{ display: block; overflow-x: auto; border-collapse: collapse; font-size: 14px }}
th, td {{ border: 1px solid #d5dce2; padding: .3em .6em; vertical-align: top }}
code, pre {{ font-family: ui-monospace, monospace; font-size: .9em; background: #f2f5f7; overflow-x: auto }}
pre {{ padding: .8em }} pre code {{ font-size: inherit }}
img {{ max-width: 100% }}
@media print {{
  body {{ max-width: none; margin: 0; padding: 0; font-size: 10pt }}
  h2, h3 {{ break-after: avoid }} img, tr {{ break-inside: avoid }}
  table {{ display: table; font-size: 7pt; width: 100% }} th, td {{ padding: 2pt; overflow-wrap: anywhere }}
  pre, pre code {{ white-space: pre-wrap; font-size: 7.5pt }}
}}
</style></head><body>
"""


def write_page(path: Path, text: str) -> None:
    """Writes Markdown as HTML, replacing an earlier page in one step.

    Tags and links in the text are shown as plain text, because the names in it may come from anywhere. Pictures are
    read from the page's folder; if one is missing or would make the page larger than `LIMIT`, text replaces it.
    """
    room = LIMIT

    def picture(tokens, i, options, env) -> str:
        nonlocal room
        name, words = str(tokens[i].attrs["src"]), html.escape(tokens[i].content)
        try:
            with open_inside(path.parent, name) as file:
                data = base64.b64encode(file.read(room + 1)).decode()
        except (OSError, UserError, ValueError):
            return f"{words} (no such picture)"
        if len(data) > room:
            return f"{words}: {html.escape(name)}, in this page's folder"
        room -= len(data)
        return f'<img alt="{words}" title="{words}" src="data:image/png;base64,{data}">'

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "autolink"])
    markdown.renderer.rules["image"] = picture
    title = html.escape(text.partition("\n")[0].lstrip("# "))
    write_text(path, HEAD.format(title=title) + markdown.render(text) + "</body></html>\n")
