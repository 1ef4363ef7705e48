"""The command line of `restante fetch`: what is refused, and that nothing has happened then."""

import os
import pty
import select
import sqlite3
import subprocess

import pytest
from fake_pop3 import FakePop3, Mail
from fetching import RESTANTE, fetcher, stored  # noqa: F401

MAIL = [Mail(b"a\r\n"), Mail(b"b\r\n")]


def restante(*arguments, **environment):
    return subprocess.run(
        [RESTANTE, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, **environment},
        timeout=60,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["fetch"],
        ["fetch", "--to", "maildir:M"],
        ["fetch", "pop://ann@127.0.0.1"],
        ["fetch", "pop://ann@127.0.0.1", "--to"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "M"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "maildir:"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "mbox:M"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "maildir:M", "--to", "maildir:N"],
        ["fetch", "pop://ann@127.0.0.1", "pop://bob@127.0.0.1", "--to", "maildir:M"],
        ["fetch", "account", "--to", "maildir:M"],
        ["fetch", "imap://ann@127.0.0.1", "--to", "maildir:M"],
        ["fetch", "pop://127.0.0.1", "--to", "maildir:M"],
        ["fetch", "pop://ann@", "--to", "maildir:M"],
        ["fetch", "pop://ann@127.0.0.1:0", "--to", "maildir:M"],
        ["fetch", "pop://ann@127.0.0.1:65536", "--to", "maildir:M"],
        ["fetch", "pop://ann@127.0.0.1/x", "--to", "maildir:M"],
        ["fetch", "pop://a%0D%0Ab@127.0.0.1", "--to", "maildir:M"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "maildir:M", "--keep", "--delete"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "maildir:M", "--tls", "maybe"],
        ["fetch", "pops://ann@127.0.0.1", "--to", "maildir:M", "--tls", "off"],
        ["fetch", "pop://ann@h", "--to", "maildir:M", "--tls", "off", "--ca", "/etc/hosts"],
        ["fetch", "pop://ann@h", "--to", "maildir:M", "--tls", "off", "--pin", "0" * 64],
        ["fetch", "pop://ann@h", "--to", "maildir:M", "--ca", "/etc/hosts", "--pin", "0" * 64],
        ["fetch", "pop://ann@h", "--to", "maildir:M", "--pin", "0" * 63],
        ["fetch", "pop://ann@h", "--to", "maildir:M", "--pin", ""],
        ["fetch", "pop://ann@h", "--to", "maildir:M", "--pin", ",".join(["0" * 64] * 9)],
        ["fetch", "pop://ann@127.0.0.1", "--to", "maildir:M", "--timeout", "0"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "maildir:M", "--timeout", "1s"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "maildir:M", "--timeout", "86401"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "maildir:M", "--progress", "always"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "maildir:M", "--json=yes"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "maildir:M", "--nonsense"],
        ["fetch", "pop://ann@127.0.0.1", "--to", "maildir:M", "-x"],
    ],
)
def test_wrong_usage_is_64_and_does_nothing(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    result = restante(*arguments, HOME=str(tmp_path), RESTANTE_PASSWORD="secret")
    assert result.returncode == 64 and result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_password_in_the_url_is_refused_and_not_repeated(fetcher):
    with FakePop3(MAIL) as server:
        result = fetcher.run(f"pop://ann:hunter2@127.0.0.1:{server.port}")
        assert result.returncode == 64
        assert b"hunter2" not in result.stderr and b"RESTANTE_PASSWORD" in result.stderr
        assert server.sessions == []


@pytest.mark.parametrize("auth", ["+APOP", "GSSAPI", "EXTERNAL"])
def test_a_login_that_is_not_there_is_not_replaced(fetcher, auth):
    """R2384-2."""
    result = fetcher.run(f"pop://ann;AUTH={auth}@127.0.0.1")
    assert result.returncode == 78
    assert not fetcher.maildir.exists()


def test_auth_star_is_the_clients_choice(fetcher):
    with FakePop3(MAIL) as server:
        assert fetcher.run(f"pop://ann;AUTH=*@127.0.0.1:{server.port}").returncode == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_names_of_this_machine(fetcher, host):
    with FakePop3(MAIL) as server:
        expected = 69 if host == "127.0.0.2" else 0  # nobody listens there, but it may be tried
        assert fetcher.run(f"pop://ann@{host}:{server.port}").returncode == expected


def test_nobody_listening_is_69(fetcher):
    with FakePop3(MAIL) as server:
        port = server.port
    result = fetcher.run(f"pop://ann@127.0.0.1:{port}", "--json")
    assert result.returncode == 69 and "refused" in result.summary["error"]


def test_an_unknown_host_is_69(fetcher):
    assert fetcher.run("pop://ann@no-such-host.invalid").returncode == 69


def test_a_destination_that_cannot_be_made_is_73(fetcher, tmp_path):
    with FakePop3(MAIL) as server:
        fetcher.maildir = tmp_path / "missing" / "Maildir"
        assert fetcher.run(server.url()).returncode == 73
        fetcher.maildir = tmp_path / "file"
        fetcher.maildir.write_text("")
        assert fetcher.run(server.url()).returncode == 73
        assert server.sessions == []


@pytest.mark.parametrize("kind", ["missing folder", "no database", "later version"])
def test_a_journal_that_cannot_be_used_is_73(fetcher, tmp_path, kind):
    if kind == "missing folder":
        fetcher.state = tmp_path / "missing" / "journal.db"
    elif kind == "no database":
        fetcher.state.write_text("this is my diary, " * 1000)
    else:
        with sqlite3.connect(fetcher.state) as db:
            db.execute("PRAGMA user_version = 99")
    with FakePop3(MAIL) as server:
        result = fetcher.run(server.url(), "--json")
        assert result.returncode == 73 and "journal" in result.summary["error"]
        assert server.sessions == []


def without_password(fetcher, server, *options, **popen):
    environment = {k: v for k, v in os.environ.items() if k != "RESTANTE_PASSWORD"}
    return subprocess.Popen(
        fetcher.command(server.url(), *options),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # no terminal
        **popen,
    )


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("echo secret", 0),
        ("printf secret", 0),
        ("printf 'secret\\r\\nmore\\n'", 0),
        ("printf 'secret\\n'; head -c 200000 /dev/zero", 0),
        ("echo wrong", 77),
        ("true", 78),
        ("exit 3", 78),
        ("kill -9 $$", 78),
        ("no-such-command", 78),
        ("head -c 400 /dev/zero | tr '\\0' x", 78),
        ("printf 'a\\001b'", 78),
    ],
)
def test_the_password_command(fetcher, command, exit_code):
    with FakePop3(MAIL) as server:
        process = without_password(fetcher, server, "--password-command", command)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == exit_code, errors


