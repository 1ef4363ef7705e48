"""What TLS the server takes: every version, suite and group is tried, with ClientHellos made by
hand, so that no library's own taste stands between."""

import ssl
import subprocess

import pytest
import tls_scan
from certificates import Authority, openssl
from pop3 import Pop3
from tls_scan import GOOD_SUITES, GOOD_SUITES_13, Hello, ask, hello_13

WAYS = ["implicit", "stls"]
NAMES = {"ec": b"pop.example.org", "rsa": b"rsa.example.org"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    return {kind: authority.issue(name.decode(), kind=kind) for kind, name in NAMES.items()}


@pytest.fixture(scope="module")
def shared(make_shared_server, certificates):
    server = make_shared_server(certificates=list(certificates.values()), fronts=2)
    server.maildir("ann")
    server.start()
    roles = server.roles()
    yield server
    assert server.roles() == roles  # whatever was sent, no process has died of it


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


def s_client(server, way, *options, text=b"QUIT\r\n", name="pop.example.org"):
    """A session; without `text` the client asks for a renegotiation."""
    options = [*options, *(["-servername", name] if name else ["-noservername"])]
    options += ["-ign_eof"] if text else []
    where = ["-connect", f"127.0.0.1:{server.tls_port if way == 'implicit' else server.port}"]
    if way == "stls":
        where += ["-starttls", "pop3"]
    done = subprocess.run(
        ["openssl", "s_client", *where, *options],
        input=text or b"R\n", capture_output=True, timeout=30,
    )
    return done.returncode, done.stdout + done.stderr


# Versions


@pytest.mark.parametrize("version", [tls_scan.SSL3, tls_scan.TLS10, tls_scan.TLS11], ids=hex)
def test_old_version_is_refused_with_the_right_alert(shared, way, version):
    # R8314-2
    answer = ask(shared, way, Hello(version=version, suites=tls_scan.ALL_SUITES))
    # SSL 3 has no alert that says so.
    wanted = "HANDSHAKE_FAILURE" if version == tls_scan.SSL3 else "PROTOCOL_VERSION"
    assert answer.refused(getattr(tls_scan, wanted))
    # and when TLS 1.3's way of saying it is used
    answer = ask(shared, way, hello_13(versions=[version], suites=tls_scan.ALL_SUITES))
    assert answer.refused(tls_scan.PROTOCOL_VERSION)


def test_ssl_2_is_refused(shared, way):
    answer = ask(shared, way, tls_scan.ssl2_hello(2, [0x010080, 0x0700C0, 0xC02B]))
    assert answer.suite is None and (answer.alert is not None or answer.closed)
    assert not answer.octets, "not even in its own form"


def test_version_of_the_future_gets_the_newest_there_is(shared, way):
    assert ask(shared, way, Hello(version=0x0399)).version == tls_scan.TLS12
    answer = ask(shared, way, hello_13(versions=[0x0399, 0x7A7A, tls_scan.TLS13]))
    assert answer.version == tls_scan.TLS13
    assert ask(shared, way, hello_13(versions=[0x0305])).refused(tls_scan.PROTOCOL_VERSION)


def test_fallback_is_seen(shared, way):
    # RFC 7507: who says that it fell back could have had more
    hello = Hello()
    hello.suites = [*hello.suites, tls_scan.FALLBACK_SCSV]
    assert ask(shared, way, hello).refused(tls_scan.INAPPROPRIATE_FALLBACK)
    best = hello_13(versions=[tls_scan.TLS13, tls_scan.TLS12])
    best.suites = [*best.suites, tls_scan.FALLBACK_SCSV]
    assert ask(shared, way, best).version == tls_scan.TLS13


# Suites and what belongs to them


@pytest.mark.parametrize("kind", NAMES)
def test_suites_of_tls_1_2_are_those_of_bcp_195(shared, way, kind):
    # R8314-3: every number by itself, so that nothing better hides it
    taken = set()
    for suite in tls_scan.ALL_SUITES:
        answer = ask(shared, way, Hello(suites=[suite], name=NAMES[kind]))
        if answer.suite is None:
            assert answer.alert == tls_scan.HANDSHAKE_FAILURE, hex(suite)
        else:
            assert answer.suite == suite and answer.version == tls_scan.TLS12
            taken.add(suite)
    assert taken == GOOD_SUITES[kind]


def test_suites_of_tls_1_3(shared, way):
    # R8314-3
    taken = set()
    for suite in tls_scan.ALL_SUITES:
        answer = ask(shared, way, hello_13(suites=[suite]))
        if answer.suite is None:
            assert answer.alert == tls_scan.HANDSHAKE_FAILURE, hex(suite)
        else:
            taken.add(suite)
    assert taken == GOOD_SUITES_13


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_groups_are_three_and_none_is_finite_field(shared, way, version):
    taken = set()
    for group in tls_scan.ALL_GROUPS:
        if version == "1.2":
            answer = ask(shared, way, Hello(groups=[group], name=NAMES["rsa"]))
        else:  # without a share: it asks for one of the group that it takes
            answer = ask(shared, way, hello_13(groups=[group], shares=[]))
            assert answer.suite is None or (answer.retry and answer.group() == group)
        if answer.suite is None:
            assert answer.alert == tls_scan.HANDSHAKE_FAILURE, group
        else:
            taken.add(group)
    assert taken == {tls_scan.X25519, tls_scan.P256, tls_scan.P384}


def test_signatures_with_sha_1_or_md5_are_not_made(shared, way):
    for kind, signatures in [("rsa", [0x0201, 0x0101]), ("ec", [0x0203, 0x0103])]:
        answer = ask(shared, way, Hello(signatures=signatures, name=NAMES[kind]))
        assert answer.refused(tls_scan.HANDSHAKE_FAILURE)
        answer = ask(shared, way, hello_13(signatures=signatures, name=NAMES[kind]))
        assert answer.refused(tls_scan.HANDSHAKE_FAILURE)


def test_nothing_is_compressed(shared, way):
    answer = ask(shared, way, Hello(compression=b"\1\x40\0"))
    assert answer.suite is not None and answer.compression == 0
    for only in (b"\1", b""):
        answer = ask(shared, way, Hello(compression=only))
        assert answer.suite is None and answer.alert is not None


# Renegotiation


def test_renegotiation_is_secure_and_refused(shared, way):
    hello = Hello()
    hello.suites = [*hello.suites, tls_scan.RENEGOTIATION_SCSV]
    assert ask(shared, way, hello).extensions[tls_scan.RENEGOTIATION] == b"\0"
    hello = Hello(more=[(tls_scan.RENEGOTIATION, b"\0")])
    assert ask(shared, way, hello).extensions[tls_scan.RENEGOTIATION] == b"\0"
    # an answer to a renegotiation that never was
    hello = Hello(more=[(tls_scan.RENEGOTIATION, b"\x04abcd")])
    assert ask(shared, way, hello).suite is None
    code, text = s_client(shared, way, "-tls1_2", text=None)
    assert b"Secure Renegotiation IS supported" in text
    assert b"RENEGOTIATING" in text and b"no renegotiation" in text and code != 0


# ALPN


def test_alpn_is_pop3_or_an_alert(shared, way):
    # RFC 9325, section 3.8
    answer = ask(shared, way, Hello(more=[tls_scan.alpn(b"imap", b"pop3")]))
    assert answer.extensions[tls_scan.ALPN] == b"\0\5\4pop3"
    assert tls_scan.ALPN not in ask(shared, way, Hello()).extensions
    for make in (Hello, hello_13):
        for names in [(b"h2", b"http/1.1"), (b"pop",), (b"POP3",), (b"pop3s",)]:
            answer = ask(shared, way, make(more=[tls_scan.alpn(*names)]))
            assert answer.refused(tls_scan.NO_APPLICATION_PROTOCOL), names
    answer = ask(shared, way, Hello(more=[(tls_scan.ALPN, b"\0\0")]))
    assert answer.suite is None and answer.alert is not None


# Names


def certificate_of(certificates, kind):
    return openssl("x509", "-in", certificates[kind].certificate, "-outform", "der")


def test_name_chooses_and_the_first_is_for_all_others(shared, way, certificates):
    # R7817-5
    first, second = (certificate_of(certificates, kind) for kind in NAMES)
    for name, wanted in [
        (b"pop.example.org", first), (b"rsa.example.org", second), (b"RSA.Example.ORG", second),
        (b"unknown.example", first), (b"127.0.0.1", first), (None, first),
        (b"xrsa.example.org", first), (b"a" * 255, first),
    ]:
        answer = ask(shared, way, Hello(name=name))
        assert answer.certificates[0] == wanted, name
        assert len(answer.certificates) == 2, "and what is above it"
    code, text = s_client(shared, way, "-showcerts", name=None)
    assert text.count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize(
    "extension",
    [
        b"", b"\0\0", b"\0\1", b"\xff\xff\0", b"\0\4\0\0\1a\0", b"\0\3\0\0\0",
        tls_scan.server_name(b"rsa.example.org\0")[1],
        tls_scan.server_name(b"rsa.example.org", b"pop.example.org")[1],
        tls_scan.server_name(b"\xff\xfe\0\x01 %n")[1],
        tls_scan.server_name(b"a" * 256)[1],
        tls_scan.server_name(b"a" * 60000)[1],
        b"\0\x05\1\0\2ab",
    ],
    ids=lambda extension: repr(extension[:12]),
)
def test_name_that_is_none(shared, way, certificates, extension):
    first = certificate_of(certificates, "ec")
    octets = Hello(name=None, more=[(tls_scan.SERVER_NAME, extension)]).octets()
    pieces = (octets[i : i + 16000] for i in range(0, len(octets), 16000))
    answer = ask(shared, way, b"".join(tls_scan.record(piece) for piece in pieces))
    assert answer.alert is not None or answer.certificates[0] == first


# What is not there


def test_status_request_is_passed_over(shared, way):
    # No OCSP answer is stapled: the extension must not be acknowledged then.
    status = (tls_scan.STATUS_REQUEST, b"\1\0\0\0\0")
    answer = ask(shared, way, Hello(more=[status]))
    assert answer.suite is not None and tls_scan.STATUS_REQUEST not in answer.extensions
    assert ask(shared, way, hello_13(more=[status])).suite is not None
    for version in ("-tls1_2", "-tls1_3"):
        code, text = s_client(shared, way, version, "-status")
        assert b"OCSP response: no response sent" in text and code == 0


def test_heartbeat_is_passed_over(shared, way):
    answer = ask(shared, way, Hello(more=[(tls_scan.HEARTBEAT_MODE, b"\1")]))
    assert answer.suite is not None and tls_scan.HEARTBEAT_MODE not in answer.extensions
    with tls_scan.open_connection(shared, way) as connection:
        connection.sendall(Hello(more=[(tls_scan.HEARTBEAT_MODE, b"\1")]).record())
        assert tls_scan.hear(connection).suite is not None
        # The request that once brought 64 KiB of memory along.
        connection.sendall(tls_scan.record(b"\1\xff\xff", tls_scan.HEARTBEAT, tls_scan.TLS12))
        answer = tls_scan.hear(connection)
        assert answer.alert == tls_scan.UNEXPECTED_MESSAGE or answer.closed
        assert not answer.octets and tls_scan.ends(connection)


def test_early_data_is_not_taken(shared, way, tmp_path):
    session, early = tmp_path / "session", tmp_path / "early"
    early.write_bytes(b"USER ann\r\n")
    code, text = s_client(shared, way, "-tls1_3", "-sess_out", session)
    assert session.exists() and b"Max Early Data: 0" in text
    code, text = s_client(shared, way, "-tls1_3", "-sess_in", session, "-early_data", early)
    assert b"Reused, TLSv1.3" in text and b"Early data was not sent" in text
    # A client that sends some all the same: that is no reason to end, nor to take it.
    with tls_scan.open_connection(shared, way) as connection:
        connection.sendall(
            hello_13(more=[(tls_scan.EARLY_DATA, b"")]).record()
            + tls_scan.record(b"QUIT\r\n" * 20, tls_scan.DATA, tls_scan.TLS12)
        )
        answer = tls_scan.hear(connection)
        assert answer.suite is None or tls_scan.EARLY_DATA not in answer.extensions
        assert b"+OK" not in answer.octets


# Resumption


def connect(server, way, tls, name, session=None):
    client = Pop3.__new__(Pop3)
    client.pending = bytearray()
    client.socket = tls.wrap_socket(
        tls_scan.open_connection(server, way), server_hostname=name, session=session
    )
    if way == "implicit":
        client.line()
    client.err(b"NOOP")  # by then the tickets of TLS 1.3 have come
    return client


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_ticket_resumes_for_its_name_and_no_other(shared, way, certificates, version):
    # RFC 6066, section 3: another name, no resumption
    fixed = ssl.TLSVersion[version]
    tls = certificates["ec"].client(
        minimum_version=fixed, maximum_version=fixed, check_hostname=False
    )
    first = connect(shared, way, tls, "pop.example.org")
    session = first.socket.session
    assert session.has_ticket and not first.socket.session_reused
    for name, reused in [
        ("pop.example.org", True), ("rsa.example.org", False), ("unknown.example", False),
        (None, False), ("pop.example.org", True),
    ]:
        client = connect(shared, way, tls, name, session)
        assert client.socket.session_reused == reused, name
        subject = dict(client.socket.getpeercert()["subjectAltName"])["DNS"]
        assert subject == ("rsa.example.org" if name == "rsa.example.org" else "pop.example.org")
        client.login()
        client.quit()


# Records


def test_hello_in_small_pieces_is_one_hello(shared, way):
    octets = Hello().octets()
    assert ask(shared, way, b"".join(tls_scan.record(bytes([o])) for o in octets)).suite
    with tls_scan.open_connection(shared, way) as connection:
        for octet in Hello().record():
            connection.sendall(bytes([octet]))
        assert tls_scan.hear(connection).suite


BIG = (1 << 14) + 257
BROKEN = {
    "record too long": tls_scan.record(b"\1" * BIG),
    "empty records": tls_scan.record(b"") * 5000,
    "empty alerts": tls_scan.record(b"", tls_scan.ALERT) * 5000,
    "warnings": tls_scan.record(b"\1\x5a", tls_scan.ALERT) * 5000,
    "cipher changes": tls_scan.record(b"\1", tls_scan.CHANGE_CIPHER_SPEC) * 5000,
    "data first": tls_scan.record(b"QUIT\r\n", tls_scan.DATA),
    "hello too long": tls_scan.record(b"\1\xff\xff\xff" + b"\0" * 16000) * 20,
    "hello of nothing": tls_scan.record(b"\1\0\0\0"),
    "another message": tls_scan.record(tls_scan.message(b"x" * 100, kind=20)),
    "two hellos": Hello().record() + Hello().record(),
    "extension twice": None,
    "fatal alert": tls_scan.record(b"\2\x28", tls_scan.ALERT),
    "unknown record": tls_scan.record(b"x" * 100, 99),
    "version of nobody": tls_scan.record(Hello().octets(), version=0x0999),
}


def hello_with_a_doubled_extension():
    hello = Hello()
    plain = hello.octets()
    doubled = b"\0\x0b\0\2\1\0"
    length = sum(4 + len(content) for content in hello.extensions().values())
    head, tail = plain[4:-length - 2], plain[-length:]
    body = head + tls_scan.block16(tail + doubled)
    return tls_scan.record(tls_scan.message(body))


BROKEN["extension twice"] = hello_with_a_doubled_extension()


@pytest.mark.parametrize("octets", BROKEN.values(), ids=BROKEN)
def test_broken_stream_ends_that_connection_alone(shared, way, certificates, octets):
    with tls_scan.open_connection(shared, way) as connection:
        try:
            connection.sendall(octets)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = tls_scan.hear(connection)
        while answer.suite and not answer.closed and answer.alert is None:
            answer = tls_scan.hear(connection)
        assert answer.closed or answer.alert is not None
        assert tls_scan.ends(connection)
    client = connect(shared, way, certificates["ec"].client(), "pop.example.org")
    client.login()
    client.quit()
