"""`restante fetch` logs in by SASL: with real servers, and with some that lie."""

import base64
import os
import shutil
import ssl
import tempfile
from pathlib import Path

import dovecot
import fake_sasl
import pytest
from certificates import Authority
from fake_pop3 import FakePop3, Mail
from fake_sasl import Bearer, Says, Scram
from fetching import fetcher, stored  # noqa: F401
from middle import Middle

MAIL = [Mail(b"Subject: one\r\n\r\nfirst\r\n"), Mail(b"Subject: two\r\n\r\n.second\r\n")]
TLS13, TLS12 = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
ALL = b"SASL SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN"
BASE64_PLAIN = base64.b64encode(b"\0ann\0secret")


@pytest.fixture(scope="module")
def authority():
    folder = Path(tempfile.mkdtemp(prefix="restante-certificates-"))
    folder.chmod(0o755)  # the servers' users must get through
    yield Authority(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("localhost", "127.0.0.1")


@pytest.fixture
def fake():
    """In plain text on loopback, with every mechanism listed."""
    with FakePop3(MAIL) as server:
        server.faults.capabilities.append(ALL)
        yield server


def secret_forms(password=b"secret"):
    return [password, base64.b64encode(password), base64.b64encode(b"\0ann\0" + password)]


def never_told(server):
    received = server.received()
    assert not any(form in received for form in secret_forms()), received
    assert b"PASS" not in received and b"AUTH PLAIN" not in received


def attempts(server):
    """What was tried to log in, in all sessions."""
    verbs = ("AUTH", "USER", "PASS", "APOP")
    return [c for s in server.sessions for c in s.commands if c.split()[0] in verbs]


# restanted


@pytest.fixture
def restanted(make_server, certificate):
    def start(**options):
        server = make_server(certificates=[certificate], users={"ann": "pencil"}, **options)
        server.deliver(b"Subject: a\n\nb\n")
        return server.start()

    return start


def from_restanted(fetcher, server, certificate, *options, port=None, password="pencil"):
    url = f"pops://ann@localhost:{port or server.tls_port}"
    return fetcher.run(url, "--json", "--ca", certificate.root, *options, password=password)


def test_plus_end_to_end(fetcher, restanted, certificate):
    """R5802-12: the server has nothing but -PLUS, so that is what went over the line."""
    server = restanted(mechanisms="SCRAM-SHA-256-PLUS")
    result = from_restanted(fetcher, server, certificate)
    assert result.returncode == 0, result.stderr
    assert result.summary["auth"] == "SCRAM-SHA-256-PLUS" and result.summary["fetched"] == 1
    assert fetcher.contents() == [b"Subject: a\n\nb\n"]
    result = from_restanted(fetcher, server, certificate, password="penci")
    assert result.returncode == 77 and server.log.wait(r'login refused: user="ann"')


@pytest.mark.parametrize(
    "mechanism",
    ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5",
     "PLAIN", "LOGIN", "password"],
)  # fmt: skip
def test_each_login_with_restanted(fetcher, restanted, certificate, mechanism):
    server = restanted(mechanisms="SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 "
                                  "CRAM-MD5 PLAIN LOGIN")  # fmt: skip
    result = from_restanted(fetcher, server, certificate, "--auth", mechanism)
    assert result.returncode == 0, result.stderr
    assert result.summary["auth"] == mechanism and result.summary["fetched"] == 1
    result = from_restanted(fetcher, server, certificate, "--auth", mechanism, password="wrong")
    assert result.returncode == 77, result.stderr


def test_the_best_with_restanted(fetcher, restanted, certificate):
    server = restanted()
    assert from_restanted(fetcher, server, certificate).summary["auth"] == "SCRAM-SHA-256-PLUS"
    plain = fetcher.run(f"pop://ann@127.0.0.1:{server.port}", "--json", password="pencil")
    assert plain.returncode == 0 and plain.summary["auth"] == "SCRAM-SHA-256"
    stls = fetcher.run(
        f"pop://ann@127.0.0.1:{server.port}", "--json", "--ca", certificate.root, password="pencil"
    )
    assert stls.returncode == 0 and stls.summary["auth"] == "SCRAM-SHA-256-PLUS"