def test_the_environment_comes_first_and_commands_do_not_see_it(fetcher, tmp_path):
    with FakePop3(MAIL) as server:
        witness = tmp_path / "ran"
        assert fetcher.run(server.url(), "--password-command", f"touch {witness}").returncode == 0
        assert not witness.exists()


@pytest.mark.parametrize("password", ["", "x" * 249, "tab\there"])
def test_a_password_that_no_command_can_carry_is_refused(fetcher, password):
    """R2449-7."""
    with FakePop3(MAIL) as server:
        assert fetcher.run(server.url(), password=password).returncode == 78
        assert server.sessions == []


def test_without_a_terminal_the_password_cannot_be_asked_for(fetcher):
    with FakePop3(MAIL) as server:
        process = without_password(fetcher, server)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 78
        assert b"RESTANTE_PASSWORD" in errors and b"--password-command" in errors


def at_a_terminal(fetcher, server, typed):
    """Types `typed` at the prompt. Returns exit code and all that the terminal showed."""
    pid, controller = pty.fork()
    if pid == 0:
        environment = {k: v for k, v in os.environ.items() if k != "RESTANTE_PASSWORD"}
        os.execve(RESTANTE, fetcher.command(server.url()), environment)
    shown = b""
    while select.select([controller], [], [], 30)[0]:
        try:
            octets = os.read(controller, 65536)
        except OSError:
            break
        shown += octets
        if b"Password of" in shown and typed is not None:
            os.write(controller, typed)
            typed = None
    os.close(controller)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def test_a_password_command_that_takes_its_time_can_be_interrupted(fetcher):
    command = "echo started >&2; exec sleep 60"
    with FakePop3(MAIL) as server:
        process = subprocess.Popen(
            fetcher.command(server.url(), "--password-command", command),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={k: v for k, v in os.environ.items() if k != "RESTANTE_PASSWORD"},
        )
        assert process.stderr.readline() == b"started\n"
        process.terminate()
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 75 and b"interrupted" in errors
        assert server.sessions == []


def test_the_prompt_does_not_show_the_password(fetcher):
    with FakePop3(MAIL) as server:
        status, shown = at_a_terminal(fetcher, server, b"secret\n")
        assert status == 0 and b"secret" not in shown
        assert fetcher.contents() == stored(MAIL)


def test_the_prompt_can_be_left_with_control_c(fetcher):
    with FakePop3(MAIL) as server:
        status, shown = at_a_terminal(fetcher, server, b"\x03")
        assert status == 75 and b"interrupted" in shown
        assert server.sessions == []


def test_user_names_with_odd_characters_are_decoded(fetcher):
    with FakePop3(MAIL) as server:
        url = f"pop://a%40b%20c%C3%BC@127.0.0.1:{server.port}"
        assert fetcher.run(url).returncode == 77  # not ann
        assert server.sessions[0].commands[1] == "USER a@b c\xc3\xbc"


def test_help_and_version():
    for arguments in (["help"], ["--help"], ["fetch", "--help"], ["--version"]):
        result = restante(*arguments)
        assert result.returncode == 0 and result.stdout and not result.stderr
