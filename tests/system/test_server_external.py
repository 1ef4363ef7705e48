"""EXTERNAL: the client's certificate says who it is (RFC 4422, appendix A)."""

import base64
import ssl

import pytest
from certificates import Authority
from test_server_sasl import offered, users


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def certificate(folder):
    (folder / "server").mkdir()
    return Authority(folder / "server").issue("pop.example.org")


@pytest.fixture(scope="module")
def authority(folder):
    (folder / "clients").mkdir()
    return Authority(folder / "clients")


def issue(authority, *names, **options):
    return authority.issue(*names, purpose=options.pop("purpose", "clientAuth"), **options)


@pytest.fixture(scope="module")
def ann(authority):
    return issue(authority, "ann@example.org")


@pytest.fixture
def server(make_server, certificate, authority):
    server = make_server(certificates=[certificate], client_ca=str(authority.root))
    users(server, ["ann@example.org:*", "ben:*", "cid:*::::::"])
    server.deliver(b"Subject: a\n\n", user="ann@example.org")
    server.maildir("ben")
    return server.start()


def external(client, name=b""):
    return client.command(b"AUTH EXTERNAL " + (base64.b64encode(name) or b"="))


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_address_in_the_certificate_logs_in(server, certificate, ann, version):
    tls = ann.presented_to(certificate, minimum_version=version, maximum_version=version)
    with server.connect_tls(tls) as client:
        assert "EXTERNAL" in offered(client)
        assert external(client).startswith(b"+OK")
        assert client.command(b"STAT").startswith(b"+OK 1 ")


def test_so_it_does_after_stls_and_with_its_name_said(server, certificate, ann):
    with server.connect() as client:
        assert "EXTERNAL" not in offered(client)
        client.stls(ann.presented_to(certificate))
        assert external(client, b"ann@example.org").startswith(b"+OK")


def test_the_response_may_come_by_itself(server, certificate, ann):
    with server.connect_tls(ann.presented_to(certificate)) as client:
        assert client.command(b"AUTH EXTERNAL") == b"+ "
        assert client.command(b"").startswith(b"+OK")


def test_without_an_address_the_common_name_does(server, certificate, authority):
    ben = issue(authority, "unused.example.org", label="ben")
    with server.connect_tls(ben.presented_to(certificate)) as client:
        assert external(client).startswith(b"+OK")


@pytest.mark.parametrize("name", [b"ben", b"ann@example.org ", b"ann", b"x" * 150, b"a\0b"])
def test_nobody_acts_for_another(server, certificate, ann, name):
    with server.connect_tls(ann.presented_to(certificate)) as client:
        assert external(client, name).startswith(b"-ERR [AUTH]")


def certificates_that_do_not_count(authority, folder):
    (folder / "others").mkdir(exist_ok=True)
    other = Authority(folder / "others")
    yield issue(other, "ann@example.org")
    yield issue(authority, "ann@example.org", label="old", dates=("20010101000000Z", "20010201000000Z"))
    yield issue(authority, "ann@example.org", label="server", purpose="serverAuth")
    yield issue(authority, "ann@example.org", "ben@example.org", label="two")


def test_a_certificate_that_does_not_count_is_as_none(server, certificate, authority, folder):
    for wrong in certificates_that_do_not_count(authority, folder):
        with server.connect_tls(wrong.presented_to(certificate)) as client:
            assert "EXTERNAL" not in offered(client), wrong
            assert external(client).startswith(b"-ERR")
            assert client.command(b"NOOP").startswith(b"-ERR")  # the session goes on


def test_an_unknown_user_is_refused(server, certificate, authority):
    nobody = issue(authority, "nobody@example.org")
    with server.connect_tls(nobody.presented_to(certificate)) as client:
        assert external(client).startswith(b"-ERR [AUTH]")
    assert server.log.wait(r'login refused: user="nobody@example.org" .*reason=unknown-user')


def test_without_a_certificate_nothing_changes(server, certificate):
    with server.connect_tls(certificate.client()) as client:
        assert "EXTERNAL" not in offered(client)
        assert external(client).startswith(b"-ERR")


def test_a_resumed_session_is_still_who_it_was(server, certificate, ann):
    # A ticket holds the certificate; whoever has the ticket has the session's secret too.
    tls = ann.presented_to(certificate, maximum_version=ssl.TLSVersion.TLSv1_2)
    with server.connect_tls(tls) as client:
        session = client.socket.session
        assert external(client).startswith(b"+OK")
        assert client.command(b"QUIT").startswith(b"+OK")
    with server.connect_tls(tls, session=session) as client:
        assert client.socket.session_reused
        assert external(client).startswith(b"+OK")


def test_without_client_ca_nobody_is_asked(make_server, certificate, ann):
    server = make_server(certificates=[certificate])
    users(server, ["ann@example.org:*"])
    server.maildir("ann@example.org")
    server.start()
    with server.connect_tls(ann.presented_to(certificate)) as client:
        assert "EXTERNAL" not in offered(client)
        assert external(client).startswith(b"-ERR")
