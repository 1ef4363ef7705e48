"""APOP (RFC 1939, section 7): off unless configured, for passwords that are stored readable."""

import hashlib
import re

import pytest
from certificates import Authority
from test_server_sasl import SCRAM_PENCIL, users

TIMESTAMP = re.compile(rb"^\+OK .* (<[0-9a-f]{16}\.[0-9]+@pop\.example\.org>)$")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates")).issue("pop.example.org")


@pytest.fixture
def server(make_server, certificate):
    server = make_server(apop="yes", certificates=[certificate])
    users(server, ["ann:{PLAIN}tanstaaf", "bob:$1$saltsalt$9xy1btjgzLYfb7hivXtC//", f"cid:{SCRAM_PENCIL}"])
    server.deliver(b"Subject: a\n\n")
    return server.start()


def timestamp(client):
    found = TIMESTAMP.match(client.greeting)
    assert found, client.greeting
    return found[1]


def digest(stamp, secret):
    return hashlib.md5(stamp + secret).hexdigest().encode()


def apop(client, user=b"ann", secret=b"tanstaaf", stamp=None):
    return client.command(b"APOP " + user + b" " + digest(stamp or timestamp(client), secret))


def test_the_digest_of_the_greeting_lets_in(server):
    # R1939-32, R1939-33
    with server.connect() as client:
        assert apop(client).startswith(b"+OK")
        assert client.command(b"STAT").startswith(b"+OK 1 ")


def test_no_two_greetings_are_alike(server):
    stamps = set()
    for _ in range(50):
        with server.connect() as client:
            stamps.add(timestamp(client))
    assert len(stamps) == 50


def test_the_digest_of_another_greeting_does_not(server):
    with server.connect() as first, server.connect() as second:
        assert apop(second, stamp=timestamp(first)).startswith(b"-ERR [AUTH]")
        assert apop(second).startswith(b"+OK")


@pytest.mark.parametrize("user, secret", [
    (b"ann", b"wrong"), (b"nobody", b"tanstaaf"), (b"bob", b"secret"), (b"cid", b"pencil"),
    (b"bob", b"$1$saltsalt$9xy1btjgzLYfb7hivXtC//"),
])
def test_all_refusals_are_alike(server, user, secret):
    # R1939-35: only where the secret is stored readable
    with server.connect() as client:
        refusal = apop(client, user, secret)
        assert refusal == client.command(b"APOP ann " + 32 * b"0")
        assert refusal.startswith(b"-ERR [AUTH]")
    assert server.log.wait(rf'login refused: user="{user.decode()}"')


@pytest.mark.parametrize("argument", [
    b"", b"ann", b"ann ", b"ann c4c9", b"ann " + 33 * b"0", b"ann " + 31 * b"0", b"ann " + 32 * b"G",
    b"ann  " + 32 * b"0",
])
def test_what_is_no_digest_is_refused(server, argument):
    with server.connect() as client:
        assert client.command(b"APOP " + argument).startswith(b"-ERR")
        assert apop(client).startswith(b"+OK")


def test_an_upper_case_digest_is_wrong(server):
    with server.connect() as client:
        right = digest(timestamp(client), b"tanstaaf")
        assert client.command(b"APOP ann " + right.upper()).startswith(b"-ERR [AUTH]")


def test_without_the_option_there_is_none(make_server):
    server = make_server()
    users(server, ["ann:{PLAIN}tanstaaf"])
    server.maildir("ann")
    server.start()
    with server.connect() as client:
        assert b"<" not in client.greeting
        assert client.command(b"APOP ann " + 32 * b"0").startswith(b"-ERR APOP is not available")


def test_stls_ends_what_the_greeting_offered(server, certificate):
    # R2595-6: nothing said before is of any use inside
    with server.connect() as client:
        stamp = timestamp(client)
        client.stls(certificate.client())
        assert client.command(b"APOP ann " + digest(stamp, b"tanstaaf")).startswith(b"-ERR APOP")
