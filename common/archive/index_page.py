"""Reads the index pages of web servers."""

import html
import re
from contextlib import suppress
from urllib.parse import unquote, urljoin, urlsplit

from common.archive.http import Page

TITLE = re.compile(r"<title[^<>]*>\s*(index of|directory listing)", re.IGNORECASE)
# Python's HTML parser takes hours for some pages of a few megabytes; this expression reads each character once.
LINK = re.compile(r"""<a\s[^<>]*?\bhref\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)'|([^\s"'<>]+))""", re.IGNORECASE)


def names(page: Page) -> list[str] | None:
    """Returns the decoded and sorted names on an index page, folders with `/` at the end; None for any other page.

    Uses the links, not their texts, because nginx and Apache shorten the texts. Python's http.server is supported, too.
    """
    if page.media_type != "text/html" or not TITLE.search(page.text):
        return None
    base = unquote(urlsplit(page.url).path)
    paths = set()
    for link in LINK.finditer(page.text):
        with suppress(ValueError):  # not an address
            paths.add(unquote(urlsplit(urljoin(page.url, html.unescape("".join(filter(None, link.groups()))))).path))
    inside = (path.removeprefix(base) for path in paths if path.startswith(base))
    return sorted(name for name in inside if re.fullmatch(r"[^/]+/?", name) and name.isprintable())
