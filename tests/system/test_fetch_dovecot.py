"""`restante fetch` against Dovecot: byte-exact, with and without PIPELINING."""

import shutil
import tempfile

import pytest
from dovecot import Dovecot, WithoutPipelining, missing
from fetching import fetcher  # noqa: F401

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

# What a Maildir may hold and Dovecot passes on unchanged, but for line ends.
CORPUS = [
    b"Subject: plain\n\nbody\n",
    b"Subject: dots\n\n.\n..\n.a\n",
    b"Subject: no body\n\n",
    b"Subject: blank lines\n\n\n\n\n",
    b"Subject: 8-bit\n\n" + bytes(range(128, 256)) + b"\n",
    b"Subject: long\n\n" + b"x" * 1_000_000 + b"\n",
    b"Subject: crlf\r\n\r\nbody\r\n",
    b"Subject: from\n\nFrom here\n>From there\n",
    b"Subject: tabs\n\n\t\x01\x7f\n",
    # No message that starts with a dot: Dovecot 2.3 does not stuff that one (R1939-7).
    *[b"Subject: %d\n\n" % n + b"line\n" * n for n in range(100)],
]


def on_disk():
    return sorted(message.replace(b"\r\n", b"\n") for message in CORPUS)


@pytest.fixture
def dovecot():
    # Not below the test's own folder, which only its owner may enter.
    folder = tempfile.mkdtemp(prefix="restante-dovecot-")
    try:
        with Dovecot(folder, CORPUS) as server:
            yield server
    finally:
        shutil.rmtree(folder)


def test_byte_exact_with_pipelining(fetcher, dovecot):
    result = fetcher.run(dovecot.url(), "--json")
    assert result.returncode == 0, result.stderr
    assert result.summary["warnings"] == []
    assert fetcher.contents() == on_disk()
    assert fetcher.run(dovecot.url(), "--json").summary["fetched"] == 0


def test_byte_exact_without_pipelining(fetcher, dovecot):
    with WithoutPipelining(dovecot.port) as way:
        result = fetcher.run(way.url(), "--json")
        assert result.returncode == 0, result.stderr
        assert way.early == []
    assert fetcher.contents() == on_disk()


def test_delete(fetcher, dovecot):
    result = fetcher.run(dovecot.url(), "--delete", "--json")
    assert result.returncode == 0 and result.summary["deleted"] == len(CORPUS)
    assert dovecot.left() == 0
    assert fetcher.contents() == on_disk()


def test_a_wrong_password_is_77(fetcher, dovecot):
    assert fetcher.run(dovecot.url(), password="wrong").returncode == 77