def test_a_server_without_plus_takes_a_client_that_could(fetcher, restanted, certificate):
    """R5802-7: "y" is true where no -PLUS is listed, and the server must not take it amiss."""
    server = restanted(mechanisms="SCRAM-SHA-256")
    result = from_restanted(fetcher, server, certificate)
    assert result.returncode == 0, result.stderr
    assert result.summary["auth"] == "SCRAM-SHA-256"


def test_a_password_in_unicode(fetcher, make_server, certificate):
    server = make_server(certificates=[certificate], users={"ann": "p\N{LATIN SMALL LETTER A WITH DIAERESIS}ss"})
    server.maildir()
    server.start()
    result = from_restanted(fetcher, server, certificate, password="pa\N{COMBINING DIAERESIS}ss")
    assert result.returncode == 0 and result.summary["auth"] == "SCRAM-SHA-256-PLUS"
    result = from_restanted(fetcher, server, certificate, password="p\udce4ss")  # Latin-1
    assert result.returncode == 78 and "SASLprep" in result.summary["error"]


def middle(restanted, certificate, edit=lambda line: line):
    return Middle(certificate.server(), certificate.client(), restanted.tls_port, edit)


def test_somebody_in_the_middle_with_a_right_certificate_is_shut_out(
    fetcher, restanted, certificate
):
    """R5802-8: the login is bound to the client's TLS, which is not the server's."""
    server = restanted()
    with middle(server, certificate) as between:
        result = from_restanted(fetcher, server, certificate, port=between.port)
        assert result.returncode == 77, result.stderr
    (auth,) = [line for line in between.lines if line.startswith(b"AUTH ")]
    assert auth.startswith(b"AUTH SCRAM-SHA-256-PLUS ")
    assert base64.b64decode(auth.split()[2]).startswith(b"p=tls-exporter,,n=ann,r=")
    assert not any(form in line for line in between.lines for form in secret_forms(b"pencil"))


def test_hiding_plus_in_the_middle_is_found_out(fetcher, restanted, certificate):
    """R5802-6, R5802-7."""
    server = restanted()

    def hide(line):
        if not line.startswith(b"SASL "):
            return line
        return b" ".join(w for w in line.split() if b"PLUS" not in w) + b"\r\n"

    with middle(server, certificate, hide) as between:
        result = from_restanted(fetcher, server, certificate, port=between.port)
        assert result.returncode == 77, result.stderr
    (auth,) = [line for line in between.lines if line.startswith(b"AUTH ")]
    assert auth.startswith(b"AUTH SCRAM-SHA-256 ")
    assert base64.b64decode(auth.split()[2]).startswith(b"y,,n=ann,r=")


# Dovecot


@pytest.fixture(scope="module")
def other_server(certificate):
    if dovecot.missing() is not None:
        pytest.skip(dovecot.missing())
    folder = tempfile.mkdtemp(prefix="restante-dovecot-")
    mechanisms = "plain login cram-md5 scram-sha-1 scram-sha-256"
    try:
        with dovecot.Dovecot(folder, [b"A: b\n\nc\n"], certificate, mechanisms) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "mechanism",
    ["auto", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN", "password"],
)
@pytest.mark.parametrize("way", ["plain", "tls"])
def test_each_login_with_dovecot(fetcher, other_server, certificate, mechanism, way):
    url, options = other_server.url(), []
    if way == "tls":
        url = f"pops://ann@127.0.0.1:{other_server.tls_port}"
        options = ["--ca", certificate.root]
    result = fetcher.run(url, "--json", "--auth", mechanism, *options)
    assert result.returncode == 0, result.stderr
    wanted = "SCRAM-SHA-256" if mechanism == "auto" else mechanism
    assert result.summary["auth"] == wanted and result.summary["fetched"] == 1
    assert fetcher.contents() == [b"A: b\n\nc\n"]


# Each refusal makes Dovecot slower.
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN"])
def test_a_wrong_password_with_dovecot(fetcher, other_server, mechanism):
    result = fetcher.run(other_server.url(), "--auth", mechanism, password="wrong")
    assert result.returncode == 77, result.stderr


# What is chosen, and how it goes over the line


