"""The order of what `restante fetch --delete` does, as strace shows it (R5322-6)."""

import re
import subprocess

import pytest
from fake_pop3 import FakePop3, Mail
from fetching import fetcher  # noqa: F401
from test_fetch_crash import UNTRACEABLE, traceable
from tracing import parse

pytestmark = pytest.mark.skipif(
    not traceable(), reason="strace is missing or may not trace here"
)


def trace(fetcher, server, *options):
    output = fetcher.folder / "strace"
    strace = ["strace", "-f", "-y", "-s", "200", "-o", output]
    result = subprocess.run(
        fetcher.command(server.url(), *options, prefix=strace),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**fetcher.environment(), **UNTRACEABLE},
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return list(parse(output.read_text("latin-1").splitlines()))


def places(calls, name, pattern):
    return [call.ended for call in calls if call.name == name and re.search(pattern, call.text)]


def test_file_folder_and_journal_are_synced_before_dele(fetcher):
    with FakePop3([Mail(b"a\r\n"), Mail(b"b\r\n")]) as server:
        calls = trace(fetcher, server, "--delete")
    file_syncs = places(calls, "fsync", r"^\d+<[^>]*/Maildir/tmp/")
    renames = places(calls, "renameat2", r"RENAME_NOREPLACE *\) += 0")
    folder_syncs = places(calls, "fsync", r"^\d+<[^>]*/Maildir/new> *\) += 0")
    journal_syncs = places(calls, "fdatasync", "journal.db-wal") + places(
        calls, "fsync", "journal.db-wal"
    )
    deletes = [
        call.began
        for call in calls
        if call.name == "sendto" and "DELE" in call.text
    ]
    assert len(file_syncs) == len(renames) == 2 and deletes
    for dele, number in zip(sorted(deletes), (1, 2)):
        done = [place for place in renames if place < dele]
        assert len(done) >= number, "DELE before the rename"
    first = min(deletes)
    assert min(file_syncs) < min(renames) < min(folder_syncs) < first
    assert any(min(folder_syncs) < place < first for place in journal_syncs)


def test_the_journal_knows_before_anything_is_asked_for(fetcher):
    with FakePop3([Mail(b"a\r\n")]) as server:
        calls = trace(fetcher, server)
    listed = max(call.ended for call in calls if call.name == "sendto" and "LIST" in call.text)
    retr = min(call.began for call in calls if call.name == "sendto" and "RETR" in call.text)
    syncs = places(calls, "fdatasync", "journal.db-wal") + places(
        calls, "fsync", "journal.db-wal"
    )
    assert any(listed < place < retr for place in syncs)


def test_a_run_with_nothing_new_syncs_nothing(fetcher):
    with FakePop3([Mail(b"a\r\n")]) as server:
        assert fetcher.run(server.url()).returncode == 0
        calls = trace(fetcher, server)
    assert places(calls, "renameat2", "") == []
    assert [p for p in places(calls, "fsync", "") if p] == places(calls, "fsync", "journal.db")
