"""`restante fetch` over TLS: whom it believes, and that nobody else ever gets the password."""

import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

import dovecot
import pytest
from certificates import Authority
from fake_pop3 import FakePop3, Mail
from fetching import fetcher, stored  # noqa: F401
from network import ADDRESS, own_network

MAIL = [
    Mail(b"Subject: one\r\n\r\nfirst\r\n"),
    Mail(b"Subject: two\r\n\r\n.second\r\n"),
    Mail(b"Subject: three\r\n\r\n" + b"x" * 70 * 1000 + b"\r\n"),
]
WAYS = ["implicit", "stls"]
TLS13, TLS12 = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
OTHER_PIN = "sha256//" + "A" * 43 + "="


@pytest.fixture(scope="module")
def authority():
    # Dovecot and restanted's roles must get through to the files.
    folder = Path(tempfile.mkdtemp(prefix="restante-certificates-"))
    folder.chmod(0o755)
    yield Authority(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("localhost", "127.0.0.1", ADDRESS)


def serve(certificate, way, mail=MAIL, version=None, **options):
    return FakePop3(
        mail, tls=certificate.server(version), implicit=way == "implicit", **options
    )


def fetch(fetcher, server, way, *options, host=None):
    """STLS has to be asked for on loopback."""
    required = ("--tls", "required") if way == "stls" else ()
    return fetcher.run(server.url(host), "--json", *required, *options)


def said_nothing_secret(server, commands=()):
    """What went out without a TLS that was done: these commands and no other, and no password."""
    received = server.received()
    assert b"secret" not in received and b"USER" not in received and b"PASS" not in received
    assert server.sessions, "nobody came"
    for session in server.sessions:
        assert session.commands == list(commands)


BEFORE_TLS = {"implicit": [], "stls": ["CAPA", "STLS"]}
LOGIN = ["CAPA", "USER ann", "PASS", "CAPA", "STAT"]


# What works


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("way", WAYS)
def test_session_over_tls(fetcher, certificate, way, version):
    """R8314-2, R2595-5, R8314-5, R7817-1."""
    with serve(certificate, way, version=version) as server:
        result = fetch(fetcher, server, way, "--ca", certificate.root, "--delete")
        assert result.returncode == 0, result.stderr
        assert result.summary["warnings"] == [] and server.mail == []
        assert result.summary["tls"].startswith(version.name.replace("_", ".") + " ")
        (session,) = server.sessions
        assert session.commands[:5] == (BEFORE_TLS[way] + LOGIN)[:5]
    assert fetcher.contents() == stored(MAIL)


@pytest.mark.parametrize("inside", [[b"UIDL"], None])
def test_what_capa_said_before_tls_is_forgotten(fetcher, certificate, inside):
    """R2595-5: PIPELINING may have been put there by anybody."""
    with serve(certificate, "stls") as server:
        server.faults.capabilities = inside
        server.faults.plain_capabilities = [b"PIPELINING"]
        result = fetch(fetcher, server, "stls", "--ca", certificate.root)
        assert result.returncode == 0
        assert server.sessions[0].early == []
    assert fetcher.contents() == stored(MAIL)


@pytest.mark.parametrize("piece", [7, 16384, None])
def test_large_mail_over_tls_is_byte_exact(fetcher, certificate, piece):
    size = 3000 if piece == 7 else 6_000_000
    mail = [*MAIL, Mail(b"A: b\r\n\r\n" + b".dots\r\n" * (size // 7))]
    with serve(certificate, "implicit", mail) as server:
        server.faults.piece = piece
        assert fetch(fetcher, server, "implicit", "--ca", certificate.root).returncode == 0
    assert fetcher.contents() == stored(mail)


@pytest.mark.parametrize("alert", [True, False])
def test_stream_that_is_cut_loses_and_doubles_nothing(fetcher, certificate, alert):
    """R8314-4: without the closing alert too."""
    with serve(certificate, "implicit") as server:
        server.faults.forget_alert = not alert
        for octets in (0, 1, 4, 30, len(MAIL[1].answer()) - 1):
            server.faults.cut_at = (2, octets)
            result = fetch(fetcher, server, "implicit", "--ca", certificate.root)
            assert result.returncode == 75, (octets, result.stderr)
            assert fetcher.rests() == []
        server.faults.cut_at = None
        server.faults.drop_at = {"QUIT"}  # nothing hangs on that answer
        result = fetch(fetcher, server, "implicit", "--ca", certificate.root)
        assert result.returncode == 0 and len(result.summary["warnings"]) == 1
    assert fetcher.contents() == stored(MAIL)


@pytest.mark.parametrize("way", WAYS)
def test_restanted(fetcher, make_server, certificate, way):
    server = make_server(certificates=[certificate], plaintext_login="never")
    server.deliver(b"Subject: a\n\n.b\n")
    server.start()
    port = server.tls_port if way == "implicit" else server.port
    scheme = "pops" if way == "implicit" else "pop"
    options = ("--json", "--ca", certificate.root)  # which asks for TLS on loopback as well
    result = fetcher.run(f"{scheme}://ann@localhost:{port}", *options)
    assert result.returncode == 0, result.stderr
    assert result.summary["tls"].startswith("TLSv1.3")
    assert fetcher.contents() == [b"Subject: a\n\n.b\n"]


@pytest.mark.skipif(dovecot.missing() is not None, reason=str(dovecot.missing()))
@pytest.mark.parametrize("way", WAYS)
def test_dovecot(fetcher, certificate, way):
    messages = [b"Subject: a\n\n.b\n", b"Subject: c\n\n" + b"d" * 100_000 + b"\n"]
    folder = tempfile.mkdtemp(prefix="restante-dovecot-")
    try:
        with dovecot.Dovecot(folder, messages, certificate) as server:
            url = f"pops://ann@localhost:{server.tls_port}" if way == "implicit" else server.url()
            result = fetcher.run(url, "--delete", "--json", "--ca", certificate.root)
            assert result.returncode == 0, result.stderr
            assert result.summary["tls"].startswith("TLSv1.3")
            assert server.left() == 0
    finally:
        shutil.rmtree(folder)
    assert fetcher.contents() == sorted(messages)


def test_tls_implicit_is_what_pops_is(fetcher, certificate):
    with serve(certificate, "implicit") as server:
        url = server.url().replace("pops://", "pop://")
        options = ("--tls", "implicit", "--ca", certificate.root)
        assert fetcher.run(url, *options).returncode == 0


@pytest.mark.parametrize("trusted", [True, False])
def test_without_ca_the_systems_certificates_count(fetcher, certificate, monkeypatch, trusted):
    path = certificate.root if trusted else "/dev/null"
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")
    with serve(certificate, "implicit") as server:
        result = fetch(fetcher, server, "implicit")
        assert result.returncode == (0 if trusted else 78), result.stderr
        if not trusted:
            assert "'CN=Test Root'" in result.summary["error"]
            said_nothing_secret(server)


def test_ca_can_be_a_folder(fetcher, certificate, tmp_path):
    folder = tmp_path / "trusted"
    folder.mkdir()
    shutil.copy(certificate.root, folder / "root.pem")
    with serve(certificate, "implicit") as server:
        result = fetch(fetcher, server, "implicit", "--ca", folder)
        assert result.returncode == 78 and "openssl rehash" in result.summary["error"]
        subprocess.run(["openssl", "rehash", folder], check=True)
        assert fetch(fetcher, server, "implicit", "--ca", folder).returncode == 0


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_ca_that_cannot_be_used_is_78(fetcher, certificate, tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with serve(certificate, "implicit") as server:
        result = fetch(fetcher, server, "implicit", "--ca", path)
        assert result.returncode == 78 and str(path) in result.summary["error"]
        assert server.sessions == []


# Certificates that are wrong

PAST, FUTURE = "20200102030405Z", "20400102030405Z"
FAULTS = {
    "expired": (
        lambda a: a.issue("127.0.0.1", label="expired", dates=("20190101000000Z", PAST)),
        "it expired on 2020-01-02 03:04:05 UTC",
    ),
    "not yet valid": (
        lambda a: a.issue("127.0.0.1", label="early", dates=(FUTURE, "20410101000000Z")),
        "it is not valid before 2040-01-02 03:04:05 UTC",
    ),
    "self-signed": (lambda a: a.self_signed("127.0.0.1"), "it is self-signed"),
    "wrong name": (
        lambda a: a.issue("pop.example.org", "*.example.net", label="name"),
        "it is for 'pop.example.org', '*.example.net', not for '127.0.0.1'",
    ),
    "wrong purpose": (
        lambda a: a.issue("127.0.0.1", label="client", purpose="clientAuth"),
        "it is not meant for servers",
    ),
}


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", WAYS)
def test_wrong_certificate_gets_no_password(fetcher, authority, way, fault, version):
    """R8314-9, R8314-11, R7817-1, R5034-15."""
    make, text = FAULTS[fault]
    certificate = make(authority)
    with serve(certificate, way, version=version) as server:
        result = fetch(fetcher, server, way, "--ca", authority.root)
        assert result.returncode == 78, result.stderr
        assert text in result.summary["error"]
        for way_on in ("host name", "clock", "--ca FILE", f"--pin {certificate.pin()}"):
            assert way_on in result.summary["error"]
        said_nothing_secret(server, BEFORE_TLS[way])
        assert result.summary["tls"] is None
        # The way on that is always there.
        pin = ("--pin", certificate.pin())
        assert fetch(fetcher, server, way, *pin).returncode == 0
    assert fetcher.contents() == stored(MAIL)


@pytest.mark.parametrize("way", WAYS)
def test_issuer_that_is_not_trusted(fetcher, certificate, tmp_path, way):
    stranger = Authority(tmp_path)
    with serve(certificate, way) as server:
        result = fetch(fetcher, server, way, "--ca", stranger.root)
        # Both roots have the same name: it is the signature that tells them apart.
        assert result.returncode == 78 and "certificate is not accepted" in result.summary["error"]
        said_nothing_secret(server, BEFORE_TLS[way])


def test_name_is_the_one_that_was_given_not_its_address(fetcher, authority):
    """R7817-1."""
    by_name = authority.issue("localhost", label="by-name")
    with serve(by_name, "implicit") as server:
        ca = ("--ca", authority.root)
        assert fetch(fetcher, server, "implicit", *ca).returncode == 78
        assert fetch(fetcher, server, "implicit", *ca, host="LocalHost").returncode == 0


def test_revoked_certificate_is_refused(fetcher, authority):
    revoked = authority.issue("127.0.0.1", label="revoked")
    with serve(revoked, "implicit") as server:
        with_list = authority.revoke(revoked)
        result = fetch(fetcher, server, "implicit", "--ca", with_list)
        assert result.returncode == 78 and "was revoked" in result.summary["error"]
        said_nothing_secret(server)
        assert fetch(fetcher, server, "implicit", "--ca", authority.root).returncode == 0


# Pins


@pytest.mark.parametrize("form", ["base64", "hex", "colons", "second"])
@pytest.mark.parametrize("way", WAYS)
def test_pin_replaces_verification(fetcher, authority, way, form):
    """R8314-12: the root is not even trusted here."""
    certificate = authority.issue("other.example", label="pinned")
    digest = certificate.digest().hex()
    forms = {
        "base64": certificate.pin(),
        "hex": digest,
        "colons": ":".join(digest[i : i + 2].upper() for i in range(0, 64, 2)),
        "second": f"{OTHER_PIN};{certificate.pin()}",
    }
    with serve(certificate, way) as server:
        # --pin alone asks for TLS, on loopback too.
        result = fetcher.run(server.url(), "--json", "--pin", forms[form])
        assert result.returncode == 0, result.stderr
        assert result.summary["tls"]
    assert fetcher.contents() == stored(MAIL)


@pytest.mark.parametrize("way", WAYS)
def test_pin_that_differs_refuses_even_a_right_certificate(
    fetcher, certificate, monkeypatch, way
):
    """R8314-12."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.root))
    with serve(certificate, way) as server:
        result = fetch(fetcher, server, way, "--pin", OTHER_PIN)
        assert result.returncode == 78
        assert certificate.pin() in result.summary["error"] and "--pin" in result.summary["error"]
        said_nothing_secret(server, BEFORE_TLS[way])


# STLS that does not come to TLS


@pytest.mark.parametrize("capabilities", [[b"USER", b"PIPELINING"], [], None])
def test_stls_that_is_not_announced_ends_the_session(fetcher, certificate, capabilities):
    """R2595-8: somebody on the way may have taken it out."""
    with serve(certificate, "stls") as server:
        server.faults.hide_stls = True
        server.faults.capabilities = capabilities
        result = fetch(fetcher, server, "stls", "--ca", certificate.root)
        assert result.returncode == 69
        assert "pops://" in result.summary["error"] and "--tls off" in result.summary["error"]
        said_nothing_secret(server, ["CAPA"])


@pytest.mark.parametrize(
    ("answer", "exit_code"),
    [(b"-ERR no\r\n", 69), (b"-ERR [SYS/TEMP] later\r\n", 75), (b"* BYE\r\n", 76)],
)
def test_stls_that_is_refused_ends_the_session(fetcher, certificate, answer, exit_code):
    """R2595-8."""
    with serve(certificate, "stls") as server:
        server.faults.replies["STLS"] = answer
        result = fetch(fetcher, server, "stls", "--ca", certificate.root)
        assert result.returncode == exit_code
        said_nothing_secret(server, ["CAPA", "STLS"])


@pytest.mark.parametrize("octets", [b"x", b"+OK\r\nUSER\r\nPIPELINING\r\n.\r\n+OK\r\n+OK\r\n"])
def test_plain_text_behind_stls_is_an_attack(fetcher, certificate, octets):
    """R2595-3."""
    with serve(certificate, "stls") as server:
        server.faults.behind_stls = octets
        result = fetch(fetcher, server, "stls", "--ca", certificate.root)
        assert result.returncode == 76
        assert "plain text came behind the answer to STLS" in result.summary["error"]
        said_nothing_secret(server, ["CAPA", "STLS"])


# Handshakes


@pytest.mark.parametrize("way", WAYS)
def test_plain_text_instead_of_a_handshake(fetcher, certificate, way):
    with serve(certificate, way) as server:
        server.faults.handshake = b"+OK ready\r\n+OK\r\n+OK\r\n+OK\r\n"
        result = fetch(fetcher, server, way, "--ca", certificate.root)
        assert result.returncode == 76
        text = "pop://" if way == "implicit" else "plain text came behind the answer to STLS"
        assert text in result.summary["error"]
        said_nothing_secret(server, BEFORE_TLS[way])


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated")
@pytest.mark.parametrize("way", WAYS)
def test_tls_1_1_is_too_old(fetcher, certificate, way):
    """R8314-2."""
    with serve(certificate, way, version=ssl.TLSVersion.TLSv1_1) as server:
        result = fetch(fetcher, server, way, "--ca", certificate.root)
        assert result.returncode == 76 and "TLS 1.2 and 1.3" in result.summary["error"]
        said_nothing_secret(server, BEFORE_TLS[way])


@pytest.mark.parametrize("octets", [b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", b"\x15\x03\x03\x00\x02\x02\x28"])
def test_broken_handshake(fetcher, certificate, octets):
    with serve(certificate, "implicit") as server:
        server.faults.handshake = octets
        result = fetch(fetcher, server, "implicit", "--ca", certificate.root)
        assert result.returncode == 76 and "TLS handshake" in result.summary["error"]
        said_nothing_secret(server)


@pytest.mark.parametrize("fault", ["stall", "drip", "cut"])
@pytest.mark.parametrize("way", WAYS)
def test_handshake_has_an_end(fetcher, certificate, way, fault):
    """R2595-9: no octet of the server prolongs it."""
    with serve(certificate, way) as server:
        server.faults.handshake = fault
        result = fetch(fetcher, server, way, "--ca", certificate.root, "--timeout", "1")
        assert result.returncode == 75 and "TLS handshake" in result.summary["error"]
        said_nothing_secret(server, BEFORE_TLS[way])


# The wrong port


def test_pops_to_a_plain_port(fetcher):
    with FakePop3(MAIL) as server:
        result = fetcher.run(server.url().replace("pop://", "pops://"), "--json")
        assert result.returncode == 76
        assert "pop:// is for such a port" in result.summary["error"]
        assert b"secret" not in server.received()


@pytest.mark.parametrize("required", [True, False])
def test_pop_to_a_port_where_tls_comes_first(fetcher, certificate, required):
    options = ("--tls", "required") if required else ()
    with serve(certificate, "implicit") as server:
        url = server.url().replace("pops://", "pop://")
        result = fetcher.run(url, "--json", "--timeout", "1", *options)
        assert result.returncode == 75 and "try pops://" in result.summary["error"]
        said_nothing_secret(server)


@pytest.mark.parametrize("greeting", [b"\x15\x03\x01\x00\x02\x02\x46", b"\x16\x03\x03"])
def test_greeting_that_is_tls(fetcher, greeting):
    with FakePop3(MAIL) as server:
        server.faults.greeting = greeting
        result = fetcher.run(server.url(), "--json", "--timeout", "5")
        assert result.returncode == 76 and "pops:// is for such a port" in result.summary["error"]


# What goes without TLS


def test_loopback_goes_plain_unless_asked_otherwise(fetcher, certificate):
    """R8314-10."""
    with serve(certificate, "stls") as server:
        result = fetcher.run(server.url(), "--json")
        assert result.returncode == 0 and result.summary["tls"] is None
        assert server.sessions[0].commands[:2] == ["CAPA", "USER ann"]
        assert result.summary["warnings"] == []


@own_network
def test_another_host_gets_no_password_without_tls(fetcher):
    """R8314-9, R8314-10, R2384-4."""
    with FakePop3(MAIL, address=ADDRESS) as server:
        result = fetcher.run(server.url(), "--json")
        assert result.returncode == 69 and "STLS" in result.summary["error"]
        said_nothing_secret(server, ["CAPA"])


@own_network
@pytest.mark.parametrize("way", WAYS)
def test_another_host_over_tls(fetcher, certificate, way):
    with serve(certificate, way, address=ADDRESS) as server:
        result = fetcher.run(server.url(), "--json", "--ca", certificate.root)
        assert result.returncode == 0 and result.summary["tls"], result.stderr
        assert result.summary["warnings"] == []
    assert fetcher.contents() == stored(MAIL)


@own_network
def test_tls_off_to_another_host_warns(fetcher):
    """R8314-9."""
    with FakePop3(MAIL, address=ADDRESS) as server:
        result = fetcher.run(server.url(), "--json", "--tls", "off")
        assert result.returncode == 0 and result.summary["tls"] is None
        (warning,) = result.summary["warnings"]
        assert "everybody on the way can read the password and the mail" in warning
        assert warning.encode() in result.stderr
    assert fetcher.contents() == stored(MAIL)
