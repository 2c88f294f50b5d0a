"""Index pages of web servers are read, and no other page is mistaken for an index page."""

import threading

import pytest

from common.archive import fetch as archive
from common.archive import http
from common.archive.download_errors import Unreachable
from common.archive.fetch import fetch, listing
from common.archive.http import Page
from common.archive.index_page import names

from .client import IMPATIENT, QUICK
from .misbehaving_server import MisbehavingServer

PYTHON_PAGE = """<!DOCTYPE HTML><html><head><title>Directory listing for /sets/</title></head><body><h1>Directory</h1>
<ul><li><a href="a%20b/">a b/</a></li><li><a href="c%25.h5">c%.h5</a></li></ul></body></html>"""


NGINX_PAGE = """<html><head><title>Index of /sets/</title></head><body><h1>Index of /sets/</h1><hr><pre>
<a href="../">../</a>
<a href="a%20b/">a b/</a>   01-Jan-2024 10:00   -
<a href="c%25.h5">c%.h..&gt;</a>  01-Jan-2024 10:00   17</pre></body></html>"""


APACHE_PAGE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN"><html><head><title>Index of /sets</title></head>
<body><table><tr><th><a href="?C=N;O=D">Name</a></th></tr><tr><td><a href="/">Parent Directory</a></td></tr>
<tr><td><a href="a%20b/">a b/</a></td></tr><tr><td><a href="c%25.h5">c%.h5</a></td></tr></table></body></html>"""


ABSOLUTE_PAGE = """<html><head><title>Index of /sets</title></head><body><a href="/sets/a b/">x</a>
<a href="/sets/c%25.h5">y</a><a href="https://elsewhere.example/">z</a><a href="deep/er.h5">w</a></body></html>"""


@pytest.mark.parametrize("page", [PYTHON_PAGE, NGINX_PAGE, APACHE_PAGE, ABSOLUTE_PAGE])
def test_index_pages_are_read(server, page):
    read = archive.index_page.names(http.Page(f"{server.url}/sets/", "text/html", page))
    assert read == ["a b/", "c%.h5"]


def test_other_pages_are_not_mistaken_for_an_index(server):
    page = "<html><head><title>Welcome</title></head><body><a href='about'>us</a></body></html>"
    assert archive.index_page.names(http.Page(f"{server.url}/", "text/html", page)) is None
    assert archive.index_page.names(http.Page(f"{server.url}/", "text/plain", PYTHON_PAGE)) is None
    assert archive.listing("nothing", server.url, patience=QUICK) is None


def test_listing_a_server_that_does_not_answer(tmp_path):
    with MisbehavingServer() as gone:
        url = gone.url
    with pytest.raises(Unreachable):
        archive.listing("", url, patience=IMPATIENT)


def test_the_index_of_a_real_python_server(tmp_path):
    from functools import partial as bound
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    (tmp_path / "a b").mkdir()
    for name in ("x y.h5", "100%.h5", "ü.h5"):
        (tmp_path / "a b" / name).write_bytes(name.encode())
    with ThreadingHTTPServer(("127.0.0.1", 0), bound(Quiet, directory=str(tmp_path))) as served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        url = f"http://127.0.0.1:{served.server_port}"
        assert archive.listing("", url, patience=QUICK) == ["a b/"]
        assert archive.listing("a b", url, patience=QUICK) == ["100%.h5", "x y.h5", "ü.h5"]
        assert fetch("a b/100%.h5", tmp_path / "cache", url, patience=QUICK).read_bytes() == b"100%.h5"
        served.shutdown()


PAGES = [
    b'<a href="http://[evil/">x</a>',
    b'<a href="http://a:99999999/">x</a>',
    '<a href="http://a\u2100b/">x</a>'.encode(),
    b"<![foo[x]]><!FOO <![ %",
    b"<!DOCTYPE [ <!x ",
    b'<a href="&#' + b"9" * 5000 + b';">x</a>',
    b'<a href="%ff%00">x</a><a href="\x1b[31mred">y</a><a href="%1b[31m">z</a><a href="javascript:1">j</a>',
    b'<a href="%2e%2e/x">a</a><a href="../../etc">b</a><a href="//evil/">k</a>',
]


@pytest.mark.parametrize("page", PAGES)
def test_bad_links_on_an_index_page_do_not_hide_good_ones(server, page):
    start = b"<html><title>Index of /</title>"
    server.files["family/"] = start + page + b'<a href="good.h5">good</a>'
    found = listing("family", server.url, patience=QUICK)
    assert "good.h5" in found
    assert all(name.isprintable() and "/" not in name.rstrip("/") for name in found)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    ["<!--", "<a ", '<a href="aaaa" ', "</a ", "<", "<title>", "x<b>", "&#", "<a href='", '<a href="x', "<a\t", "[["],
)
def test_no_index_page_takes_long(piece):
    text = "<html><title>Index of /</title>" + piece * ((4 << 20) // len(piece))
    names(Page("http://x/y/", "text/html", text))
    names(Page("http://x/y/", "text/html", text[6:]))