def test_each_login_with_the_fake(fetcher, fake):
    """R5034-9, R5034-13: the fake is right, or the tests below would show nothing."""
    for mechanism, auth in [
        ("SCRAM-SHA-256", Scram()), ("SCRAM-SHA-1", Scram()), ("CRAM-MD5", fake_sasl.cram_md5),
        ("PLAIN", fake_sasl.plain), ("LOGIN", fake_sasl.login),
    ]:  # fmt: skip
        fake.faults.auth = auth
        result = fetcher.run(fake.url(), "--json", "--auth", mechanism.lower())
        assert result.returncode == 0, (mechanism, result.stderr)
        session = fake.sessions[-1]
        assert session.commands[1].startswith(f"AUTH {mechanism}") and session.early == []
        assert session.commands[2:4] == ["CAPA", "STAT"]
    assert fetcher.contents() == stored(MAIL)


@pytest.mark.parametrize(
    "listed, secure, wanted",
    [
        (b"PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256", True, "AUTH SCRAM-SHA-256"),
        (b"PLAIN LOGIN CRAM-MD5 scram-sha-1", True, "AUTH SCRAM-SHA-1"),
        (b"CRAM-MD5 PLAIN LOGIN", True, "AUTH PLAIN"),
        (b"CRAM-MD5 PLAIN LOGIN", False, "AUTH CRAM-MD5"),
        (b"GSSAPI LOGIN", False, "AUTH LOGIN"),
        (b"GSSAPI XOAUTH2 OAUTHBEARER", True, "USER ann"),
        (b"", True, "USER ann"),
    ],
)
def test_the_best_is_used(fetcher, certificate, listed, secure, wanted):
    """R5802-12, R5034-18."""
    tls = certificate.server() if secure else None
    with FakePop3(MAIL, tls=tls, implicit=secure) as server:
        server.faults.capabilities.append(b"SASL " + listed)
        ways = {"SCRAM-SHA-256": Scram(), "SCRAM-SHA-1": Scram(), "PLAIN": fake_sasl.plain,
                "LOGIN": fake_sasl.login, "CRAM-MD5": fake_sasl.cram_md5}  # fmt: skip
        server.faults.auth = ways.get(wanted.partition(" ")[2])
        options = ("--ca", certificate.root) if secure else ()
        result = fetcher.run(server.url(), *options)
        assert result.returncode == 0, result.stderr
        assert attempts(server)[0].startswith(wanted)


@pytest.mark.parametrize("version, header", [(TLS13, b"y,,"), (TLS12, b"n,,")])
def test_what_is_told_of_binding(fetcher, certificate, version, header):
    """R5802-7: with TLS 1.2 there is nothing that is safe to bind to (R5802-8)."""
    with FakePop3(MAIL, tls=certificate.server(version), implicit=True) as server:
        server.faults.capabilities.append(b"SASL SCRAM-SHA-256")
        server.faults.auth = Scram()
        assert fetcher.run(server.url(), "--ca", certificate.root).returncode == 0
        assert server.faults.auth.header == header


def test_mechanisms_from_before_tls_are_forgotten(fetcher, certificate):
    """R2595-5."""
    with FakePop3(MAIL, tls=certificate.server()) as server:
        server.faults.plain_capabilities = [b"SASL SCRAM-SHA-256"]
        server.faults.capabilities.append(b"SASL PLAIN")
        server.faults.auth = fake_sasl.plain
        result = fetcher.run(server.url(), "--ca", certificate.root)
        assert result.returncode == 0 and attempts(server)[0].startswith("AUTH PLAIN ")


@pytest.mark.parametrize("octets", [20, 248])
def test_a_long_message_does_not_go_along(fetcher, octets):
    """R5034-9: 255 octets with CRLF."""
    password = "x" * octets
    with FakePop3(MAIL) as server:
        server.faults.capabilities.append(b"SASL PLAIN")
        server.faults.auth = fake_sasl.plain
        assert fetcher.run(server.url(), password=password).returncode == 77
        (auth,) = attempts(server)
        assert (auth == "AUTH PLAIN") == (octets == 248)
        message = server.sessions[0].responses[0] if octets == 248 else auth.split()[2]
        assert base64.b64decode(message) == b"\0ann\0" + password.encode()


def test_the_url_may_name_it(fetcher, fake):
    """R2384-2."""
    fake.faults.auth = fake_sasl.login
    result = fetcher.run(f"pop://ann;AUTH=LOGIN@127.0.0.1:{fake.port}")
    assert result.returncode == 0 and attempts(fake) == ["AUTH LOGIN"]


