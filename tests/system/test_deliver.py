"""restante deliver: a message on standard input into a Maildir, durably."""

import os
import resource
import signal
import subprocess

import pytest
from restanted import AS_ROOT, BUILD, STORE_UID
from test_fetch_crash import UNTRACEABLE, traceable
from tracing import parse

RESTANTE = BUILD / "restante"


def deliver(maildir, message, prefix=(), **options):
    return subprocess.run(
        [*prefix, RESTANTE, "deliver", "--to", maildir],
        input=message, capture_output=True, timeout=60, **options,
    )


def small_files(limit):
    """Stands for a full disk: a write beyond fails."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def delivered(maildir):
    return [path.read_bytes() for path in sorted((maildir / "new").iterdir())]


@pytest.mark.parametrize(
    ("message", "stored"),
    [
        (b"A: b\n\ntext\n", b"A: b\n\ntext\n"),
        (b"A: b\r\n\r\ntext\r\n", b"A: b\n\ntext\n"),
        (b"A: b\n\nlone \r stays, NUL \0 and \xff too\n", b"A: b\n\nlone \r stays, NUL \0 and \xff too\n"),
        (b"no line end", b"no line end"),
        (b"", b""),
        (b"x" * 3_000_000 + b"\r\n", b"x" * 3_000_000 + b"\n"),
    ],
    ids=["lf", "crlf", "odd octets", "no line end", "empty", "one long line"],
)
def test_message_is_stored_as_it_came(tmp_path, message, stored):
    done = deliver(tmp_path / "Maildir", message)
    assert (done.returncode, done.stderr) == (0, b"")
    assert delivered(tmp_path / "Maildir") == [stored]
    assert not list((tmp_path / "Maildir" / "tmp").iterdir())


@pytest.mark.skipif(not traceable(), reason="strace is missing or may not trace here")
def test_nothing_is_reported_before_file_and_folder_are_durable(tmp_path):
    output = tmp_path / "strace"
    strace = ["strace", "-f", "-y", "-o", output]
    done = deliver(
        tmp_path / "Maildir", b"A: b\n\n", strace, env={**os.environ, **UNTRACEABLE}
    )
    assert done.returncode == 0, done.stderr
    calls = list(parse(output.read_text("latin-1").splitlines()))
    steps = [call for call in calls if call.name in ("fsync", "renameat2")][-3:]
    assert [call.name for call in steps] == ["fsync", "renameat2", "fsync"]
    assert "/Maildir/tmp/" in steps[0].descriptor()
    assert steps[2].descriptor().endswith("/Maildir/new")


def test_failed_write_is_reported_and_leaves_nothing(tmp_path):
    limit = 100_000
    done = deliver(
        tmp_path / "Maildir", b"x" * (4 * limit),
        preexec_fn=lambda: small_files(limit),
    )
    assert done.returncode == 74, done.stderr
    assert not delivered(tmp_path / "Maildir")
    assert not list((tmp_path / "Maildir" / "tmp").iterdir())


def test_folder_that_cannot_be_made_is_73(tmp_path):
    done = deliver(tmp_path / "no" / "such" / "Maildir", b"A: b\n\n")
    assert done.returncode == 73
    assert b"no/such/Maildir" in done.stderr


@pytest.mark.skipif(not AS_ROOT, reason="only root can deliver as somebody else")
def test_root_delivers_as_the_owner(tmp_path):
    os.chown(tmp_path, STORE_UID, STORE_UID)
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(0o755)
    assert deliver(tmp_path / "Maildir", b"A: b\n\n").returncode == 0
    for path in (tmp_path / "Maildir").rglob("*"):
        assert (path.stat().st_uid, path.stat().st_gid) == (STORE_UID, STORE_UID)


@pytest.mark.skipif(not AS_ROOT, reason="only root can deliver as somebody else")
def test_root_does_not_follow_the_link_of_a_user(tmp_path):
    (tmp_path / "secret").mkdir(mode=0o700)
    link = tmp_path / "Maildir"
    link.symlink_to("secret")
    os.lchown(link, STORE_UID, STORE_UID)
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(0o755)
    assert deliver(link, b"A: b\n\n").returncode == 73
    assert not list((tmp_path / "secret").iterdir())
