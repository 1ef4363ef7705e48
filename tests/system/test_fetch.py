"""What `restante fetch` does with servers that behave."""

import json
import os
import pty
import re
import select
import sqlite3
import subprocess

import pytest
from fake_pop3 import FakePop3, Mail
from fetching import DELIVERED, GONE, fetcher, stored  # noqa: F401


def messages(count, size=100):
    return [
        Mail(b"Subject: %d\r\n\r\n" % number + b"x" * (size * number % 5000) + b"\r\n")
        for number in range(1, count + 1)
    ]


ODD = [
    Mail(b".\r\n..\r\n.dot\r\n"),
    Mail(b"nul \0 in it\r\n"),
    Mail(b"lone \r CR\r\n\rat the start\r\nat the end\r\r\n"),
    Mail(b"lone \n LF\r\n"),
    Mail(b"\n.\nnot the end\r\n"),
    Mail(b"\r\n"),
    Mail(b""),
    Mail(bytes(range(128, 256)) + b"\r\n"),
    Mail(b"y" * 1_000_000 + b"\r\n"),
    Mail(b"From the start of a line\r\n\r\n\r\n\r\n"),
]


@pytest.mark.parametrize("piece", [None, 1, 7])
@pytest.mark.parametrize("pipelining", [True, False])
def test_every_message_is_stored_byte_exact(fetcher, pipelining, piece):
    """R5322-5: CRLF becomes LF, everything else is untouched, however it is cut."""
    with FakePop3([m for m in ODD if piece is None or len(m.content) < 10_000]) as server:
        server.faults.piece = piece
        if not pipelining:
            server.faults.capabilities.remove(b"PIPELINING")
        result = fetcher.run(server.url(), "--json")
        assert result.returncode == 0, result.stderr
        assert result.summary["warnings"] == []
        assert fetcher.contents() == stored(server.mail)
        assert fetcher.rests() == []


def test_only_new_messages_are_asked_for(fetcher):
    with FakePop3(messages(5)) as server:
        fetcher.run(server.url())
        server.mail.append(Mail(b"a new one\r\n", b"uid-new"))
        result = fetcher.run(server.url(), "--json")
        assert server.retrieved() == [[1, 2, 3, 4, 5], [6]]
        assert result.summary["fetched"] == 1 and result.summary["known"] == 5
        assert fetcher.contents() == stored(server.mail)


def test_messages_stay_on_the_server_unless_delete_is_asked_for(fetcher):
    with FakePop3(messages(3)) as server:
        fetcher.run(server.url())
        fetcher.run(server.url(), "--keep")
        assert len(server.mail) == 3
        result = fetcher.run(server.url(), "--delete", "--json")
        assert result.summary["deleted"] == 3 and result.summary["fetched"] == 0
        assert server.mail == []
        assert {state for _, _, state in fetcher.rows()} == {GONE}


def test_delete_at_once_leaves_nothing_there_and_everything_here(fetcher):
    mail = messages(300)
    with FakePop3(mail) as server:
        result = fetcher.run(server.url(), "--delete", "--json")
        assert result.summary["fetched"] == result.summary["deleted"] == 300
        assert result.summary["delete_pending"] == 0
        assert server.mail == []
        assert fetcher.contents() == stored(mail)


def test_without_pipelining_one_command_is_outstanding(fetcher):
    """R2449-18: and one round trip a message."""
    with FakePop3(messages(20)) as server:
        server.faults.capabilities.remove(b"PIPELINING")
        assert fetcher.run(server.url(), "--delete").returncode == 0
        session = server.sessions[0]
        assert session.early == []
        assert [c for c in session.commands if c.startswith("RETR")] == [
            f"RETR {n}" for n in range(1, 21)
        ]


def test_the_fake_server_sees_commands_that_come_too_early(fetcher):
    """The check of the test above can fail: a server that takes back its PIPELINING."""
    with FakePop3(messages(20)) as server:
        server.faults.replies["CAPA"] = b"+OK\r\nPIPELINING\r\n.\r\n"
        server.faults.capabilities.remove(b"PIPELINING")
        fetcher.run(server.url())
        assert server.sessions[0].early != []


def test_with_pipelining_the_window_counts_octets(fetcher):
    """A server that does not answer gets RETR for 1 MiB and no more."""
    with FakePop3(messages(50)) as server:
        for mail in server.mail:
            mail.size = 100_000
        server.faults.silent_at = {"RETR"}
        assert fetcher.run(server.url(), "--timeout", "1").returncode == 75
        assert server.retrieved() == [list(range(1, 12))]


def test_a_message_larger_than_the_window_goes_alone(fetcher):
    with FakePop3(messages(3)) as server:
        for mail in server.mail:
            mail.size = 2**40
        server.faults.silent_at = {"RETR"}
        assert fetcher.run(server.url(), "--timeout", "1").returncode == 75
        assert server.retrieved() == [[1]]


def test_no_capa_means_the_minimum(fetcher):
    """R2449-4."""
    with FakePop3(messages(3)) as server:
        server.faults.capabilities = None
        assert fetcher.run(server.url()).returncode == 0
        assert server.sessions[0].early == []
        assert fetcher.contents() == stored(server.mail)