@pytest.mark.parametrize(
    "options",
    [
        ["--auth", "SCRAM"],
        ["--auth", "EXTERNAL"],
        ["--auth", ""],
        ["--auth", "OAUTHBEARER"],
        ["--auth", "PLAIN", "--token-command", "echo token"],
        ["--token-command", "echo token", "--password-command", "echo secret"],
    ],
)
def test_wrong_usage_is_64(fetcher, fake, options):
    assert fetcher.run(fake.url(), *options).returncode == 64
    assert fake.sessions == [] and not fetcher.maildir.exists()


# Servers that lie. None of them hears the password.


@pytest.mark.parametrize("listed", [None, b"SASL PLAIN LOGIN", b"SASL SCRAM-SHA-1"])
def test_what_was_asked_for_is_not_replaced(fetcher, fake, listed):
    """Somebody on the way takes SASL, or the better mechanisms, out of CAPA."""
    fake.faults.capabilities[-1:] = [listed] if listed else []
    result = fetcher.run(fake.url(), "--json", "--auth", "SCRAM-SHA-256")
    assert result.returncode == 69
    assert "does not offer SCRAM-SHA-256" in result.summary["error"]
    assert attempts(fake) == []
    never_told(fake)


@pytest.mark.parametrize("answer", [b"-ERR no\r\n", b"-ERR [AUTH] no\r\n", b"-ERR [SYS/TEMP] no\r\n"])
@pytest.mark.parametrize("at", ["AUTH", "proof"])
def test_nothing_weaker_after_a_failure(fetcher, fake, answer, at):
    """R5802-12: PLAIN is listed as well."""
    fake.faults.auth = Says(answer) if at == "AUTH" else Refuses(answer)
    result = fetcher.run(fake.url(), "--json")
    assert result.returncode == (75 if b"TEMP" in answer else 77), result.stderr
    assert "refuses the login" in result.summary["error"]
    (auth,) = attempts(fake)
    assert auth.startswith("AUTH SCRAM-SHA-256 ")
    never_told(fake)


class Refuses(Scram):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def __call__(self, *arguments):
        super().__call__(*arguments)
        return self.answer


IMPOSTOR = "somebody may be answering in its place"


@pytest.mark.parametrize(
    "auth",
    [
        Scram(final=lambda message: b"v=" + base64.b64encode(bytes(32))),
        Scram(final=lambda message: message[:-5] + b"AAAA="),
        Scram(final=lambda message: b""),
        Scram(final=lambda message: b"ok"),
        Scram(final=lambda message: None),  # +OK instead of the signature
        Scram(password=b"guessed"),  # it does not know the password, and says so in no way
        Scram(password=b"guessed", final=lambda message: None),
        Says(b"+OK\r\n"),  # +OK to AUTH
    ],
    ids=["zeros", "other", "empty", "ok", "missing", "guessed", "guessed-missing", "at-once"],
)
def test_an_impostor_gets_nothing(fetcher, fake, auth):
    """R5802-4: it ends there, and no octet follows."""
    fake.faults.auth = auth
    result = fetcher.run(fake.url(), "--json")
    assert result.returncode == 77, result.stderr
    assert IMPOSTOR in result.summary["error"]
    (session,) = fake.sessions
    assert [c.split()[0] for c in session.commands] == ["CAPA", "AUTH"]
    assert len(session.responses) <= 1
    never_told(fake)
    assert fetcher.files() == []


def first(edit):
    return Scram(first=edit)


