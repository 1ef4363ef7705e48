"""restante passwd: users of the server's file, added and changed without touching the others."""

import os
import pty
import subprocess

import pytest
from restanted import AS_ROOT, BUILD, free_port

RESTANTE = BUILD / "restante"
OTHERS = "# users\nbob:{PLAIN}x:1:2:gecos:/home/bob:/bin/sh:extra=1\nno newline:*"


def passwd(*arguments, password="wombat"):
    return subprocess.run(
        [RESTANTE, "passwd", "--stdin", *arguments],
        input=password + "\n", capture_output=True, text=True, timeout=60,
    )


def test_new_file_is_not_for_everybody(tmp_path):
    users = tmp_path / "users"
    done = passwd(users, "ann")
    assert (done.returncode, done.stdout) == (0, f"{users}: added ann\n")
    assert users.read_text().startswith("ann:$y$")
    assert users.stat().st_mode & 0o777 == 0o640
    assert "wombat" not in users.read_text()


def test_all_other_octets_stay(tmp_path):
    users = tmp_path / "users"
    users.write_text(OTHERS)
    users.chmod(0o604)
    assert passwd(users, "ann").returncode == 0
    assert users.read_text().startswith(OTHERS + "\nann:$y$")
    assert users.stat().st_mode & 0o777 == 0o604
    first = users.read_text()
    assert passwd(users, "bob").stdout == f"{users}: changed the password of bob\n"
    lines = users.read_text().splitlines()
    assert lines[1].startswith("bob:$y$")
    assert lines[1].endswith(":1:2:gecos:/home/bob:/bin/sh:extra=1")
    assert [line for i, line in enumerate(lines) if i != 1] == [
        line for i, line in enumerate(first.splitlines()) if i != 1
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["users"]


@pytest.mark.parametrize(
    "name", ["", "a:b", "a/b", "..", "a\tb", "a\nb", "#ann", "x" * 256], ids=ascii
)
def test_name_that_could_leave_its_place_is_refused(tmp_path, name):
    done = passwd(tmp_path / "users", name)
    assert done.returncode == 64
    assert "user name" in done.stderr
    assert not (tmp_path / "users").exists()


@pytest.mark.parametrize("password", ["", "x" * 256], ids=["empty", "too long"])
def test_password_that_nobody_could_use_is_refused(tmp_path, password):
    done = passwd(tmp_path / "users", "ann", password=password)
    assert done.returncode == 65
    assert not (tmp_path / "users").exists()


def test_unwritable_folder_is_73_and_named(tmp_path):
    done = passwd(tmp_path / "none" / "users", "ann")
    assert done.returncode == 73
    assert str(tmp_path / "none" / "users") in done.stderr


def on_terminal(arguments, answers):
    """Runs it with a terminal of its own and types. Returns status and what the terminal showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(RESTANTE, [RESTANTE, *arguments])
    shown = b""
    for prompt, answer in answers:
        while prompt not in shown:
            shown += os.read(terminal, 1024)
        shown = b"" if prompt != answers[-1][0] else shown
        os.write(terminal, answer + b"\n")
    try:
        while piece := os.read(terminal, 1024):
            shown += piece
    except OSError:
        pass  # the terminal of a process that has ended
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def test_prompt_asks_twice_and_shows_nothing(tmp_path):
    users = tmp_path / "users"
    command = ["passwd", str(users), "ann"]
    status, shown = on_terminal(command, [(b"New password:", b"wombat"), (b"Once more:", b"wombat")])
    assert status == 0
    assert b"wombat" not in shown
    status, shown = on_terminal(command, [(b"New password:", b"one"), (b"Once more:", b"two")])
    assert status == 65
    assert b"not the same" in shown


@pytest.mark.skipif(not AS_ROOT, reason="only root gives files away")
def test_server_started_by_root_can_read_a_new_file(make_server):
    server = make_server()
    server.users.unlink()
    assert passwd(server.users, "ann", password="secret").returncode == 0
    server.maildir("ann")
    auth = server.users.stat().st_gid
    assert auth != 0
    server.auth_uid = auth
    server.start()
    server.login().close()


@pytest.mark.skipif(not AS_ROOT, reason="other users cannot be asked for")
def test_unreadable_user_file_is_refused_at_the_start_with_what_to_do(make_server):
    server = make_server()
    server.users.chmod(0o600)
    os.chown(server.users, 0, 0)
    server.port = free_port()
    server.write_config()
    done = subprocess.run(
        [BUILD / "restanted", "-c", server.config, "--check"],
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 78
    assert f"cannot read the user file '{server.users}'" in done.stderr
    assert f"chgrp {server.auth_uid} '{server.users}'" in done.stderr
