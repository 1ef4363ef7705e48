"""Runs that are killed: whatever the instant, the next run ends with every message exactly once.

RESTANTE_KILL_RUNS is the number of random instants (25), RESTANTE_KILL_SEED the seed.
"""

import os
import random
import shutil
import signal
import sqlite3
import subprocess

import pytest
from fake_pop3 import FakePop3, Mail
from fetching import DELETE_PENDING, DELIVERED, GONE, Fetcher, fetcher, stored  # noqa: F401

KILL_RUNS = int(os.environ.get("RESTANTE_KILL_RUNS", "25"))
KILL_SEED = int(os.environ.get("RESTANTE_KILL_SEED", "1939"))
# What is done to the disk and the network, each call a place to die at.
CALLS = ["sendto", "openat", "write", "fsync", "fdatasync", "renameat2", "pwrite64", "unlink"]
# LeakSanitizer cannot work under ptrace.
UNTRACEABLE = {"ASAN_OPTIONS": "detect_leaks=0"}


def messages(count, size=2000):
    return [
        Mail(b"Subject: %d\r\n\r\n" % number + (b"%d\r\n" % number) * (size // 4))
        for number in range(1, count + 1)
    ]


def check_nothing_lost(fetcher, server, mail):
    """At any time: what is here is whole and here once; what is not is still on the server."""
    here = fetcher.contents()
    assert len(here) == len(set(here)), "a message is here twice"
    assert set(here) <= set(stored(mail)), "a message is here partially"
    assert set(here) | set(stored(server.mail)) == set(stored(mail)), "a message is lost"


def complete(fetcher, server, mail):
    result = fetcher.run(server.url(), "--delete", "--json")
    assert result.returncode == 0, result.stderr
    assert server.mail == []
    assert fetcher.contents() == stored(mail)
    assert fetcher.rests() == [], "a rest was left in tmp"


def traceable():
    try:
        probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True)
    except FileNotFoundError:
        return False
    return probe.returncode == 0


@pytest.mark.skipif(not traceable(), reason="strace is missing or may not trace here")
@pytest.mark.parametrize("call", CALLS)
def test_killed_at_the_nth_system_call(tmp_path, call):
    mail = messages(4)
    for when in range(1, 400):
        fetcher = Fetcher(tmp_path / "run")
        fetcher.folder.mkdir()
        fault = ["strace", "-f", "-o", "/dev/null", f"--inject={call}:signal=KILL:when={when}"]
        with FakePop3(mail) as server:
            killed = subprocess.run(
                fetcher.command(server.url(), "--delete", prefix=fault),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={**fetcher.environment(), **UNTRACEABLE},
                timeout=60,
            )
            if fetcher.maildir.exists():
                check_nothing_lost(fetcher, server, mail)
            complete(fetcher, server, mail)
        shutil.rmtree(fetcher.folder)
        if killed.returncode == 0:
            assert when > 1, f"{call} is never called"
            return
    pytest.fail(f"{call} is called too often")


@pytest.mark.parametrize("run", range(KILL_RUNS))
def test_killed_at_a_random_instant(fetcher, run):
    """Often, until it gets through; with --delete, against 200 messages."""
    chance = random.Random(KILL_SEED * 1_000_003 + run)
    mail = messages(200, 300)
    with FakePop3(mail) as server:
        if chance.random() < 0.3:
            server.faults.capabilities.remove(b"PIPELINING")
        for _ in range(chance.randint(1, 4)):
            process = fetcher.start(
                server.url(), "--delete", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                process.wait(chance.random() ** 2 * 0.15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
            if fetcher.maildir.exists():
                check_nothing_lost(fetcher, server, mail)
        complete(fetcher, server, mail)


@pytest.mark.parametrize("reader", ["new to cur", "subfolder", "flags"])
def test_a_reader_moved_the_message_of_a_killed_run(fetcher, reader):
    """The row says delivering, the file is somewhere else by now: it is not fetched again."""
    mail = messages(3)
    with FakePop3(mail) as server:
        assert fetcher.run(server.url()).returncode == 0
        make_delivering(fetcher)
        (fetcher.maildir / ".Work.Deep" / "cur").mkdir(parents=True)
        for path in fetcher.files():
            if reader == "subfolder":
                path.rename(fetcher.maildir / ".Work.Deep" / "cur" / (path.name + ":2,S"))
            elif reader == "flags":
                path.rename(fetcher.maildir / "cur" / (path.name + ":2,FRS"))
            else:
                path.rename(fetcher.maildir / "cur" / path.name)
        complete(fetcher, server, mail)
        assert server.retrieved() == [[1, 2, 3], []]


def make_delivering(fetcher):
    """As if the run had been killed just before its last transaction."""
    with sqlite3.connect(fetcher.state) as db:
        db.execute("UPDATE message SET state = 1, digest = NULL")


def test_delivering_without_a_file_is_fetched_again_over_the_rest(fetcher):
    mail = messages(3)
    with FakePop3(mail) as server:
        fetcher.run(server.url())
        make_delivering(fetcher)
        for path in fetcher.files():
            path.rename(fetcher.maildir / "tmp" / path.name)
            (fetcher.maildir / "tmp" / path.name).write_bytes(b"half a mess")
        complete(fetcher, server, mail)


@pytest.mark.parametrize("options", [(), ("--delete",)])
@pytest.mark.parametrize("uidl", [True, False])
def test_a_lost_journal_doubles_nothing(fetcher, uidl, options):
    mail = messages(5)
    with FakePop3(mail) as server:
        server.faults.uidl = uidl
        fetcher.run(server.url())
        for path in fetcher.folder.glob("journal.db*"):
            path.unlink()
        result = fetcher.run(server.url(), "--json", *options)
        assert result.summary["known"] == 5 and result.summary["fetched"] == 0
        assert fetcher.contents() == stored(mail)
        assert {state for _, _, state in fetcher.rows()} <= {DELIVERED, DELETE_PENDING, GONE}
        fetcher.run(server.url(), *options)
        assert fetcher.contents() == stored(mail)


def test_a_lost_journal_and_a_unique_id_used_again(fetcher):
    """The file of the derived name has other content: it is not taken for the message."""
    with FakePop3([Mail(b"old\r\n", b"1")]) as server:
        fetcher.run(server.url())
        for path in fetcher.folder.glob("journal.db*"):
            path.unlink()
        server.mail = [Mail(b"new\r\n", b"1")]
        fetcher.run(server.url(), "--delete")
        assert fetcher.contents() == [b"new\n", b"old\n"]


def test_a_maildir_that_was_moved_doubles_nothing(fetcher, tmp_path):
    mail = messages(5)
    with FakePop3(mail) as server:
        fetcher.run(server.url())
        fetcher.maildir = fetcher.maildir.rename(tmp_path / "Elsewhere")
        fetcher.run(server.url())
        assert fetcher.contents() == stored(mail)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_what_is_complete(fetcher, number):
    mail = messages(3)
    with FakePop3(mail) as server:
        server.faults.silent_at = {"RETR 3"}
        process = fetcher.start(server.url(), "--delete", stderr=subprocess.PIPE)
        server.wait_for(lambda: server.sessions and "RETR 3" in server.sessions[0].commands)
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 75 and b"interrupted" in errors
        assert len(fetcher.contents()) == 2 and fetcher.rests() == []
        server.faults.silent_at = set()
        complete(fetcher, server, mail)


@pytest.mark.parametrize("journal", ["the same", "a link to it", "another"])
def test_two_runs_of_one_account_keep_out_of_each_other(fetcher, journal):
    """They would use the same names in tmp, and one could deliver what the other has begun."""
    mail = messages(3)
    other = Fetcher(fetcher.folder)
    if journal != "the same":
        other.state = fetcher.folder / "other.db"
    with FakePop3(mail) as server:
        server.faults.silent_at = {"RETR 3"}
        first = fetcher.start(server.url(), "--delete", stderr=subprocess.PIPE)
        server.wait_for(lambda: server.sessions and "RETR 3" in server.sessions[0].commands)
        if journal == "a link to it":
            other.state.symlink_to(fetcher.state)
        result = other.run(server.url(), "--delete", "--json")
        assert result.returncode == 75 and "another run" in result.summary["error"]
        assert len(server.sessions) == 1
        first.kill()
        first.communicate()
        server.faults.silent_at = set()
        complete(other, server, mail)


@pytest.mark.skipif(not traceable(), reason="strace is missing or may not trace here")
def test_a_slow_disk_is_not_a_slow_server(fetcher):
    """While an fsync takes longer than --timeout, nothing is awaited from the server."""
    mail = messages(1)
    slow = ["strace", "-f", "-o", "/dev/null", "--inject=fsync:delay_enter=1500000"]
    with FakePop3(mail) as server:
        result = subprocess.run(
            fetcher.command(server.url(), "--delete", "--timeout", "1", prefix=slow),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**fetcher.environment(), **UNTRACEABLE},
            timeout=60,
        )
        assert result.returncode == 0, result.stderr
        assert server.mail == [] and fetcher.contents() == stored(mail)


def test_a_full_disk_stops_the_run_and_loses_nothing(fetcher, tmp_path):
    """A file-size limit is the full disk that every user can have: write gives EFBIG."""
    mail = [*messages(3), Mail(b"z" * 300_000 + b"\r\n")]
    limit = ["prlimit", "--fsize=150000", "env", "--ignore-signal=XFSZ"]
    with FakePop3(mail) as server:
        result = fetcher.run(server.url(), "--delete", "--json", prefix=limit)
        assert result.returncode == 73
        assert "cannot write" in result.summary["error"]
        check_nothing_lost(fetcher, server, mail)
        assert fetcher.rests() == []
        complete(fetcher, server, mail)
