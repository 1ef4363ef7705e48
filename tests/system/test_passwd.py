"""restante passwd: users of the server's file, added and changed without touching the others."""

import base64
import hashlib
import hmac
import os
import pty
import re
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


# Application passwords

LINES = (
    "ann:{PLAIN}1::::::label=tablet\n# between\nann:{PLAIN}2:1:2:Ann:/home/ann:/bin/sh:pop=no x=y\n"
    "bob:{PLAIN}3::::::label=phone\nann:{PLAIN}4::::::a=b label=laptop c=d\ncat:*"
)


def lines_of(path):
    return path.read_text().splitlines()


def test_label_adds_a_line_behind_the_users_last_one(tmp_path):
    users = tmp_path / "users"
    users.write_text(LINES)
    done = passwd("--label", "phone", users, "ann")
    assert done.stdout == f"{users}: added the application password phone of ann\n"
    lines = lines_of(users)
    assert re.fullmatch(r"ann:\$y\$[^:]+::::::label=phone", lines.pop(5))
    assert "\n".join(lines) == LINES


def test_label_changes_its_line_and_no_other(tmp_path):
    users = tmp_path / "users"
    users.write_text(LINES)
    done = passwd("--label", "laptop", users, "ann")
    assert done.stdout == f"{users}: changed the application password laptop of ann\n"
    changed = lines_of(users)[4]
    assert re.fullmatch(r"ann:\$y\$[^:]+::::::a=b label=laptop c=d", changed)
    assert users.read_text() == LINES.replace("ann:{PLAIN}4::::::a=b label=laptop c=d", changed)


def test_own_password_is_the_line_without_label(tmp_path):
    users = tmp_path / "users"
    users.write_text(LINES)
    assert passwd(users, "ann").stdout == f"{users}: changed the password of ann\n"
    changed = lines_of(users)[2]
    assert re.fullmatch(r"ann:\$y\$[^:]+:1:2:Ann:/home/ann:/bin/sh:pop=no x=y", changed)
    assert users.read_text() == LINES.replace("ann:{PLAIN}2:1:2:Ann:/home/ann:/bin/sh:pop=no x=y", changed)
    assert passwd(users, "bob").stdout == f"{users}: added bob\n"
    assert lines_of(users)[4].startswith("bob:$y$")


def test_label_needs_no_own_line(tmp_path):
    users = tmp_path / "users"
    done = passwd("--label", "phone", users, "ann")
    assert done.stdout == f"{users}: added the application password phone of ann, who has no own password\n"
    assert re.fullmatch(r"ann:\$y\$[^:]+::::::label=phone\n", users.read_text())


def test_line_ends_stay_as_they_are(tmp_path):
    users = tmp_path / "users"
    users.write_bytes(b"ann\r\nann:{PLAIN}1::::::label=a\r\nbob:*")
    assert passwd(users, "ann").returncode == 0
    assert passwd("--label", "b", users, "ann").returncode == 0
    assert passwd("--label", "a", users, "ann").returncode == 0
    assert re.fullmatch(
        rb"ann:\$y\$[^:\r]+\r\nann:\$y\$[^:]+::::::label=a\r\nann:\$y\$[^:]+::::::label=b\r\nbob:\*",
        users.read_bytes(),
    )
    assert passwd("--label", "a", users, "bob").returncode == 0
    assert re.search(rb"\nbob:\*\nbob:\$y\$[^:]+::::::label=a\n$", users.read_bytes())


@pytest.mark.parametrize("label", ["", "two words", "a:b", 'a"b', "tab\t", "\xe4", "x" * 64], ids=ascii)
def test_label_that_the_file_could_not_have_is_refused(tmp_path, label):
    done = passwd("--label", label, tmp_path / "users", "ann")
    assert done.returncode == 64
    assert "a label has 1 to 63" in done.stderr
    assert not (tmp_path / "users").exists()


def test_ninth_application_password_is_refused(tmp_path):
    users = tmp_path / "users"
    text = "ann:*\n" + "".join(f"ann:*::::::label={i}\n" for i in range(8))
    users.write_text(text)
    done = passwd("--label", "8", users, "ann")
    assert done.returncode == 65
    assert "user 'ann' has 8 application passwords already" in done.stderr
    assert users.read_text() == text
    assert passwd("--label", "7", users, "ann").returncode == 0


# Removal