@pytest.mark.parametrize(
    "auth, words",
    [
        (first(lambda m: b"r=AAAA" + m[2:]), "does not begin with ours"),
        (first(lambda m: b"r=" + m[6:]), "does not begin with ours"),
        (Scram(iterations=1), "1 iterations"),
        (Scram(iterations=4095), "easy to guess"),
        (Scram(iterations=4294967295), "more than 10000000"),
        (first(lambda m: m.replace(b"i=4096", b"i=" + b"9" * 50)), "cannot be read"),
        (first(lambda m: b"m=x," + m), "cannot be read"),
        (first(lambda m: b""), "cannot be read"),
        (first(lambda m: b"\0\xff" * 400), "cannot be read"),
        (first(lambda m: m + b"," + b"x" * 9000), "cannot be read"),
        (Says(b"+ !!!\r\n"), "no base64"),
        (Says(b"+ QUF\r\n"), "no base64"),
        (Says(b"+\r\n", b"+ cg==\r\n"), "cannot be read"),
    ],
)
def test_wrong_challenges_are_given_up(fetcher, fake, auth, words):
    """R5034-6, R7677-2: with "*", and the session ends."""
    fake.faults.auth = auth
    result = fetcher.run(fake.url(), "--json")
    assert result.returncode == 76, result.stderr
    assert words in result.summary["error"], result.summary["error"]
    (session,) = fake.sessions
    assert session.responses == [b"*"]
    assert [c.split()[0] for c in session.commands] == ["CAPA", "AUTH"]
    never_told(fake)


def test_a_reason_in_the_last_message(fetcher, fake):
    fake.faults.auth = Scram(final=lambda message: b"e=other-error\n")
    result = fetcher.run(fake.url(), "--json")
    assert result.returncode == 77 and "other-error\\x0a" in result.summary["error"]
    assert fake.sessions[0].responses[-1] == b"*"


