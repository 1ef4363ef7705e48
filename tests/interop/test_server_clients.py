"""Clients that others wrote fetch the corpus from restanted, byte for byte.

Where a client itself cannot carry an odd message, the reason stands beside the choice.
"""

import os
import poplib
import re
import shutil
import subprocess

import corpus
import pytest

MESSAGES = corpus.messages()
SECONDS = 60

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def shared(make_shared_server):
    server = make_shared_server()
    server.deliver_all(MESSAGES, "ann")
    return server.start()


def program(name):
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


# Python's poplib


@pytest.fixture
def poplib_client(shared, monkeypatch):
    # It refuses lines beyond 2048 octets, which mail has all the same.
    monkeypatch.setattr(poplib, "_MAXLINE", 1 << 24)
    client = poplib.POP3("127.0.0.1", shared.port, timeout=10)
    client.user("ann")
    client.pass_("secret")
    yield client
    client.quit()


def test_poplib_fetches_the_corpus(poplib_client):
    _, listing, _ = poplib_client.list()
    sizes = [int(line.split()[1]) for line in listing]
    assert poplib_client.stat() == (len(MESSAGES), sum(sizes))
    for number, message in enumerate(MESSAGES, 1):
        _, lines, octets = poplib_client.retr(number)
        got = b"".join(line + b"\r\n" for line in lines)
        assert got == message.wire, message.label
        assert len(got) == sizes[number - 1], message.label


def test_poplib_top_uidl_capa(poplib_client):
    _, lines, _ = poplib_client.top(20, 1)
    assert b"".join(line + b"\r\n" for line in lines) == corpus.top_form(MESSAGES[19].wire, 1)
    _, listing, _ = poplib_client.uidl()
    assert [line.split()[1] for line in listing] == [message.name for message in MESSAGES]
    assert {"TOP", "UIDL", "PIPELINING"} <= set(poplib_client.capa())


# curl


def curl(server, path, *options):
    done = subprocess.run(
        [program("curl"), "-sS", "--max-time", str(SECONDS), "--user", "ann:secret", *options]
        + [f"pop3://127.0.0.1:{server.port}/{path}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=2 * SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl_lists(shared):
    lines = curl(shared, "").splitlines()
    assert [int(line.split()[1]) for line in lines] == [len(m.wire) for m in MESSAGES]


def test_curl_fetches_the_corpus(shared, tmp_path):
    # All in one run and one session: curl keeps the connection.
    configuration = "".join(
        f'url = "pop3://127.0.0.1:{shared.port}/{number}"\noutput = "{tmp_path}/{number}"\n'
        for number in range(1, len(MESSAGES) + 1)
    )
    done = subprocess.run(
        [program("curl"), "-sS", "--user", "ann:secret", "--max-time", str(SECONDS), "-K", "-"],
        input=configuration.encode(),
        capture_output=True,
        timeout=2 * SECONDS,
    )
    assert done.returncode == 0, done.stderr
    for number, message in enumerate(MESSAGES, 1):
        path = tmp_path / str(number)
        # curl gives an empty message a line end of its own.
        assert path.read_bytes() == (message.wire or b"\r\n"), message.label


def test_curl_is_told_of_a_wrong_password(shared):
    done = subprocess.run(
        [program("curl"), "-sS", "--user", "ann:wrong", f"pop3://127.0.0.1:{shared.port}/"],
        capture_output=True,
        timeout=SECONDS,
    )
    assert done.returncode == 67  # login denied


# mpop


def run_mpop(server, folder, *options):
    for name in ("tmp", "new", "cur"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [program("mpop"), "--file=", "--host=127.0.0.1", f"--port={server.port}"]
        + ["--user=ann", "--passwordeval=printf secret", "--auth=user", "--tls=off"]
        + [f"--delivery=maildir,{folder}", "--received-header=off", "--timeout=30"]
        + [f"--uidls-file={folder.parent}/uidls", *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=2 * SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(path.read_bytes() for path in (folder / "new").iterdir())


def stored_form(wire):
    return wire.replace(b"\r\n", b"\n")


def test_mpop_fetches_the_corpus_once(shared, tmp_path):
    got = run_mpop(shared, tmp_path / "mail", "--keep=on")
    # mpop drops one CR of a line of 5000 CRs, at the edge of its buffer.
    lossy = {"only CRs": b"\r" * 4999 + b"\n"}
    expected = [lossy.get(message.label, stored_form(message.wire)) for message in MESSAGES]
    assert got == sorted(expected)
    assert run_mpop(shared, tmp_path / "mail", "--keep=on") == got


def test_mpop_deletes_what_it_has(make_server, tmp_path):
    server = make_server()
    messages = [m for m in corpus.small_messages() if m.label != "only CRs"]
    server.deliver_all(messages)
    server.start()
    got = run_mpop(server, tmp_path / "mail", "--keep=off")
    assert got == sorted(stored_form(message.wire) for message in messages)
    assert not os.listdir(server.maildir() / "new")


# fetchmail


def ordinary(message):
    """fetchmail takes messages apart and puts them together anew: it adds a blank line to a
    lone header, drops NUL and CR, and folds lines of some thousand octets."""
    header, blank, _ = message.wire.partition(b"\r\n\r\n")
    lines = message.wire.split(b"\r\n")
    return (
        blank
        and all(re.match(rb"[A-Z][\w-]*: ", line) for line in header.split(b"\r\n"))
        and not re.search(rb"\0|\r(?!\n)", message.wire)
        and max(map(len, lines)) < 2000
    )


def run_fetchmail(server, folder, *options):
    """Delivers through a command that appends nothing and rewrites nothing."""
    (folder / "got").mkdir(parents=True)
    configuration = folder / "fetchmailrc"
    configuration.write_text(
        f"poll 127.0.0.1 protocol pop3 port {server.port} uidl no dns\n"
        'user "ann" password "secret" sslproto "" no rewrite no mimedecode stripcr\n'
        f'mda "/bin/sh -c \'cat >$(mktemp {folder}/got/XXXXXXXX)\'"\n'
    )
    configuration.chmod(0o600)
    home = {**os.environ, "HOME": str(folder), "FETCHMAILHOME": str(folder)}
    done = subprocess.run(
        [program("fetchmail"), "-f", configuration, "--invisible", "--nosyslog", "--nodetach"]
        + ["--idfile", folder / "ids", "--pidfile", folder / "pid", "--timeout", "30", *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=2 * SECONDS,
        env=home,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr  # 1: there was no mail
    return sorted(path.read_bytes() for path in (folder / "got").iterdir())


@pytest.fixture(scope="module")
def for_fetchmail(make_shared_server):
    server = make_shared_server()
    server.messages = [message for message in MESSAGES if ordinary(message)]
    assert len(server.messages) >= 40
    server.deliver_all(server.messages)
    return server.start()


def test_fetchmail_fetches_ordinary_mail(for_fetchmail, tmp_path):
    got = run_fetchmail(for_fetchmail, tmp_path, "--keep", "--all")
    assert got == sorted(stored_form(message.wire) for message in for_fetchmail.messages)


def test_fetchmail_deletes_what_it_has(make_server, tmp_path):
    server = make_server()
    for number in range(1, 6):
        server.deliver(b"From: a@b\nSubject: %d\n\n.text\n" % number, number=number)
    server.start()
    got = run_fetchmail(server, tmp_path, "--nokeep", "--all")
    assert len(got) == 5
    assert not os.listdir(server.maildir() / "new")
