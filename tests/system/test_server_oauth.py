"""Logins with OAuth 2 tokens: restanted and a real identity server, clients that others wrote."""

import base64
import json
import shutil
import subprocess
import threading

import identity
import pytest
from certificates import Authority
from identity import CLIENT_ID, CLIENT_SECRET, Identity
from restanted import BUILD, free_port
from test_server_sasl import offered, users

NAME = b"ann@example.org"
SECONDS = 60

pytestmark = pytest.mark.skipif(identity.missing() is not None, reason=str(identity.missing()))


@pytest.fixture(scope="module")
def issuer():
    with Identity() as server:
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates")).issue("pop.example.org", "127.0.0.1")


def make(make_server, certificate, url, extra="", **keys):
    server = make_server(
        certificates=[certificate],
        extra=f'auth "oauth2" {{ introspection = "{url}"  client-id = "{CLIENT_ID}"'
        f'  password-file = "oauth.secret"  audience = "mail"  scope = "mail" }}\n{extra}',
        **keys,
    )
    (server.folder / "oauth.secret").write_text(CLIENT_SECRET + "\n")
    (server.folder / "oauth.secret").chmod(0o644)
    users(server, [f"{NAME.decode()}:{{PLAIN}}pencil", "off@example.org:*::::::pop=no"])
    server.deliver(b"Subject: a\n\n", NAME.decode())
    return server


@pytest.fixture
def server(make_server, certificate, issuer):
    return make(make_server, certificate, issuer.introspection()).start()


def encode(octets):
    return base64.b64encode(octets)


def oauthbearer(token, name=NAME):
    return encode(b"n,a=%s,\x01host=h\x01port=110\x01auth=Bearer %s\x01\x01" % (name, token.encode()))


def xoauth2(token, name=NAME):
    return encode(b"user=%s\x01auth=Bearer %s\x01\x01" % (name, token.encode()))


MECHANISMS = [("OAUTHBEARER", oauthbearer), ("XOAUTH2", xoauth2)]


@pytest.mark.parametrize("mechanism, message", MECHANISMS)
def test_a_right_token_lets_in(server, issuer, mechanism, message):
    with server.connect() as client:
        assert mechanism in offered(client)
        assert client.command(b"AUTH %s" % mechanism.encode()) == b"+ "
        assert client.command(message(issuer.token())).startswith(b"+OK logged in, 1 message")


def test_it_fits_into_the_first_line_too(server, issuer):
    with server.connect() as client:
        line = b"AUTH XOAUTH2 " + xoauth2(issuer.token())
        assert len(line) <= 253
        assert client.command(line).startswith(b"+OK logged in")


@pytest.mark.parametrize("mechanism, message, answer", [
    (*MECHANISMS[0], b"\x01"), (*MECHANISMS[1], b""),
])
def test_a_wrong_token_is_told_of_and_refused(server, mechanism, message, answer):
    with server.connect() as client:
        assert client.command(b"AUTH %s" % mechanism.encode()) == b"+ "
        challenge = client.command(message("wrong"))
        assert challenge.startswith(b"+ ")
        told = json.loads(base64.b64decode(challenge[2:], validate=True))
        assert told["status"] in ("invalid_token", "401")
        assert client.command(encode(answer)).startswith(b"-ERR [AUTH]")
        client.ok(b"USER " + NAME)  # another way is open
        client.ok(b"PASS pencil")
    assert server.log.wait(r'login refused: user="ann@example.org" .*reason=wrong-token')


@pytest.mark.parametrize("wrong", [
    {"name": "ben"}, {"audience": "other"}, {"scope": "other"}, {"format": "ES256", "audience": "x"},
])
def test_a_token_that_is_for_something_else(server, issuer, wrong):
    with server.connect() as client:
        assert client.command(b"AUTH XOAUTH2") == b"+ "
        assert client.command(xoauth2(issuer.token(**wrong))).startswith(b"+ ")
        assert client.command(b"").startswith(b"-ERR [AUTH]")


def test_a_token_of_a_user_that_no_source_has(server, issuer):
    with server.connect() as client:
        assert client.command(b"AUTH XOAUTH2") == b"+ "
        line = xoauth2(issuer.token(name="nobody"), b"nobody@example.org")
        assert client.command(line).startswith(b"-ERR [AUTH]")
    assert server.log.wait(r'user="nobody@example.org" .*reason=unknown-user')


def test_a_client_that_goes_away_is_counted(server):
    with server.connect() as client:
        assert client.command(b"AUTH XOAUTH2") == b"+ "
        assert client.command(xoauth2("wrong")).startswith(b"+ ")
    assert server.log.wait(r"reason=wrong-token")


