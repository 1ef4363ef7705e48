"""OAuth 2 tokens, checked as the server does it, with a real identity server."""

import http.server
import json
import os
import re
import select
import socket
import subprocess
import threading
import time
from contextlib import contextmanager

import identity
import pytest
from certificates import Authority
from identity import ALGORITHMS, CLIENT_ID, CLIENT_SECRET, FOLDER, Identity
from network import ADDRESS, own_network
from restanted import BUILD, free_port

TOOL = BUILD / "tests" / "unit" / "oauth_tool"
DEADLINE_SECONDS = 10  # SOURCE_SECONDS_MAX
PATIENCE_SECONDS = 30.0

needs_identity = pytest.mark.skipif(identity.missing() is not None, reason=str(identity.missing()))


class Checker:
    """The source of OAuth 2 in a process, which the command `within` starts: answers one line for
    each token."""

    def __init__(self, *, name="", within=(), **options):
        arguments = [f"{option.replace('_', '-')}={value}" for option, value in options.items()]
        environment = {**os.environ, "https_proxy": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"}
        self.process = subprocess.Popen(
            [*within, TOOL, *arguments, f"name={name}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            status = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        errors = self.process.stderr.read().decode()
        self.process.stdout.close()
        self.process.stderr.close()
        assert (status, errors) == (0, "")

    def check(self, token):
        self.process.stdin.write(token.encode() + b"\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_SECONDS)
        assert ready, "no answer"
        answer = self.process.stdout.readline().decode().rstrip("\n")
        assert answer and token not in answer
        for part in token.split("."):
            assert len(part) < 8 or part not in answer
        return answer

    def check_until(self, token, beginning):
        """Asks until the answer begins so."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            answer = self.check(token)
            if answer.startswith(beginning):
                return answer
        raise AssertionError(answer)


def refused_settings(**options):
    """What is said of settings that cannot be used."""
    arguments = [f"{option.replace('_', '-')}={value}" for option, value in options.items()]
    done = subprocess.run([TOOL, *arguments], capture_output=True, text=True, input="", timeout=30)
    assert (done.returncode, done.stderr) == (78, "")
    return done.stdout.rstrip("\n")


@pytest.fixture(scope="module")
def server():
    with Identity() as made:
        yield made


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text(CLIENT_SECRET + "\n")
    return path


@pytest.fixture
def asked(secret):
    """Makes a checker that asks; what is None is left out of its settings."""

    def make(url, **options):
        settings = {
            "introspection": url, "client_id": CLIENT_ID, "password_file": secret,
            "audience": "mail", **options,
        }
        return Checker(**{name: value for name, value in settings.items() if value is not None})

    return make


@pytest.fixture
def by_keys(tmp_path):
    """Makes a checker that has the keys of a server, in the file that its `jwks` names."""

    def make(server, **options):
        path = tmp_path / "keys.json"
        path.write_bytes(server.keys())
        settings = {"jwks": path, "issuer": server.issuer, "audience": "mail", **options}
        checker = Checker(**settings)
        checker.jwks = path
        return checker

    return make


# Introspection


@needs_identity
def test_introspected_token_names_its_user(server, asked):
    with asked(server.introspection(), issuer=server.issuer, scope="mail") as checker:
        assert checker.check(server.token()) == "ok ann@example.org"
        assert checker.check(server.token("bob", scope="other mail")) == "ok bob@example.org"
        assert checker.check("x" * 43) == "denied: the token is not active"
        assert checker.check("x" * 9000).startswith("denied: the token is none, or longer")
        assert checker.check("a b").startswith("denied:")
        assert checker.check(server.token()) == "ok ann@example.org"


@needs_identity
def test_introspection_is_asked_for_whom_the_client_wants_to_be(server, asked):
    for name in ("ann@example.org", ""):
        with asked(server.introspection(), name=name) as checker:
            assert checker.check(server.token()) == "ok ann@example.org"
    for name in ("bob@example.org", "Ann@example.org", "ann"):
        with asked(server.introspection(), name=name) as checker:
            assert checker.check(server.token()) == "denied: the token is of another user"
    with asked(server.introspection(), name="ann", claim="sub") as checker:
        assert checker.check(server.token()) == "ok ann"


@needs_identity
def test_revoked_token_is_refused(server, asked):
    with asked(server.introspection()) as checker:
        token = server.token()
        assert checker.check(token) == "ok ann@example.org"
        server.revoke(token)
        assert checker.check(token) == "denied: the token is not active"


@needs_identity
def test_expired_token_is_refused(server, asked):
    with asked(server.introspection()) as checker:
        checker.check_until(server.token(seconds=1), "denied:")


@needs_identity
@pytest.mark.parametrize("options, text", [
    ({"audience": "other"}, "denied: the token is for another audience"),
    ({"issuer": "https://id.example.org"}, "denied: the token is of another issuer"),
    ({"scope": "other"}, "denied: the token does not have the scope 'other'"),
    ({"claim": "username"}, "invalid: the token has no text in the claim 'username'"),
])
def test_introspection_that_breaks_a_rule_is_refused(server, asked, options, text):
    with asked(server.introspection(), **options) as checker:
        assert checker.check(server.token()) == text


@needs_identity
def test_wrong_client_is_the_operators_fault(server, asked, secret):
    secret.write_text("wrong")
    with asked(server.introspection()) as checker:
        answer = checker.check(server.token())
        assert answer.startswith("temporary: the introspection endpoint answers with status 401")
        assert "password-file" in answer


@needs_identity
def test_introspection_over_tls(tmp_path, asked):
    authority, other = Authority(make_folder(tmp_path / "a")), Authority(make_folder(tmp_path / "b"))
    with Identity(authority.issue("127.0.0.1")) as server:
        with asked(server.introspection(), ca=authority.root) as checker:
            assert checker.check(server.token()) == "ok ann@example.org"
        for ca in (other.root, None):  # None: the system's
            with asked(server.introspection(), ca=ca) as checker:
                assert checker.check(server.token()).startswith("temporary:")
    with Identity(authority.issue("id.example.org", label="named")) as server:
        with asked(server.introspection(), ca=authority.root) as checker:
            assert checker.check("x" * 43).startswith("temporary:")


def make_folder(path):
    path.mkdir()
    return path


def test_server_that_is_away_is_temporary(asked):
    with asked(f"http://127.0.0.1:{free_port()}/") as checker:
        assert checker.check("token").startswith("temporary: the introspection endpoint cannot be asked")


@needs_identity
def test_kept_connection_that_ends_is_temporary(asked):
    with Identity() as server:
        checker = asked(server.introspection())
        token = server.token()
        assert checker.check(token) == "ok ann@example.org"
    with checker:
        assert checker.check(token).startswith("temporary:")


def test_server_that_says_nothing_is_temporary_in_time(asked):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with asked(f"http://127.0.0.1:{listener.getsockname()[1]}/") as checker:
            begin = time.monotonic()
            assert checker.check("token").startswith("temporary:")
            assert time.monotonic() - begin < DEADLINE_SECONDS + 5


@own_network
def test_resolver_that_says_nothing_is_temporary_in_time(asked, tmp_path):
    """The C library would ask for most of a minute."""
    names = tmp_path / "resolv.conf"
    names.write_text(f"nameserver {ADDRESS}\n" * 3 + "options timeout:9 attempts:2\n")
    mount = 'mount --bind "$0" "$(realpath /etc/resolv.conf)" && exec "$@"'
    within = ["unshare", "--mount", "sh", "-c", mount, names]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.bind((ADDRESS, 53))
        with asked("https://id.example.org/", within=within) as checker:
            begin = time.monotonic()
            assert "Resolving timed out" in checker.check("token")
            assert time.monotonic() - begin < DEADLINE_SECONDS + 5


class Odd(http.server.BaseHTTPRequestHandler):
    """Answers as its server's `answer` says."""

    def do_POST(self):
        self.server.requests.append((dict(self.headers), self.read_form()))
        self.server.answer(self)

    do_GET = do_POST

    def read_form(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()

    def log_message(self, *_):
        pass


@contextmanager
def odd_server(answer):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        server.answer, server.requests = answer, []
        server.url = f"http://127.0.0.1:{server.server_port}/introspect"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


def saying(body, status=200, **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


GOOD = b'{"active":true,"email":"ann@example.org","aud":"mail"}'


def test_request_is_that_of_the_rfc(asked):
    with odd_server(saying(GOOD)) as server:
        with asked(server.url) as checker:
            assert checker.check("a+b/c==") == "ok ann@example.org"
        [(headers, form)] = server.requests
        assert form == "token=a%2Bb%2Fc%3D%3D&token_type_hint=access_token"
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert headers["Accept"] == "application/json"
        assert headers["Authorization"] == identity.basic(CLIENT_ID, CLIENT_SECRET)
        assert "Expect" not in headers


@pytest.mark.parametrize("answer", [
    saying(b""),
    saying(b"<html>"),
    saying(b"[]"),
    saying(b"{}"),
    saying(b'{"active":"true"}'),
    saying(b'{"active":1}'),
    saying(b'{"active":true,"active":true}'),
    saying(GOOD + b"x"),
    saying(GOOD[:-1]),
    saying(GOOD.replace(b"ann", b"ann\\u0000")),
    saying(GOOD + b" " * 65536),
    saying(GOOD, status=201),
    saying(GOOD, status=400),
    saying(GOOD, status=403),
    saying(GOOD, status=500),
    saying(GOOD, status=503),
])
def test_answer_that_is_none_is_temporary(asked, answer):
    with odd_server(answer) as server, asked(server.url) as checker:
        assert checker.check("token").startswith("temporary: the introspection endpoint")


def test_largest_answer_is_read(asked):
    with odd_server(saying(GOOD + b" " * (65536 - len(GOOD)))) as server:
        with asked(server.url) as checker:
            assert checker.check("token") == "ok ann@example.org"


def test_redirection_is_not_followed(asked):
    with odd_server(saying(GOOD)) as other:
        with odd_server(saying(GOOD, status=307, Location=other.url)) as server:
            with asked(server.url) as checker:
                assert checker.check("token").startswith("temporary: ")
        assert other.requests == []


def test_answer_that_never_ends_is_temporary_in_time(asked):
    ended = threading.Event()

    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        while not ended.wait(0.5):
            handler.wfile.write(b" ")

    with odd_server(drip) as server, asked(server.url) as checker:
        begin = time.monotonic()
        try:
            assert checker.check("token").startswith("temporary:")
        finally:
            ended.set()
        assert time.monotonic() - begin < DEADLINE_SECONDS + 5


# Signed tokens


@needs_identity
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signed_token_names_its_user(server, by_keys, algorithm):
    with by_keys(server, scope="mail") as checker:
        token = server.token(format=algorithm)
        assert token.count(".") == 2
        assert checker.check(token) == "ok ann@example.org"
        assert checker.check(token[:-8] + "AAAAAAAA").startswith("denied: the token's signature")
        assert checker.check(server.token()).startswith("denied: the token is no signed one")


@needs_identity
def test_signed_token_expires(server, by_keys):
    with by_keys(server) as checker:
        answer = checker.check_until(server.token(format="ES256", seconds=1), "denied:")
        assert answer == "denied: the token has expired"


@needs_identity
@pytest.mark.parametrize("options, text", [
    ({"audience": "other"}, "denied: the token is for another audience"),
    ({"issuer": "https://id.example.org"}, "denied: the token is of another issuer"),
    ({"scope": "other"}, "denied: the token does not have the scope 'other'"),
    ({"name": "bob@example.org"}, "denied: the token is of another user"),
    ({"claim": "nickname"}, "invalid: the token has no text in the claim 'nickname'"),
])
def test_signed_token_that_breaks_a_rule_is_refused(server, by_keys, options, text):
    with by_keys(server, **options) as checker:
        assert checker.check(server.token(format="EdDSA")) == text


@needs_identity
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_key_of_another_issuer_is_none(server, other_server, by_keys, algorithm):
    """Its keys have the same names."""
    with by_keys(server, issuer=other_server.issuer) as checker:
        answer = checker.check(other_server.token(format=algorithm))
        assert answer == "denied: the token's signature is wrong"


@pytest.fixture(scope="module")
def other_server():
    with Identity() as made:
        yield made


@needs_identity
def test_keys_are_read_again_when_they_change(server, other_server, by_keys):
    with by_keys(server) as checker:
        token = server.token(format="ES256")
        assert checker.check(token) == "ok ann@example.org"
        checker.jwks.write_bytes(other_server.keys())
        assert checker.check(token) == "denied: the token's signature is wrong"
        checker.jwks.write_text("{")
        assert checker.check(token).startswith("temporary: jwks:")
        checker.jwks.unlink()
        assert checker.check(token).startswith("temporary: jwks:")
        checker.jwks.write_bytes(server.keys())
        assert checker.check(token) == "ok ann@example.org"


# Settings


@pytest.mark.parametrize("options, text", [
    ({}, "either 'introspection' or 'jwks' is needed"),
    ({"introspection": "https://a/", "jwks": "keys"}, "either 'introspection' or 'jwks' is needed"),
    ({"jwks": "keys"}, "issuer: it is needed with 'jwks'"),
    ({"jwks": "keys", "issuer": "a"}, "audience: it is needed with 'jwks'"),
    ({"jwks": "keys", "issuer": "a", "audience": ""}, "audience: it is empty"),
    ({"jwks": "keys", "issuer": "a", "audience": "a", "client_id": "a"}, "client-id: it is not for 'jwks'"),
    ({"jwks": "keys", "issuer": "a", "audience": "a", "ca": "a"}, "ca: it is not for 'jwks'"),
    ({"jwks": "/no/file", "issuer": "a", "audience": "a"},
     "jwks: cannot read '/no/file': No such file or directory"),
    ({"jwks": "/dev/null", "issuer": "a", "audience": "a"},
     "jwks: '/dev/null' is no file, or larger than 262144 octets"),
    ({"jwks": "SECRET", "issuer": "a", "audience": "a"},
     "jwks: 'SECRET': there is no set of keys in it (RFC 7517)"),
    ({"jwks": "SECRET", "issuer": "a", "audience": "a", "scope": "a b"},
     "scope: a single one is needed (RFC 6749)"),
    ({"introspection": "https://a/"}, "client-id: it is needed with 'introspection'"),
    ({"introspection": "https://a/", "client_id": "a"}, "password-file: it is needed with 'introspection'"),
    ({"introspection": "https://a/", "client_id": "a", "password_file": "SECRET"},
     "'scope' or 'audience' is needed, to tell tokens that are for mail"),
])
def test_settings_that_cannot_be_are_told(secret, options, text):
    options = {name: value.replace("SECRET", str(secret)) for name, value in options.items()}
    assert refused_settings(**options) == text.replace("SECRET", str(secret))


URL_NEEDED = "https://HOST/PATH is needed"
PLAIN_REFUSED = "plain http goes to this machine only (127.0.0.1, ::1)"


@pytest.mark.parametrize("url, text", [
    ("a", URL_NEEDED),
    ("", "introspection: it is empty"),
    ("ftp://127.0.0.1/", URL_NEEDED),
    ("file:///etc/passwd", URL_NEEDED),
    ("https://", URL_NEEDED),
    ("https://ann:secret@a/", URL_NEEDED),
    ("http://id.example.org/", PLAIN_REFUSED),
    ("http://192.0.2.1/", PLAIN_REFUSED),
    ("http://127.0.0.1.example.org/", PLAIN_REFUSED),
    ("http://[2001:db8::1]/", PLAIN_REFUSED),
    ("http://localhost.example.org/", PLAIN_REFUSED),
])
def test_url_must_keep_tokens_from_others(secret, url, text):
    said = refused_settings(
        introspection=url, client_id="a", password_file=secret, audience="mail"
    )
    assert said.removeprefix("introspection: ") == text.removeprefix("introspection: ")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "[::1]", "localhost"])
def test_plain_http_goes_to_this_machine(asked, host):
    with asked(f"http://{host}:{free_port()}/") as checker:
        assert checker.check("token").startswith("temporary:")


@pytest.mark.parametrize("content, good", [
    (b"", False), (b"\n", False), (b"a\nb\n", False), (b"a\0b", False), (b"a\r\n", True),
    (b"x" * 1024, True), (b"x" * 1025, False),
])
def test_client_secret_is_one_line(secret, asked, content, good):
    secret.write_bytes(content)
    if good:
        with asked(f"http://127.0.0.1:{free_port()}/"):
            return
    said = refused_settings(
        introspection="https://a/", client_id="a", password_file=secret, audience="mail"
    )
    assert re.match(r"password-file: '.*' is (not one line|no file)", said)


def test_lock_file_names_no_host():
    """So that everybody's npm takes the packages from where it is told."""
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
