"""Clients that others wrote log in by each mechanism that they have."""

import base64
import poplib
import ssl
import subprocess

import pytest
from certificates import Authority
from test_server_clients import SECONDS, program
from test_server_sasl import users

MAIL = b"From: a@b\nSubject: a\n\n"
MECHANISMS = "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN EXTERNAL"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("server", "clients"):
        (folder / name).mkdir()
    return folder


@pytest.fixture(scope="module")
def certificate(folder):
    return Authority(folder / "server").issue("pop.example.org", "127.0.0.1")


@pytest.fixture(scope="module")
def own(folder):
    """The user's own certificate."""
    authority = Authority(folder / "clients")
    return authority.issue("ann@example.org", label="ann", purpose="clientAuth")


@pytest.fixture(scope="module")
def server(make_shared_server, certificate, own):
    server = make_shared_server(
        certificates=[certificate], mechanisms=MECHANISMS, apop="yes", client_ca=str(own.root)
    )
    users(server, ["ann:{PLAIN}pencil", "ann@example.org:{PLAIN}pencil"])
    for user in ("ann", "ann@example.org"):
        server.deliver(MAIL, user)
    return server.start()


# curl. Debian's is built without GNU SASL, and so has no SCRAM.


def curl(server, certificate, *options, login="ann:pencil"):
    done = subprocess.run(
        [program("curl"), "-sS", "--max-time", str(SECONDS), "--user", login, *options]
        + ["--cacert", certificate.root, "--ssl-reqd", f"pop3://127.0.0.1:{server.port}/1"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=2 * SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_curl(server, certificate, mechanism):
    got = curl(server, certificate, "--login-options", f"AUTH={mechanism}")
    assert got == MAIL.replace(b"\n", b"\r\n")


def test_curl_by_apop(server):
    done = subprocess.run(
        [program("curl"), "-sS", "--user", "ann:pencil", "--login-options", "AUTH=+APOP"]
        + [f"pop3://127.0.0.1:{server.port}/1"],
        capture_output=True, timeout=SECONDS,
    )
    assert done.stdout == MAIL.replace(b"\n", b"\r\n"), done.stderr


def test_curl_by_certificate(server, certificate, own):
    got = curl(
        server, certificate, "--login-options", "AUTH=EXTERNAL", "--cert", own.certificate,
        "--key", own.key, login="ann@example.org:",
    )
    assert got == MAIL.replace(b"\n", b"\r\n")


# mpop


@pytest.mark.parametrize("mechanism", [
    "user", "plain", "login", "apop", "cram-md5", "scram-sha-1", "scram-sha-256", "external",
])
def test_mpop(server, certificate, own, tmp_path, mechanism):
    folder = tmp_path / "mail"
    for name in ("tmp", "new", "cur"):
        (folder / name).mkdir(parents=True)
    options = ["--user=ann"]
    if mechanism == "external":
        options = [
            "--user=ann@example.org", f"--tls-cert-file={own.certificate}", f"--tls-key-file={own.key}"
        ]
    done = subprocess.run(
        [program("mpop"), "--file=", "--host=127.0.0.1", f"--port={server.tls_port}", *options]
        + ["--passwordeval=printf pencil", f"--auth={mechanism}", "--tls=on", "--tls-starttls=off"]
        + [f"--tls-trust-file={certificate.root}", f"--delivery=maildir,{folder}"]
        + ["--received-header=off", f"--uidls-file={tmp_path}/uidls", "--keep=on"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.read_bytes() for path in (folder / "new").iterdir()] == [MAIL]


# fetchmail


@pytest.mark.parametrize("protocol, way", [
    ("pop3", "password"), ("pop3", "cram-md5"), ("apop", "password"),
])
def test_fetchmail(server, certificate, tmp_path, protocol, way):
    configuration = tmp_path / "fetchmailrc"
    configuration.write_text(
        f"poll 127.0.0.1 protocol {protocol} port {server.tls_port} auth {way} uidl no dns\n"
        f'user "ann" password "pencil" ssl sslcertck sslcertfile "{certificate.root}" sslcommonname "pop.example.org"\n'
        f"no rewrite\nmda \"/bin/sh -c 'cat >{tmp_path}/got'\"\n"
    )
    configuration.chmod(0o600)
    done = subprocess.run(
        [program("fetchmail"), "-f", configuration, "--invisible", "--nosyslog", "--nodetach"]
        + ["--idfile", tmp_path / "ids", "--pidfile", tmp_path / "pid", "--keep", "--all"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
        env={"HOME": str(tmp_path), "FETCHMAILHOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "got").read_bytes() == MAIL


# poplib


@pytest.mark.parametrize("way", ["user", "apop"])
def test_poplib(server, certificate, way):
    client = poplib.POP3("127.0.0.1", server.port, timeout=SECONDS)
    if way == "apop":
        client.apop("ann", "pencil")
    else:
        client.stls(certificate.client())
        client.user("ann")
        client.pass_("pencil")
    assert client.stat()[0] == 1
    client.quit()


# As Thunderbird does it: it asks for the mechanisms by AUTH alone, and gives PLAIN by itself.


def test_listing_as_thunderbird_asks(server, certificate):
    client = server.connect_tls(certificate.client())
    assert set(client.listing(b"AUTH")) == {word.encode() for word in MECHANISMS.split()} - {b"EXTERNAL"}
    assert client.command(b"AUTH PLAIN") == b"+ "
    client.ok(base64.b64encode(b"\0ann\0pencil"))


# openssl


@pytest.mark.parametrize("way", ["stls", "implicit"])
def test_openssl_shows_chain_and_protocol(server, certificate, way):
    port = server.port if way == "stls" else server.tls_port
    starttls = ["-starttls", "pop3"] if way == "stls" else []
    done = subprocess.run(
        [program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", *starttls, "-showcerts"]
        + ["-alpn", "pop3", "-CAfile", certificate.root, "-verify_return_error"]
        + ["-verify_ip", "127.0.0.1", "-servername", "pop.example.org"],
        input=b"QUIT\r\n", capture_output=True, timeout=SECONDS,
    )
    shown = done.stdout.decode()
    assert "ALPN protocol: pop3" in shown
    assert "Verify return code: 0 (ok)" in shown
    chain = certificate.certificate.read_text()
    for block in chain.split("-----END CERTIFICATE-----")[:-1]:
        assert block.split("-----BEGIN CERTIFICATE-----")[1].strip() in shown
    assert ssl.PEM_cert_to_DER_cert(chain[: chain.index("-----END CERTIFICATE-----") + 25])
