"""TLS towards clients: before the greeting and by STLS."""

import os
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import corpus
import pop3
import pytest
from certificates import KINDS, Authority
from restanted import AS_ROOT, BUILD, KEYS_UID

STORED = b"Subject: a\n\n.text\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("pop.example.org")


@pytest.fixture
def server(make_server, certificate):
    made = make_server(certificates=[certificate])
    made.deliver(STORED)
    return made.start()


def capabilities(client):
    return client.listing(b"CAPA")


# Before the greeting


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_session_over_tls(make_server, authority, kind, version):
    # R8314-1, R8314-2
    certificate = authority.issue("pop.example.org", kind=kind)
    server = make_server(certificates=[certificate])
    server.deliver(STORED)
    server.start()
    fixed = ssl.TLSVersion[version]
    tls = certificate.client(minimum_version=fixed, maximum_version=fixed)
    client = server.connect_tls(tls)
    assert client.greeting.startswith(b"+OK")
    assert b"STLS" not in capabilities(client)
    assert b"USER" in capabilities(client)
    client.login()
    assert client.retrieve(1) == corpus.wire_form(STORED)
    client.ok(b"DELE 1")
    client.quit()
    assert server.log.wait(rf"user ann from .*{version.replace('_', '.')} .*1 deleted")  # R8314-5


def test_large_message_and_pipelined_batch_over_tls(make_server, certificate):
    server = make_server(certificates=[certificate])
    stored = b"A: b\n\n" + b".dots and text\n" * 400_000
    server.deliver(stored)
    for number in range(2, 60):
        server.deliver(b"Subject: %d\n\n" % number, number=number)
    server.start()
    client = server.connect_tls(certificate.client())
    client.login()
    client.send(b"".join(b"RETR %d\r\n" % number for number in range(1, 60)) + b"QUIT\r\n")
    for number in range(1, 60):
        assert client.line().startswith(b"+OK")
        content = pop3.unstuff(client.content())
        if number == 1:
            assert content == corpus.wire_form(stored)
    assert client.line().startswith(b"+OK")
    assert client.rest() == b""


def test_client_that_ends_its_side_gets_its_answers(server, certificate):
    # R1939-22, also without the closing alert
    client = server.connect_tls(certificate.client())
    client.send(b"CAPA\r\nNOOP\r\n")
    socket.socket.shutdown(client.socket, socket.SHUT_WR)
    assert client.line().startswith(b"+OK")
    client.content()
    assert client.line().startswith(b"-ERR log in first")


def test_connection_cut_inside_tls_deletes_nothing(server, certificate):
    client = server.connect_tls(certificate.client())
    client.login()
    client.ok(b"DELE 1")
    client.send(b"QUIT")  # R1939-17
    client.close()
    client = server.login_soon()
    assert len(client.sizes()) == 1


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_stream_ends_with_the_closing_alert(server, certificate, version):
    # R8314-4: a client can tell the end from a cut
    fixed = ssl.TLSVersion[version]
    tls = certificate.client(minimum_version=fixed, maximum_version=fixed)
    tls.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    client = server.connect()
    client.ok(b"STLS")
    client.socket = tls.wrap_socket(
        client.socket, server_hostname="pop.example.org", suppress_ragged_eofs=False
    )
    client.login()
    client.ok(b"QUIT")
    assert client.socket.recv(1) == b""  # without it: SSLEOFError


# STLS


def test_stls_then_login(server, certificate):
    # R2595-1, R2595-2, R2595-6
    client = server.connect()
    assert b"STLS" in capabilities(client)
    client.ok(b"USER bob")
    client.stls(certificate.client())
    assert client.err(b"PASS secret") == b"-ERR USER comes first"
    assert b"STLS" not in capabilities(client)
    client.err(b"STLS")
    client.login()
    assert b"STLS" not in capabilities(client)
    assert client.retrieve(1) == corpus.wire_form(STORED)
    client.quit()


def test_plain_passwords_wait_for_tls(make_server, certificate):
    # R2595-7, R2449-8, R5034-14
    server = make_server(certificates=[certificate], plaintext_login="never")
    server.maildir("ann")
    server.start()
    client = server.connect()
    assert b"USER" not in capabilities(client)
    assert b"STLS" in client.err(b"USER ann")
    client.stls(certificate.client())
    assert b"USER" in capabilities(client)
    client.login()
    client.quit()


@pytest.mark.parametrize("behind", [b"USER ann\r\n", b"\x16\x03\x01", b"x"])
def test_what_is_put_behind_stls_closes(server, behind):
    # R2595-4
    client = server.connect()
    client.send(b"STLS\r\n" + behind)
    assert client.rest() == b""


def test_command_in_the_place_of_the_handshake_is_not_run(server):
    client = server.connect()
    client.ok(b"STLS")
    client.send(b"USER ann\r\nPASS secret\r\nDELE 1\r\nQUIT\r\n")
    answer = client.rest()
    assert b"+OK" not in answer and b"-ERR" not in answer
    assert len(server.login().sizes()) == 1


