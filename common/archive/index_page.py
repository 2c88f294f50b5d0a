"""Reads the index pages of web servers."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

from common.archive.http import Page


def names(page: Page) -> list[str] | None:
    """What an index page lists, unquoted and sorted, folders with a `/` at the end; None for any other page.

    Links are read, not texts: nginx and Apache shorten those. Understands these two and Python's http.server.
    """
    if page.media_type != "text/html":
        return None
    index = _Index()
    index.feed(page.text)
    if not re.match(r"\s*(index of|directory listing)", index.title, re.IGNORECASE):
        return None
    base = unquote(urlsplit(page.url).path)
    paths = {unquote(urlsplit(urljoin(page.url, link)).path) for link in index.links}
    inside = (path.removeprefix(base) for path in paths if path.startswith(base))
    return sorted(name for name in inside if re.fullmatch(r"[^/]+/?", name))


class _Index(HTMLParser):
    """Collects the title and the links of a page."""

    def __init__(self):
        super().__init__()
        self.title, self.links, self._in_title = "", [], False

    def handle_starttag(self, tag, attrs):
        self._in_title = tag == "title"
        link = dict(attrs).get("href")
        if tag == "a" and link:
            self.links.append(link)

    def handle_endtag(self, tag):
        self._in_title = False

    def handle_data(self, data):
        self.title += data if self._in_title else ""
