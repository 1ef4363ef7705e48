"""The configuration: every mistake is refused with file, line and what would be right."""

import os
import re
import subprocess

import pytest
from restanted import AS_ROOT, BUILD


def check(server, text=None):
    """restanted --check on a configuration; returns status and standard error."""
    server.port = 1
    server.write_config()
    if text is not None:
        # What the mistake stands for goes first: a second one would be a mistake of its own.
        key = re.split(r"[={]", text)[0].strip()
        key = "store" if key.startswith("store") else key
        lines = server.config.read_text().splitlines(keepends=True)
        kept = [line for line in lines if key == "limits" or not line.startswith(key)]
        server.config.write_text("".join(kept) + text)
    done = subprocess.run(
        [BUILD / "restanted", "-c", server.config, "--check"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )
    return done.returncode, done.stderr


def test_check_of_a_good_configuration_is_quiet_about_errors(make_server):
    status, said = check(make_server())
    assert status == 0, said


@pytest.mark.parametrize(
    "mistake, word",
    [
        ("hostnam = \"x\"", "hostname"),
        ("plaintext-logn = \"always\"", "plaintext-login"),
        ("limits { idle-second = 700 }", "idle-seconds"),
        ("listen \"pop\" { adress = \"127.0.0.1:1\" }", "address"),
        ("plaintext-login = \"sometimes\"", "loopback"),
        ("unknown-user = \"never\"", "after-password"),
        ("fronts = -1", "fronts"),
        ("fronts = \"many\"", "fronts"),
        ("limits { connections = -5 }", "connections"),
        ("listen \"x\" { address = \"127.0.0.1\" }", "address"),
        ("listen \"x\" { address = \"127.0.0.1:99999\" }", "address"),
        ("listen \"x\" { address = \"nonsense:110\" }", "address"),
        ("store \"nothing\" { path = \"mail/%u\" }", "maildir"),
        ("auth \"nothing\" { file = \"users\" }", "passwd-file"),
        ("store \"maildir\" { path = \"mail/%q\" }", "%q"),
        ("hostname = \"a\\nb\"", "backslash"),
        ("hostname = \"x\"\n}", ""),
        ("limits {", ""),
    ],
)
def test_mistake_is_refused_with_file_and_line(make_server, mistake, word):
    server = make_server()
    server.port = 1
    server.write_config()
    status, said = check(server, mistake + "\n")
    line = len(server.config.read_text().splitlines()) - mistake.count("\n")
    assert status == 78, said
    found = re.search(r"restanted\.conf:(\d+)", said)
    assert found, said
    # libconfuse tells a section's mistake at its end, and an open section at the file's.
    assert line <= int(found[1]) <= line + 1, said
    assert word in said


def test_server_with_a_mistake_does_not_start(make_server):
    server = make_server(extra="hostnam = \"x\"")
    with pytest.raises(AssertionError, match=r"restanted\.conf:\d+"):
        server.start()
    assert server.process.wait(10.0) == 78
    server.process = None


def test_missing_configuration_is_named(tmp_path):
    done = subprocess.run(
        [BUILD / "restanted", "-c", tmp_path / "missing.conf"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 78
    assert "missing.conf" in done.stderr


@pytest.mark.skipif(AS_ROOT, reason="root can read everything")
def test_unreadable_configuration_is_named(make_server):
    server = make_server()
    server.port = 1
    server.write_config()
    server.config.chmod(0)
    done = subprocess.run(
        [BUILD / "restanted", "-c", server.config, "--check"],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 78 and "restanted.conf" in done.stderr


def test_missing_users_file_is_refused_at_the_start(make_server):
    server = make_server()
    server.users.unlink()
    with pytest.raises(AssertionError, match=r"users"):
        server.start()
    assert server.process.wait(20.0) != 0
    server.process = None


@pytest.mark.parametrize("arguments", [["--nonsense"], ["-c"], ["surplus"]])
def test_wrong_usage_is_64(arguments):
    done = subprocess.run(
        [BUILD / "restanted", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 64 and done.stderr


def test_help_names_the_options():
    done = subprocess.run(
        [BUILD / "restanted", "--help"], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0
    assert "--check" in done.stdout and "-c" in done.stdout


def test_port_in_use_is_said_and_ends(make_server):
    first = make_server().start()
    second = make_server()
    second.port = first.port
    second.write_config()
    done = subprocess.run(
        [BUILD / "restanted", "-c", second.config],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode != 0
    assert str(first.port) in done.stderr


def test_starts_in_another_folder_with_relative_paths(make_server):
    # Relative paths are relative to the file, not to where the server was started.
    server = make_server(prefix=["/usr/bin/env", "-C", "/"])
    server.maildir("ann")
    server.start()
    server.login().quit()


def test_user_lines_of_dovecot_and_passwd_are_read(make_server):
    server = make_server()
    for user in ("ann", "bob", "eve"):
        server.maildir(user)
    server.users.write_text(
        "# a comment\n\n"
        "ann:{PLAIN}one:::::\n"
        "bob:{PLAIN}two\n"
        "eve:{SHA512-CRYPT}" + crypt_of_secret() + ":1000:1000:Eve,,,:/home/eve:/bin/sh:extra=1\n"
    )
    server.start()
    for user, password in ((b"ann", b"one"), (b"bob", b"two"), (b"eve", b"secret")):
        server.login(user, password).quit()


def crypt_of_secret():
    from restanted import HASHES

    return HASHES["secret"]


@pytest.mark.parametrize("line", ["ann:!", "ann:*", "ann:", "ann:!$6$x", "ann", "ann:{PLAIN}"])
def test_locked_or_empty_password_lets_nobody_in(make_server, line):
    server = make_server()
    server.maildir("ann")
    server.maildir("bob")
    server.users.write_text(f"{line}\nbob:{{PLAIN}}two words\n")
    os.chmod(server.users, 0o644)
    try:
        server.start()
    except AssertionError:
        assert re.search(r"users:1", server.log.text())  # refusing the file is as good
        server.process = None
        return
    for password in (b"", b"!", b"*", b"x"):
        with server.connect() as client:
            client.ok(b"USER ann")
            client.err(b"PASS " + password)
    server.login(b"bob").quit()


def test_file_that_is_no_user_file_does_not_fill_the_log(make_server):
    server = make_server()
    server.users.write_text("".join(f"{number}:{{NOPE}}x\n" for number in range(500)))
    server.start()
    lines = [line for line in server.log.text().splitlines() if "users" in line]
    assert len(lines) == 21
    assert "users: 480 more lines cannot be used" in lines[-1]