def test_stls_is_refused_after_the_login(server):
    client = server.login()
    client.err(b"STLS")
    client.quit()


# Hostile or odd peers


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_not_spoken(server, version):
    # R8314-2, RFC 8996
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}",
         version, "-cipher", "ALL:@SECLEVEL=0"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
    )
    assert done.returncode != 0
    assert b"protocol version" in done.stderr or b"no protocols" in done.stderr, done.stderr


@pytest.mark.parametrize(
    "ciphers", ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES256-SHA", "NULL"]
)
def test_weak_suites_are_not_spoken(server, ciphers):
    # R8314-3
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", "-tls1_2",
         "-cipher", f"{ciphers}:@SECLEVEL=0"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
    )
    assert done.returncode != 0


@pytest.mark.parametrize(
    "garbage", [b"USER ann\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x80\x2e\x01\0\x02", b"\x16\x03\x01\x40\0" + b"x" * 200, os.urandom(3000)],
    ids=["pop3", "http", "sslv2", "record", "random"],
)
def test_garbage_on_the_tls_port_ends_that_connection_only(server, certificate, garbage):
    with socket.create_connection(("127.0.0.1", server.tls_port), 10) as connection:
        try:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        except OSError:
            pass  # the server was faster
    client = server.connect_tls(certificate.client())
    client.login()
    client.quit()


def test_handshake_that_stops_ends_in_time(make_server, certificate):
    # R2595-9
    server = make_server(certificates=[certificate], limits={"login-seconds": 1})
    server.maildir("ann")
    server.start()
    with socket.create_connection(("127.0.0.1", server.tls_port), 10) as half:
        half.sendall(b"\x16\x03\x01\x02\0")
        client = server.connect_tls(certificate.client())
        client.login()
        assert half.recv(1) == b""
        client.quit()


def test_alpn_is_pop3(server, certificate):
    tls = certificate.client()
    tls.set_alpn_protocols(["http/1.1", "pop3"])
    assert server.connect_tls(tls).socket.selected_alpn_protocol() == "pop3"
    tls.set_alpn_protocols(["http/1.1"])
    with pytest.raises(ssl.SSLError):
        server.connect_tls(tls)


def test_no_client_certificate_is_asked_for(server, certificate):
    # R8314-7
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-starttls", "pop3",
         "-CAfile", certificate.root, "-servername", "pop.example.org", "-alpn", "pop3"],
        input=b"QUIT\r\n", capture_output=True, timeout=30,
    )
    assert b"No client certificate CA names sent" in done.stdout
    assert b"ALPN protocol: pop3" in done.stdout
    assert b"Verify return code: 0 (ok)" in done.stdout
    assert done.stdout.count(b"s:CN") == 2  # the chain


# Several certificates, and their exchange


def test_name_chooses_the_certificate(make_server, authority):
    # R7817-5
    first = authority.issue("pop.example.org")
    second = authority.issue("*.example.net", "mail.example.com", kind="rsa")
    server = make_server(certificates=[first, second])
    server.maildir("ann")
    server.start()
    for name, holder in [
        ("pop.example.org", first), ("a.example.net", second), ("mail.example.com", second),
    ]:
        client = server.connect(greeting=True)
        client.stls(holder.client(), name)
    plain = first.client(check_hostname=False)
    client = server.connect()
    client.stls(plain, "unknown.example")
    assert client.socket.getpeercert()["subjectAltName"] == (("DNS", "pop.example.org"),)


def serial(server, certificate):
    client = server.connect_tls(certificate.client())
    return client.socket.getpeercert()["serialNumber"]


def replace(target, source):
    """As tools that renew certificates do it: beside, then renamed, the key last."""
    for name in ("certificate", "key"):
        fresh = getattr(target, name).with_suffix(".fresh")
        fresh.write_bytes(getattr(source, name).read_bytes())
        fresh.rename(getattr(target, name))


def test_replaced_files_serve_new_connections_and_old_ones_live_on(make_server, authority):
    certificate = authority.issue("pop.example.org", label="replaced")
    server = make_server(certificates=[certificate])
    server.deliver(STORED)
    server.start()
    old = server.connect_tls(certificate.client())
    old.login()
    before = serial(server, certificate)
    replace(certificate, authority.issue("pop.example.org", label="fresh"))
    assert server.log.wait("new certificates are in force")  # without a signal
    # Each front hears of it; one that is busy may take a connection or two before.
    assert any(serial(server, certificate) != before for _ in range(50))
    assert old.retrieve(1) == corpus.wire_form(STORED)
    old.quit()


