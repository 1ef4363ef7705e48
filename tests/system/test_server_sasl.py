"""SASL towards clients: each mechanism, and how refusals look."""

import base64
import hmac
import os
import re
import ssl
import subprocess

import pytest
from certificates import Authority
from restanted import HASHES
from sasl import Scram, encode, offered

SCRAM_PENCIL = (
    "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates")).issue("pop.example.org")


def users(server, lines):
    """A user file of other lines than the fixture's."""
    ids = server.users.stat()
    server.users.write_text("".join(f"{line}\n" for line in lines))
    os.chown(server.users, ids.st_uid, ids.st_gid)


@pytest.fixture
def readable(make_server, certificate):
    """Every mechanism can be used with passwords that are stored readable."""
    server = make_server(certificates=[certificate])
    users(server, ["ann:{PLAIN}pencil", "bob:{PLAIN}two words"])
    server.deliver(b"Subject: a\n\n")
    return server.start()


# Who is offered what


def test_mechanisms_follow_how_passwords_are_stored(make_server, certificate):
    server = make_server(certificates=[certificate])
    server.maildir("ann")
    users(server, ["ann:" + HASHES["secret"], "bob:{PLAIN}x"])
    server.start()
    assert offered(server.connect()) == {"PLAIN", "LOGIN"}
    users(server, ["ann:" + SCRAM_PENCIL, "bob:{PLAIN}x", "eve:*"])
    server.connect().err(b"AUTH PLAIN " + encode(b"\0ann\0wrong"))  # has the file read anew
    assert offered(server.connect()) == {"PLAIN", "LOGIN", "SCRAM-SHA-256"}
    tls = server.connect_tls(certificate.client())
    assert offered(tls) == {"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}


def test_plaintext_mechanisms_need_tls_where_passwords_do(make_server, certificate):
    # R5034-14, R5802-9
    server = make_server(certificates=[certificate], plaintext_login="never")
    users(server, ["ann:{PLAIN}pencil"])
    server.maildir("ann")
    server.start()
    client = server.connect()
    assert offered(client) == {"SCRAM-SHA-256", "SCRAM-SHA-1"}
    assert b"STLS may help" in client.err(b"AUTH PLAIN " + encode(b"\0ann\0pencil"))
    assert Scram(client, b"ann", b"pencil").login().startswith(b"+OK")
    two = server.connect_tls(certificate.client(maximum_version=ssl.TLSVersion.TLSv1_2))
    assert not any("PLUS" in name for name in offered(two))


def test_configured_mechanisms_are_offered_and_no_others(make_server):
    server = make_server(mechanisms="CRAM-MD5 LOGIN")
    users(server, ["ann:{PLAIN}pencil"])
    server.maildir("ann")
    server.start()
    client = server.connect()
    assert offered(client) == {"CRAM-MD5", "LOGIN"}
    client.err(b"AUTH PLAIN " + encode(b"\0ann\0pencil"))
    client.err(b"AUTH CRAM-MD5 " + encode(b"x"))  # R2195-2
    challenge = base64.b64decode(client.command(b"AUTH CRAM-MD5").removeprefix(b"+ "))
    digest = hmac.new(b"pencil", challenge, "md5").hexdigest().encode()
    client.ok(encode(b"ann " + digest))


# Each mechanism


def test_plain(readable):
    client = readable.connect()
    client.ok(b"AUTH PLAIN " + encode(b"\0ann\0pencil"))
    assert len(client.sizes()) == 1
    client.quit()
    client = readable.connect()
    assert client.command(b"AUTH PLAIN") == b"+ "
    client.ok(encode(b"ann\0ann\0pencil"))  # for oneself (R4616-3)
    client.quit()
    assert readable.log.wait("user ann from")


def test_login(readable):
    client = readable.connect()
    client.err(b"AUTH LOGIN " + encode(b"ann"))  # R5034-8
    assert client.command(b"AUTH LOGIN").startswith(b"+ ")
    assert client.command(encode(b"ann")).startswith(b"+ ")
    client.ok(encode(b"pencil"))


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-1"])
def test_scram(readable, mechanism):
    client = readable.connect()
    assert Scram(client, b"ann", b"pencil", mechanism).login().startswith(b"+OK")
    assert len(client.sizes()) == 1
    client.quit()


def test_scram_of_what_is_stored_for_it(make_server):
    server = make_server()
    users(server, ["ann:" + SCRAM_PENCIL])
    server.maildir("ann")
    server.start()
    assert Scram(server.connect(), b"ann", b"pencil").login().startswith(b"+OK")
    client = server.connect()  # and a password goes, too
    client.ok(b"USER ann")
    client.ok(b"PASS pencil")


def test_response_that_follows_in_the_same_batch(readable):
    # R2449-17: what is behind the login is not lost
    client = readable.connect()
    client.send(b"AUTH PLAIN\r\n" + encode(b"\0ann\0pencil") + b"\r\nSTAT\r\nQUIT\r\n")
    assert client.line() == b"+ "
    assert client.line().startswith(b"+OK logged in")
    assert client.line() == b"+OK 1 14"
    assert client.line().startswith(b"+OK")


@pytest.mark.parametrize(
    "wrong",
    [{"header": b"y,,"}, {"header": b"n,a=ann,"}, {"header": b""}, {"nonce": lambda r: r[:-1]},
     {"nonce": lambda r: r + b"x"}, {"nonce": lambda r: r.swapcase()}],
    ids=["header", "identity", "no header", "shorter", "longer", "other"],
)
def test_scram_client_must_repeat_what_was_said(readable, wrong):
    # R5802-2, R5802-3: the proof is right, for what it says
    client = readable.connect()
    scram = Scram(client, b"ann", b"pencil")
    assert scram.finish(scram.begin(), **wrong).startswith(b"-ERR")
    assert Scram(client, b"ann", b"pencil").login().startswith(b"+OK")


def test_scram_nonce_is_fresh(readable):
    # R5802-2
    seen = set()
    for _ in range(20):
        scram = Scram(readable.connect(), b"ann", b"x")
        scram.finish(scram.begin())
        assert len(base64.b64decode(scram.server_nonce, validate=True)) >= 18
        seen.add(scram.server_nonce)
    assert len(seen) == 20


def test_cram_md5_challenge_is_a_fresh_message_id(make_server):
    # R2195-1
    server = make_server(mechanisms="CRAM-MD5")
    users(server, ["ann:{PLAIN}pencil"])
    server.maildir("ann")
    server.start()
    client = server.connect()
    seen = set()
    for _ in range(20):
        challenge = base64.b64decode(client.command(b"AUTH CRAM-MD5").removeprefix(b"+ "))
        assert re.fullmatch(rb"<[!-;=?~A-~]+@[!-;=?~A-~]+>", challenge), challenge
        seen.add(challenge)
        client.err(encode(b"ann " + hmac.new(b"wrong", challenge, "md5").hexdigest().encode()))
    assert len(seen) == 20


def test_longest_fields(make_server):
    # R4616-2
    name, password = b"n" * 255, b"p" * 255
    server = make_server()
    users(server, [f"{name.decode()}:{{PLAIN}}{password.decode()}"])
    server.maildir(name.decode())
    server.start()
    for message in (b"\0" + name + b"\0" + password, name + b"\0" + name + b"\0" + password):
        client = server.connect()
        assert client.command(b"AUTH PLAIN") == b"+ "
        client.ok(encode(message))
        client.quit()
    client = server.connect()
    assert client.command(b"AUTH PLAIN") == b"+ "
    client.err(encode(b"\0" + name + b"n\0" + password))


@pytest.mark.parametrize(
    ("name", "password", "right"),
    [
        ("ann", "pen\u00adcil", True),  # a soft hyphen is mapped to nothing
        ("ann", "\uff50encil", True),  # wide letters are letters
        ("ann", "pen\u0007cil", False),
        ("ann", "\u00ad", False),  # nothing is left of it
        ("bj\u00f6rn", "pencil", True),
        ("bjo\u0308rn", "pencil", True),  # the same, in two characters
        ("a\u00adnn", "pencil", True),
        ("\u00ad", "pencil", False),
        ("ann\u2028", "pencil", False),
    ],
    ids=ascii,
)
def test_name_and_password_are_prepared(prepared, name, password, right):
    # R4616-4, R5034-17
    message = f"\0{name}\0{password}".encode()
    answer = prepared.connect().command(b"AUTH PLAIN " + encode(message))
    assert answer.startswith(b"+OK" if right else b"-ERR"), answer


@pytest.fixture(scope="module")
def prepared(make_shared_server):
    server = make_shared_server()
    users(server, ["ann:{PLAIN}pencil", "bj\u00f6rn:{PLAIN}pencil"])
    for name in ("ann", "bj\u00f6rn"):
        server.maildir(name)
    return server.start()


# Channel binding


class Exporting:
    """A client over TLS 1.3 by the openssl command, which tells what the connection exports."""

    def __init__(self, server):
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", "-tls1_3", "-ign_eof",
             "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        told = self.wait(b"    Keying material: ")
        self.binding = bytes.fromhex(told.split(b": ")[1].decode())
        self.wait(b"+OK")

    def wait(self, *starts):
        for line in self.process.stdout:
            if line.startswith(starts):
                return line.rstrip(b"\r\n")
        raise AssertionError("the connection ended")

    def command(self, line):
        self.process.stdin.write(line + b"\r\n")
        self.process.stdin.flush()
        return self.wait(b"+", b"-ERR")

    def quit(self):
        assert self.command(b"QUIT").startswith(b"+OK")
        self.process.communicate(timeout=10)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"])
def test_binding_of_this_connection_is_taken(readable, mechanism):
    # R5802-3, R5802-8
    client = Exporting(readable)
    wrong = client.binding[:-1] + bytes([client.binding[-1] ^ 1])
    for binding, answer in ((wrong, b"-ERR"), (client.binding, b"+OK")):
        scram = Scram(client, b"ann", b"pencil", mechanism, b"p=tls-exporter,,", binding)
        assert scram.login().startswith(answer)
    client.quit()


def test_binding_of_another_connection_is_refused(readable, certificate):
    client = readable.connect_tls(certificate.client())
    scram = Scram(
        client, b"ann", b"pencil", "SCRAM-SHA-256-PLUS", b"p=tls-exporter,,", b"x" * 32
    )
    assert scram.login().startswith(b"-ERR [AUTH]")


def test_downgrade_is_seen(readable, certificate):
    # R5802-6: the client could bind and was kept from seeing that the server can
    client = readable.connect_tls(certificate.client())
    assert Scram(client, b"ann", b"pencil", header=b"y,,").begin().startswith(b"-ERR")
    two = readable.connect_tls(certificate.client(maximum_version=ssl.TLSVersion.TLSv1_2))
    assert Scram(two, b"ann", b"pencil", header=b"y,,").login().startswith(b"+OK")


# Refusals


def test_refusals_look_alike(readable):
    # R1939-31, R5802-11
    answers = set()
    for name, password in [(b"ann", b"wrong"), (b"nobody", b"pencil"), (b"nobody", b"")]:
        answers.add(readable.connect().command(b"AUTH PLAIN " + encode(b"\0" + name + b"\0x" + password)))
        answers.add(Scram(readable.connect(), name, b"x" + password).login())
        client = readable.connect()
        client.command(b"AUTH LOGIN")
        client.command(encode(name))
        answers.add(client.command(encode(b"x" + password)))
        client = readable.connect()
        client.command(b"USER " + name)
        answers.add(client.command(b"PASS x" + password))
    assert answers == {b"-ERR [AUTH] user name or password is wrong"}


def test_unknown_user_has_a_salt_that_survives_a_restart(readable):
    def salt(name):
        scram = Scram(readable.connect(), name, b"x")
        scram.finish(scram.begin())
        return scram.salt, scram.rounds

    before = salt(b"nobody"), salt(b"ann")
    assert before[0][1] == before[1][1]
    readable.restart()
    assert (salt(b"nobody"), salt(b"ann")) == before


@pytest.mark.parametrize(
    "message",
    [b"", b"ann", b"\0ann", b"\0\0x", b"\0ann\0", b"\0ann\0a\0b", b"bob\0ann\0pencil", b"\0ann\0\xff\xfe",
     b"\0" + b"n" * 300 + b"\0pencil", b"\0ann\0" + b"p" * 8000, b"\0ann\r\n\0pencil", b"\0an\x01n\0pencil"],
    ids=ascii,
)
def test_bad_plain_messages_are_refused_and_the_session_goes_on(readable, message):
    # R4616-1, R4616-3
    client = readable.connect()
    assert client.command(b"AUTH PLAIN") == b"+ "
    client.err(encode(message))
    client.ok(b"AUTH PLAIN " + encode(b"\0ann\0pencil"))


def test_response_beyond_the_bound_is_refused(readable):
    # R5034-10
    client = readable.connect()
    assert client.command(b"AUTH PLAIN") == b"+ "
    client.err(b"A" * 200_000)
    client.ok(b"AUTH PLAIN " + encode(b"\0ann\0pencil"))


def test_exchange_given_up_is_forgotten(readable):
    for _ in range(300):
        client = readable.connect()
        Scram(client, b"ann", b"pencil").begin()
        client.close()
    client = readable.connect()
    Scram(client, b"ann", b"pencil").begin()
    assert client.err(b"*") == b"-ERR cancelled"
    assert Scram(client, b"ann", b"pencil").login().startswith(b"+OK")


def test_auth_that_dies_in_an_exchange(readable):
    client = readable.connect()
    challenge = Scram(client, b"ann", b"pencil")
    line = challenge.begin()
    (pid,) = readable.roles()["auth"]
    seen = len(readable.log.lines)
    os.kill(pid, 9)
    assert readable.log.wait("restanted-auth.*was ended", start=seen)
    try:
        assert challenge.finish(line).startswith(b"-ERR")
    except Exception:  # noqa: BLE001 - the connection ended with the exchange
        pass
    assert readable.login_soon(b"ann", b"pencil")
    assert not any("it must not" in line for line in readable.log.lines)


# Clients that others wrote


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_curl(readable, mechanism, certificate):
    done = subprocess.run(
        ["curl", "-sS", "--user", "ann:pencil", "--login-options", f"AUTH={mechanism}",
         "--cacert", certificate.root, "--ssl-reqd", "--connect-to", f"::127.0.0.1:{readable.port}",
         f"pop3://pop.example.org:{readable.port}/1"],
        capture_output=True, timeout=60,
    )
    assert done.stdout == b"Subject: a\r\n\r\n", done.stderr


@pytest.mark.parametrize(
    "mechanism", ["plain", "login", "scram-sha-1", "scram-sha-256", "scram-sha-256-plus"]
)
def test_mpop(readable, tmp_path, mechanism, certificate):
    folder = tmp_path / "mail"
    for name in ("tmp", "new", "cur"):
        (folder / name).mkdir(parents=True)
    done = subprocess.run(
        ["mpop", "--file=", "--host=127.0.0.1", f"--port={readable.tls_port}", "--user=ann",
         "--passwordeval=printf pencil", f"--auth={mechanism}", "--tls=on", "--tls-starttls=off",
         "--tls-certcheck=off", f"--delivery=maildir,{folder}", "--received-header=off",
         f"--uidls-file={tmp_path}/uidls", "--keep=on"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
    )
    output = done.stdout + done.stderr
    if b"not supported" in output or b"unknown" in output or b"invalid" in output:
        pytest.skip(f"this mpop has no {mechanism}")
    assert done.returncode == 0, output
    assert [path.read_bytes() for path in (folder / "new").iterdir()] == [b"Subject: a\n\n"]