def remove(*arguments):
    return subprocess.run(
        [RESTANTE, "passwd", "--delete", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )


def test_delete_removes_all_lines_of_the_user(tmp_path):
    users = tmp_path / "users"
    users.write_text(LINES)
    users.chmod(0o604)
    done = remove(users, "ann")
    assert (done.returncode, done.stdout) == (0, f"{users}: removed ann (3 lines)\n")
    assert users.read_text() == "# between\nbob:{PLAIN}3::::::label=phone\ncat:*"
    assert users.stat().st_mode & 0o777 == 0o604
    assert remove(users, "cat").stdout == f"{users}: removed cat\n"
    assert users.read_text() == "# between\nbob:{PLAIN}3::::::label=phone\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["users"]


def test_delete_of_a_label_removes_every_line_with_it(tmp_path):
    # Else the second one would come into force.
    users = tmp_path / "users"
    users.write_text(LINES + "\nann:{PLAIN}5::::::label=tablet\n")
    done = remove("--label", "tablet", users, "ann")
    assert (done.returncode, done.stdout) == (0, f"{users}: removed the application password tablet of ann\n")
    assert users.read_text() == LINES.removeprefix("ann:{PLAIN}1::::::label=tablet\n") + "\n"


@pytest.mark.parametrize(
    "arguments, said",
    [(["an"], "no user 'an'"), (["dan"], "no user 'dan'"),
     (["--label", "phone", "ann"], "no application password 'phone' of user 'ann'"),
     (["--label", "tablet", "bob"], "no application password 'tablet' of user 'bob'")],
)
def test_delete_of_what_is_not_there_is_67_and_changes_nothing(tmp_path, arguments, said):
    users = tmp_path / "users"
    users.write_text(LINES)
    before = users.stat()
    done = remove(*arguments[:-1], users, arguments[-1])
    assert (done.returncode, done.stdout) == (67, "")
    assert f"{users}: {said}" in done.stderr
    assert users.read_text() == LINES
    assert users.stat().st_ino == before.st_ino


def test_delete_makes_no_file(tmp_path):
    done = remove(tmp_path / "users", "ann")
    assert done.returncode == 73
    assert f"cannot read '{tmp_path}/users'" in done.stderr
    assert list(tmp_path.iterdir()) == []


# Passwords that are made


def generate(*arguments):
    return subprocess.run(
        [RESTANTE, "passwd", "--generate", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )


def test_generated_password_is_printed_alone_and_is_the_stored_one(tmp_path):
    users = tmp_path / "users"
    seen = set()
    for label in "abcdefgh":
        done = generate("--label", label, users, "ann")
        assert done.returncode == 0
        assert re.fullmatch(r"([a-hjkmnp-z]{4}-){3}[a-hjkmnp-z]{4}\n", done.stdout)
        assert done.stderr.startswith(f"{users}: added the application password {label} of ann")
        assert done.stdout.strip() not in users.read_text() + done.stderr
        seen.add(done.stdout)
    assert len(seen) == 8
    # 128 letters of 23: that half of the alphabet is missing does not happen
    assert len(set("".join(seen))) > 14


def test_generated_password_fits_what_is_stored(tmp_path):
    users = tmp_path / "users"
    done = generate("--scram", users, "ann")
    check_scram(users.read_text(), done.stdout.strip().encode())


def test_password_that_cannot_be_printed_is_an_error(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [RESTANTE, "passwd", "--generate", tmp_path / "users", "ann"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
        )
    assert done.returncode == 74
    assert "could not be printed" in done.stderr


# For SCRAM


def check_scram(line, password):
    stored = re.fullmatch(r"ann:\{SCRAM-SHA-256\}(\d+),([^,]+),([^,]+),([^,]+)::::::\n", line)
    salt, stored_key, server_key = (base64.b64decode(stored[i], validate=True) for i in (2, 3, 4))
    assert int(stored[1]) >= 4096  # R7677-1
    assert len(salt) == 16
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, int(stored[1]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    assert stored_key == hashlib.sha256(client_key).digest()
    assert server_key == hmac.digest(salted, b"Server Key", "sha256")


def test_scram_stores_the_keys_of_rfc_5802(tmp_path):
    users = tmp_path / "users"
    assert passwd("--scram", users, "ann").stdout == f"{users}: added ann\n"
    first = users.read_text()
    check_scram(first, b"wombat")
    assert passwd("--scram", users, "ann").returncode == 0
    assert users.read_text() != first  # the salt


def test_scram_password_is_prepared_as_clients_do(tmp_path):
    # RFC 4013: a blank that does not break is a blank, a soft hyphen nothing
    users = tmp_path / "users"
    assert passwd("--scram", users, "ann", password="wom\xadbat\xa0\u2168").returncode == 0
    check_scram(users.read_text(), b"wombat IX")


@pytest.mark.parametrize("password", ["a\x01", "\u0627\x31", "\U0001f600", "\xad"], ids=ascii)
def test_password_that_saslprep_refuses_is_refused(tmp_path, password):
    done = passwd("--scram", tmp_path / "users", "ann", password=password)
    assert done.returncode == 65
    assert "SASLprep (RFC 4013) refuses" in done.stderr
    assert not (tmp_path / "users").exists()
    assert passwd(tmp_path / "users", "ann", password=password).returncode == 0


# Mistakes


@pytest.mark.parametrize(
    "options",
    [["--stdin", "--generate"], ["--delete", "--stdin"], ["--delete", "--generate"],
     ["--delete", "--scram"], ["--label", "phone", "--scram"]],
    ids=" ".join,
)
def test_options_that_do_not_go_together_are_refused(tmp_path, options):
    users = tmp_path / "users"
    users.write_text(LINES)
    done = subprocess.run(
        [RESTANTE, "passwd", *options, users, "ann"],
        input="wombat\n", capture_output=True, text=True, timeout=60,
    )
    assert (done.returncode, done.stdout) == (64, "")
    assert "do not go together" in done.stderr
    assert users.read_text() == LINES


@pytest.mark.parametrize(
    "arguments", [[], ["users"], ["users", "ann", "more"], ["--label"], ["--delet", "users", "x", "y"]],
    ids=" ".join,
)
def test_arguments_too_few_or_too_many_are_refused(tmp_path, arguments):
    done = subprocess.run(
        [RESTANTE, "passwd", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (64, "")
    assert "usage: restante passwd" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_option():
    done = subprocess.run([RESTANTE, "passwd", "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    for option in ("--stdin", "--generate", "--label NAME", "--scram", "--delete"):
        assert f"  {option} " in done.stdout


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