def test_capabilities_are_asked_for_again_after_the_login(fetcher):
    """R2449-3."""
    with FakePop3(messages(1)) as server:
        assert fetcher.run(server.url()).returncode == 0
        commands = server.sessions[0].commands
        login = commands.index("PASS")
        assert commands[:login].count("CAPA") == commands[login:].count("CAPA") == 1


def test_an_empty_maildrop_is_no_error(fetcher):
    with FakePop3() as server:
        result = fetcher.run(server.url(), "--json")
        assert result.returncode == 0
        assert result.summary["on_server"] == 0
        assert server.sessions[0].quit_done


def test_the_summary_is_one_line(fetcher):
    with FakePop3([Mail(b"a\r\n"), Mail(b"bcd\r\n")]) as server:
        result = fetcher.run(server.url(), "--delete")
        assert result.stdout.decode() == (
            "ann@127.0.0.1: 2 new messages (8 octets) fetched, 0 already here,"
            " 2 deleted on the server\n"
        )
        assert result.stderr == b""


def test_json_has_every_field(fetcher):
    with FakePop3(messages(2)) as server:
        summary = fetcher.run(server.url(), "--json").summary
    assert summary.pop("seconds") >= 0
    assert summary == {
        "account": "ann@127.0.0.1",
        "on_server": 2,
        "new": 2,
        "fetched": 2,
        "octets": sum(len(m.content) for m in messages(2)),
        "known": 0,
        "deleted": 0,
        "delete_pending": 0,
        "failed": 0,
        "tls": None,
        "auth": "password",
        "warnings": [],
        "exit": 0,
        "error": None,
    }


def test_names_keep_the_order_of_the_server(fetcher):
    with FakePop3(messages(30)) as server:
        fetcher.run(server.url())
        assert [path.read_bytes() for path in fetcher.files()] == [
            m.content.replace(b"\r\n", b"\n") for m in server.mail
        ]


def test_mail_and_journal_are_for_their_owner_only(fetcher, tmp_path):
    with FakePop3(messages(1)) as server:
        state = tmp_path / "state"
        environment = {**fetcher.environment(), "XDG_STATE_HOME": str(state)}
        command = fetcher.command(server.url())
        at = command.index("--state")
        del command[at : at + 2]
        assert subprocess.run(command, env=environment, timeout=60).returncode == 0
    journal = state / "restante" / "journal.db"
    assert (journal.parent.stat().st_mode & 0o777) == 0o700
    assert (journal.stat().st_mode & 0o777) == 0o600
    assert (fetcher.maildir.stat().st_mode & 0o777) == 0o700
    assert (fetcher.files()[0].stat().st_mode & 0o777) == 0o600


def test_a_second_run_of_the_same_account_is_refused(fetcher):
    with FakePop3(messages(2)) as server:
        server.faults.silent_at = {"RETR"}
        first = fetcher.start(server.url())
        server.wait_for(lambda: server.sessions and "RETR 1" in server.sessions[0].commands)
        second = fetcher.run(server.url(), "--json")
        assert second.returncode == 75
        assert "another run" in second.summary["error"]
        first.kill()
        first.wait(10)
        server.faults.silent_at = set()
        assert fetcher.run(server.url()).returncode == 0, "a lock was left over"
        assert fetcher.contents() == stored(server.mail)


def test_two_destinations_are_two_accounts(fetcher, tmp_path):
    with FakePop3(messages(2)) as server:
        fetcher.run(server.url())
        fetcher.maildir = tmp_path / "Other"
        fetcher.run(server.url())
        assert fetcher.contents() == stored(server.mail)
        assert {state for _, _, state in fetcher.rows()} == {DELIVERED}


def test_the_bar_fits_the_terminal_and_goes_away(fetcher):
    """On a terminal of 80 columns; the summary still goes to standard output."""
    mail = messages(10, 4000)
    with FakePop3(mail) as server:
        server.faults.piece = 97
        controller, terminal = pty.openpty()
        process = fetcher.start(server.url(), "--json", stdout=-1, stderr=terminal)
        os.close(terminal)
        drawn = b""
        while select.select([controller], [], [], 30)[0]:
            try:
                drawn += os.read(controller, 65536)
            except OSError:  # Linux: the other end is closed
                break
        assert process.wait(10) == 0
        assert json.loads(process.stdout.read())["fetched"] == 10
        process.stdout.close()
        os.close(controller)
    lines = [line.removesuffix(b"\x1b[K") for line in drawn.split(b"\r")]
    assert all(len(line) < 80 for line in lines)
    assert any(re.match(rb"\[[#.]+\] \d+/10  ", line) for line in lines), drawn
    assert drawn.endswith(b"\r\x1b[K")


def test_journal_that_is_another_database_is_refused_with_its_name(fetcher, tmp_path):
    with FakePop3([Mail(b"a\r\n")]) as server:
        assert fetcher.run(server.url()).returncode == 0
        with sqlite3.connect(fetcher.state) as database:
            database.execute("DROP TABLE message")
        database.close()
        result = fetcher.run(server.url())
    assert result.returncode == 73
    assert str(fetcher.state).encode() in result.stderr
    assert b"Input/output" not in result.stderr
