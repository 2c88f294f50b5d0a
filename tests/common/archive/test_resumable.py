"""A download resumes where it stopped, and never mixes two versions of a file."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.archive.download_errors import ArchiveError
from common.archive.fetch import fetch
from common.archive.retry import Patience
from common.cli import progress

from .client import CONTENT, NAME, OTHER, QUICK, partial, refused
from .misbehaving_server import Fault, MisbehavingServer


@pytest.mark.parametrize("validators", [("ETag",), ("Last-Modified",), ("ETag", "Last-Modified")])
def test_a_cut_transfer_resumes_where_it_ended(bring, server, validators, capsys):
    server.validators = validators
    server.faults.extend([Fault(cut_at=100_000), Fault(cut_at=50_000)])
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, "bytes=100000-", "bytes=150000-"]
    assert server.seen[1]["If-Range"] == server.seen[2]["If-Range"]
    assert "middle of the file" in capsys.readouterr().err


def test_tries_that_get_further_are_not_counted(bring, server):
    server.always = Fault(cut_at=40_000)
    assert bring().read_bytes() == CONTENT
    assert len(server.ranges(NAME)) == 8


def test_a_server_that_always_breaks_off_and_cannot_resume_is_an_error(bring, server, tmp_path):
    server.always = Fault(cut_at=1000, no_range=True)
    assert "3 tries in a row" in refused(bring)
    assert not (tmp_path / NAME).exists()


def test_an_interrupted_download_is_kept_and_resumed_the_next_time(bring, server, tmp_path):
    server.faults.extend([Fault(cut_at=123_456), *[Fault(status=503)] * 2])
    assert "run the same command again" in refused(bring)
    assert partial(tmp_path).read_bytes() == CONTENT[:123_456]
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME)[-1] == "bytes=123456-"


def test_without_a_validator_nothing_is_resumed(bring, server):
    server.validators = ()
    server.faults.append(Fault(cut_at=1000))
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, None]


@pytest.mark.parametrize("modified", ["", "yesterday", "Mon, 01 Jan 2120 10:00:00 GMT"])
@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_weak_validators_are_not_used(bring, server, etag, modified):
    server.faults.append(Fault(cut_at=1000, headers={"ETag": etag, "Last-Modified": modified}))
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, None]


@pytest.mark.parametrize("fault", [Fault(), Fault(no_if_range=True), Fault(no_range=True)])
def test_a_file_that_changed_in_the_meantime_is_downloaded_again(bring, server, fault):
    server.faults.extend([Fault(cut_at=100_000, body=OTHER), fault])
    assert bring().read_bytes() == CONTENT


def test_a_file_that_became_shorter_is_downloaded_again(bring, server):
    server.faults.append(Fault(cut_at=200_000, body=OTHER))
    server.files[NAME] = CONTENT[:1000]
    assert bring().read_bytes() == CONTENT[:1000]


def test_a_refused_range_restarts_the_download(bring, server):
    server.faults.extend([Fault(cut_at=100_000), Fault(status=416)])
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, "bytes=100000-", None]


@pytest.mark.parametrize("lie", ["bytes 0-299999/300000", "bytes 100000-299999/300001", "bytes 100000-299999/*", ""])
def test_a_wrong_content_range_restarts_the_download(bring, server, lie):
    server.faults.extend([Fault(cut_at=100_000), Fault(headers={"Content-Range": lie})])
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, "bytes=100000-", None]


def test_a_response_that_is_shorter_than_its_range_is_resumed(bring, server):
    server.faults.extend([Fault(cut_at=100_000), Fault(headers={"Content-Length": "50000"})])
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, "bytes=100000-", "bytes=150000-"]


def test_a_partial_file_that_is_too_long_is_not_used(bring, server, tmp_path):
    server.faults.extend([Fault(cut_at=1000), *[Fault(status=503)] * 2])
    refused(bring)
    with partial(tmp_path).open("ab") as file:
        file.write(OTHER)
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, "bytes=1000-", "bytes=1000-", None]


def test_a_partial_file_from_another_archive_is_not_used(server, bring, tmp_path):
    server.files[f"mirror/{NAME}"] = CONTENT
    server.faults.extend([Fault(cut_at=1000, body=OTHER), *[Fault(status=500)] * 2])
    with pytest.raises(ArchiveError):
        fetch(NAME, tmp_path, f"{server.url}/mirror", patience=QUICK)
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None]


@pytest.mark.parametrize("note", ["", "{", "[]", '{"url": 1}', "null"])
def test_a_partial_file_whose_json_file_is_damaged_is_downloaded_again(bring, server, tmp_path, note):
    part = partial(tmp_path)
    part.parent.mkdir(parents=True)
    part.write_bytes(OTHER[:500])
    part.with_name(part.name + ".json").write_text(note)
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None]


def test_a_complete_partial_file_is_only_checked_and_renamed(bring, server, tmp_path):
    def stopped(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(check=stopped)
    assert not (tmp_path / NAME).exists()
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=5), st.integers(0, 3000))
def test_however_a_download_is_cut_the_bytes_are_the_same(tmp_path_factory, cuts, size):
    content = CONTENT[:size]
    with MisbehavingServer() as server:
        server.files["a.h5"] = content
        server.faults.extend(Fault(cut_at=at, no_range=no_range) for at, no_range in cuts)
        patience = Patience(attempts=len(cuts) + 1, backoff_s=0)
        assert fetch("a.h5", tmp_path_factory.mktemp("cache"), server.url, patience=patience).read_bytes() == content


def test_the_progress_bar_starts_where_the_download_resumes(bring, server, monkeypatch):
    bars = []

    class Bar(progress._Bar):
        def __init__(self, *iterable, **options):
            super().__init__(*iterable, **options)
            bars.append(self)

    monkeypatch.setattr("common.cli.progress._Bar", Bar)
    server.faults.append(Fault(cut_at=100_000))
    bring()
    assert [(bar.initial, bar.n, bar.total) for bar in bars] == [(0, 100_000, 300_000), (100_000, 300_000, 300_000)]
    assert all(bar.fp._wrapped is sys.stderr for bar in bars)


@pytest.mark.parametrize(("declared", "words"), [("300001", "broke off after 300000 bytes")])
def test_a_body_shorter_than_declared_is_not_put_in_place(bring, server, tmp_path, declared, words):
    server.always = Fault(headers={"Content-Length": declared, "Content-Range": "none"})
    assert words in refused(bring)
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("declared", ["many", "-5"])
def test_an_invalid_length_is_ignored(bring, server, declared):
    server.always = Fault(headers={"Content-Length": declared})
    assert bring().read_bytes() == CONTENT


def test_an_empty_file_is_downloaded(bring, server):
    server.files["empty.h5"] = b""
    assert bring("empty.h5").read_bytes() == b""