@pytest.mark.parametrize("octets", [20_000, 1_000_000])
def test_a_challenge_without_end(fetcher, fake, octets):
    """R5034-10."""
    fake.faults.auth = Says(b"+ " + b"QUFB" * (octets // 4) + b"\r\n", b"-ERR\r\n")
    result = fetcher.run(fake.url(), "--json")
    assert result.returncode == 76 and "too long" in result.summary["error"]
    never_told(fake)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"])
def test_challenges_without_end(fetcher, fake, mechanism):
    """Each mechanism knows how many it has; the message may have gone out in the first."""
    fake.faults.auth = Says(b"+ \r\n")
    result = fetcher.run(fake.url(), "--json", "--auth", mechanism)
    assert result.returncode == 76, result.stderr
    (session,) = fake.sessions
    assert session.responses[-1] == b"*" and len(session.responses) <= 3


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_ok_too_early(fetcher, fake, mechanism):
    """PLAIN has said all with AUTH; the others have said nothing yet."""
    fake.faults.auth = Says(b"+OK\r\n")
    result = fetcher.run(fake.url(), "--json", "--auth", mechanism)
    if mechanism == "PLAIN":
        assert fake.sessions[0].commands[2] == "CAPA"
    else:
        assert result.returncode == 77 and "that is no login" in result.summary["error"]
        assert len(fake.sessions[0].commands) == 2


@pytest.mark.parametrize("way", ["answer", "response"])
def test_a_server_that_goes_away_in_the_middle(fetcher, fake, way):
    if way == "answer":
        fake.faults.drop_at = {"AUTH"}
    else:
        fake.faults.auth = lambda conversation, *_: (
            conversation.challenge(b"x") and conversation.close()
        )
    result = fetcher.run(fake.url(), "--json", "--auth", "CRAM-MD5")
    assert result.returncode == 75 and "before the login was done" in result.summary["error"]


@pytest.mark.parametrize("text", [BASE64_PLAIN, b"secret"])
def test_a_server_that_repeats_the_password(fetcher, fake, text):
    fake.faults.auth = Says(b"-ERR unknown command AUTH PLAIN " + text + b"\r\n")
    result = fetcher.run(fake.url(), "--json", "--auth", "PLAIN")
    assert result.returncode == 77
    assert text not in result.stderr and text not in result.stdout


# Tokens

TOKEN = "ya29.a0AfH6SM-token_token~token"


def with_token(fetcher, server, certificate, token=TOKEN, *options):
    file = fetcher.folder / "token"
    file.write_text(token + "\n")
    arguments = ["--json", "--token-command", f"cat {file}", *options]
    return fetcher.run(server.url(), "--ca", certificate.root, *arguments)


@pytest.fixture
def bearer(certificate):
    with FakePop3(MAIL, tls=certificate.server(), implicit=True) as server:
        server.faults.capabilities.append(b"SASL SCRAM-SHA-256 PLAIN OAUTHBEARER XOAUTH2")
        yield server


@pytest.mark.parametrize("octets", [40, 3000, 8192])
@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_tokens(fetcher, bearer, certificate, mechanism, octets):
    """R7628-1, R7628-4."""
    token = "t" * octets
    bearer.faults.auth = Bearer(token.encode())
    if mechanism == "XOAUTH2":
        bearer.faults.capabilities[-1] = b"SASL PLAIN XOAUTH2"
    result = with_token(fetcher, bearer, certificate, token)
    assert result.returncode == 0, result.stderr
    assert result.summary["auth"] == mechanism
    message = bearer.faults.auth.message
    if mechanism == "OAUTHBEARER":
        assert message == b"n,a=ann,\1host=127.0.0.1\1port=%d\1auth=Bearer %s\1\1" % (
            bearer.port, token.encode())  # fmt: skip
    else:
        assert message == b"user=ann\1auth=Bearer %s\1\1" % token.encode()
    assert bearer.faults.auth.along == (octets == 40)
    assert fetcher.contents() == stored(MAIL)


ERROR = {"status": "invalid_token", "schemes": "bearer", "scope": "https://mail.example/\n"}


@pytest.mark.parametrize("octets", [40, 3000])
@pytest.mark.parametrize("mechanism, answer", [("OAUTHBEARER", b"\1"), ("XOAUTH2", b"")])
def test_a_refused_token(fetcher, bearer, certificate, mechanism, answer, octets):
    """R7628-3: its reason is told, and there is no other attempt."""
    bearer.faults.auth = Bearer(b"", ERROR)
    result = with_token(fetcher, bearer, certificate, "t" * octets, "--auth", mechanism)
    assert result.returncode == 77, result.stderr
    assert "status invalid_token, scope https://mail.example/\\x0a" in result.summary["error"]
    assert bearer.faults.auth.heard == answer
    (auth,) = attempts(bearer)
    assert auth.split()[:2] == ["AUTH", mechanism]


def test_ok_after_a_refused_token_is_no_login(fetcher, bearer, certificate):
    bearer.faults.auth = Bearer(b"", b"what?", lenient=True)
    result = with_token(fetcher, bearer, certificate)
    assert result.returncode == 77 and "that is no login" in result.summary["error"]


def test_a_server_that_repeats_the_token(fetcher, bearer, certificate):
    for text in (TOKEN.encode(), None):
        bearer.faults.auth = lambda conversation, _, initial, text=text: (
            b"-ERR what is " + (text or initial) + b"?\r\n"
        )
        result = with_token(fetcher, bearer, certificate)
        assert result.returncode == 77 and "has the token in it" in result.summary["error"]
        assert TOKEN.encode() not in result.stderr + result.stdout


def test_a_server_without_tokens(fetcher, bearer, certificate):
    bearer.faults.capabilities[-1] = ALL
    result = with_token(fetcher, bearer, certificate)
    assert result.returncode == 69 and attempts(bearer) == []
    assert "no login with a token" in result.summary["error"]
    assert TOKEN.encode() not in bearer.received()


@pytest.mark.parametrize("token", ["", "two words", "t" * 8193, "a\x01auth=b"])
def test_what_is_no_token_is_78(fetcher, bearer, certificate, token):
    result = with_token(fetcher, bearer, certificate, token)
    assert result.returncode == 78 and "token" in result.summary["error"]
    assert bearer.sessions == []


def test_a_token_command_that_fails(fetcher, bearer, certificate):
    options = ("--json", "--ca", certificate.root, "--token-command", "exit 3")
    result = fetcher.run(bearer.url(), *options)
    assert result.returncode == 78 and "token command failed" in result.summary["error"]


def test_no_token_without_tls(fetcher, certificate):
    """R7628-1: STLS is not there, and the token stays here."""
    with FakePop3(MAIL, tls=certificate.server()) as server:
        server.faults.hide_stls = True
        server.faults.capabilities.append(b"SASL OAUTHBEARER XOAUTH2")
        result = with_token(fetcher, server, certificate)
        assert result.returncode == 69 and attempts(server) == []
        assert b"Bearer" not in server.received()


def test_password_is_not_asked_for_with_a_token(fetcher, bearer, certificate):
    bearer.faults.auth = Bearer(TOKEN.encode())
    environment = {k: v for k, v in os.environ.items() if k != "RESTANTE_PASSWORD"}
    fetcher.environment = lambda password: environment
    assert with_token(fetcher, bearer, certificate).returncode == 0
