"""Writes docs/files.md, which says what each file is for: run `python -m tests.files_page` after moving files."""

import ast

from common.atomic_files import write_text

from .house import FILES, ROOT

PAGE = ROOT / "docs" / "files.md"
HEAD = """# What is where

One line per Python file, from its docstring; [README](../README.md#the-tree) explains the folders.
`.venv/bin/python -m tests.files_page` writes this page.
"""


def page() -> str:
    """Returns the page in Markdown, with a list for each folder."""
    folders: dict[str, list[str]] = {}
    for path in FILES:
        about, inside = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path.relative_to(ROOT)
        if about and path.name != "__init__.py":
            first = " ".join(about.partition("\n\n")[0].split())
            folders.setdefault(inside.parent.as_posix(), []).append(f"- [`{path.name}`](../{inside}): {first}\n")
    return HEAD + "".join(f"\n## {folder}\n\n{''.join(folders[folder])}" for folder in sorted(folders))


if __name__ == "__main__":
    write_text(PAGE, page())
    print(f"wrote {PAGE}")