def test_certificates_are_exchanged_under_a_thousand_sessions(make_server, authority):
    certificate = authority.issue("pop.example.org", label="under-sessions")
    users = {f"u{number}": f"word{number}" for number in range(1000)}
    server = make_server(
        users=users, certificates=[certificate], fronts=2, limits={"per-address": 0}
    )
    for number, user in enumerate(users):
        server.deliver(b"Subject: %d\n\n" % number, user)
    server.start()
    tls = certificate.client()
    sessions = []
    for user, password in users.items():
        client = server.connect_tls(tls)
        client.login(user.encode(), password.encode())
        sessions.append(client)
    before = sessions[0].socket.getpeercert()["serialNumber"]
    replace(certificate, authority.issue("pop.example.org", label="fresh-sessions", kind="rsa"))
    assert server.log.wait("new certificates are in force")
    assert any(serial(server, certificate) != before for _ in range(50))
    for client in sessions:
        client.send(b"NOOP\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
    # The key that signed for them is not needed any more: what is under way goes on.
    for number, client in enumerate(sessions):
        assert client.line().startswith(b"+OK")
        assert client.line().startswith(b"+OK")
        assert client.content() == b"Subject: %d\r\n\r\n" % number
        assert client.line().startswith(b"+OK")
        assert client.line().startswith(b"+OK")
        assert client.rest() == b""
        client.close()
    assert not [path for user in users for path in (server.maildir(user) / "new").iterdir()]
    assert serial(server, certificate) != before


def test_mismatched_files_leave_what_was_in_force(make_server, authority):
    certificate = authority.issue("pop.example.org", label="mismatch")
    server = make_server(certificates=[certificate])
    server.maildir("ann")
    server.start()
    before = serial(server, certificate)
    other = authority.issue("pop.example.org", label="other")
    certificate.key.write_bytes(other.key.read_bytes())
    assert server.log.wait("the certificates stay as they were: .*do not belong together")
    assert serial(server, certificate) == before
    seen = len(server.log.lines)
    os.kill(server.roles()["parent"][0], signal.SIGHUP)
    assert server.log.wait("not reloaded: .*do not belong together", start=seen)
    assert serial(server, certificate) == before


def test_reload_adds_and_removes_tls(make_server, certificate):
    server = make_server()
    server.maildir("ann")
    server.start()
    assert b"STLS" not in capabilities(server.connect())
    plain = server.config.read_text()

    def reload(text):
        seen = len(server.log.lines)
        server.config.write_text(text)
        os.kill(server.roles()["parent"][0], signal.SIGHUP)
        assert server.log.wait(r"\bready\b", start=seen)

    section = f'tls {{ certificate = "{certificate.certificate}" key = "{certificate.key}" }}\n'
    keys = f'user-keys = "{KEYS_UID}"\n' if AS_ROOT else ""
    reload(plain + section + keys)
    client = server.connect()
    client.stls(certificate.client())
    assert "keys" in server.roles()
    reload(plain)
    assert b"STLS" not in capabilities(server.connect())


def test_ticket_is_taken_by_every_front(make_server, certificate):
    server = make_server(certificates=[certificate], fronts=3)
    server.maildir("ann")
    server.start()
    tls = certificate.client(maximum_version=ssl.TLSVersion.TLSv1_2)
    client = server.connect_tls(tls)
    client.login()
    session = client.socket.session
    client.quit()
    for _ in range(12):  # whichever front takes it
        connection = socket.create_connection(("127.0.0.1", server.tls_port), 10)
        wrapped = tls.wrap_socket(connection, server_hostname="pop.example.org", session=session)
        assert wrapped.session_reused
        wrapped.close()


# Mistakes


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda c, a: c.certificate.write_text("nothing"), "no certificate in PEM form"),
        (lambda c, a: c.key.write_text("nothing"), "no private key in PEM form"),
        (lambda c, a: c.key.unlink(), "cannot read '.*key'"),
        (lambda c, a: c.key.write_bytes(a.issue("x.example").key.read_bytes()), "do not belong together"),
        (lambda c, a: encrypt(c.key), "the key is encrypted"),
    ],
    ids=["certificate", "key", "missing", "mismatch", "encrypted"],
)
def test_mistake_is_refused_at_the_start(make_server, authority, break_it, said):
    certificate = authority.issue("pop.example.org", label="mistake")
    break_it(certificate, authority)
    server = make_server(certificates=[certificate])
    with pytest.raises(AssertionError, match=said):
        server.start()
    server.process = None
    for options in (["--check"], []):
        done = subprocess.run(
            [BUILD / "restanted", "-c", server.config, *options],
            capture_output=True, text=True, timeout=60,
        )
        assert done.returncode == 78, done.stderr
        assert certificate.key.name in done.stderr or certificate.certificate.name in done.stderr


def encrypt(key):
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:x", "-out", f"{key}.enc"],
        check=True, capture_output=True,
    )
    Path(f"{key}.enc").rename(key)


def test_certificate_that_ends_soon_is_told_of(make_server, authority):
    server = make_server(certificates=[authority.issue("pop.example.org", days=5, label="soon")])
    server.maildir("ann")
    server.start()
    assert server.log.find(r"warning: the certificate for pop.example.org expires in [45] days")