def test_what_is_malformed_is_not_asked_about(server):
    with server.connect() as client:
        assert client.command(b"AUTH XOAUTH2") == b"+ "
        assert client.command(encode(b"user=ann")).startswith(b"-ERR")
        assert client.command(b"AUTH OAUTHBEARER =").startswith(b"-ERR")
        client.ok(b"CAPA")


def test_a_server_that_is_away_is_temporary(make_server, certificate):
    server = make(make_server, certificate, f"http://127.0.0.1:{free_port()}/introspect").start()
    with server.connect() as client:
        assert client.command(b"AUTH XOAUTH2") == b"+ "
        assert client.command(xoauth2("any")).startswith(b"-ERR [SYS/TEMP]")
        client.ok(b"USER " + NAME)
        client.ok(b"PASS pencil")


@pytest.fixture
def by_keys(make_server, certificate, issuer):
    server = make_server(
        certificates=[certificate],
        extra=f'auth "oauth2" {{ jwks = "keys.json"  issuer = "{issuer.issuer}"  audience = "mail" }}',
    )
    (server.folder / "keys.json").write_bytes(issuer.keys())
    (server.folder / "keys.json").chmod(0o644)
    users(server, [NAME.decode() + ":*"])
    server.deliver(b"Subject: a\n\n", NAME.decode())
    return server.start()


def test_signed_tokens_are_checked_with_the_keys(by_keys, issuer):
    for algorithm in identity.ALGORITHMS:
        with by_keys.connect() as client:
            assert client.command(b"AUTH OAUTHBEARER") == b"+ "
            assert client.command(oauthbearer(issuer.token(format=algorithm))).startswith(b"+OK"), algorithm


def test_many_at_once(server, issuer):
    answers = []

    def log_in(token):
        with server.connect() as client:
            client.command(b"AUTH XOAUTH2")
            answers.append(client.command(xoauth2(token)))

    # One maildrop can be open once: all others are told.
    threads = [threading.Thread(target=log_in, args=(issuer.token(),)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20
    assert all(answer.startswith((b"+OK", b"-ERR [IN-USE]")) for answer in answers)
    assert any(answer.startswith(b"+OK") for answer in answers)


# Clients


def test_curl(server, issuer, certificate):
    # It takes OAUTHBEARER, the better of the two.
    done = subprocess.run(
        [shutil.which("curl"), "-sS", "--user", NAME, "--oauth2-bearer", issuer.token()]
        + ["--cacert", certificate.root, "--ssl-reqd", f"pop3://127.0.0.1:{server.port}/1"],
        capture_output=True, timeout=SECONDS,
    )
    assert done.stdout == b"Subject: a\r\n\r\n", done.stderr


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_curl_by_name(server, issuer, certificate, mechanism):
    done = subprocess.run(
        [shutil.which("curl"), "-sS", "--user", NAME, "--oauth2-bearer", issuer.token()]
        + ["--login-options", f"AUTH={mechanism}", "--cacert", certificate.root, "--ssl-reqd"]
        + [f"pop3://127.0.0.1:{server.port}/1"],
        capture_output=True, timeout=SECONDS,
    )
    assert done.stdout == b"Subject: a\r\n\r\n", done.stderr


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_mpop(server, issuer, certificate, tmp_path, mechanism):
    folder = tmp_path / "mail"
    for name in ("tmp", "new", "cur"):
        (folder / name).mkdir(parents=True)
    done = subprocess.run(
        ["mpop", "--file=", "--host=127.0.0.1", f"--port={server.tls_port}", f"--user={NAME.decode()}"]
        + [f"--passwordeval=printf %s {issuer.token()}", f"--auth={mechanism}", "--tls=on"]
        + ["--tls-starttls=off", f"--tls-trust-file={certificate.root}"]
        + [f"--delivery=maildir,{folder}", "--received-header=off", f"--uidls-file={tmp_path}/uidls"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.read_bytes() for path in (folder / "new").iterdir()] == [b"Subject: a\n\n"]


@pytest.mark.parametrize("way", ["auto", "XOAUTH2", "OAUTHBEARER"])
def test_restante_fetch(by_keys, issuer, certificate, tmp_path, way):
    token = issuer.token(format="RS256")  # longer than a line
    (tmp_path / "token").write_text(token)
    user = NAME.decode().replace("@", "%40")
    done = subprocess.run(
        [BUILD / "restante", "fetch", f"pops://{user}@127.0.0.1:{by_keys.tls_port}", "--to"]
        + [f"maildir:{tmp_path}/mail", "--state", tmp_path / "state", "--ca", certificate.root]
        + ["--token-command", f"cat {tmp_path}/token", "--auth", way],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert [path.read_bytes() for path in (tmp_path / "mail" / "new").iterdir()] == [b"Subject: a\n\n"]
