"""Where the private keys are: with keys, and nowhere else."""

import os
import re
import signal
import ssl
from pathlib import Path

import pop3
import pytest
from certificates import Authority, openssl
from restanted import AS_ROOT, FRONT_UID, KEYS_UID, SANITIZED

KINDS = ["ec", "rsa"]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
HANDSHAKES = 1000  # of each kind of key, half of them resumed


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("pop.example.org")


@pytest.fixture
def server(make_server, certificate):
    made = make_server(certificates=[certificate])
    made.maildir("ann")
    return made.start()


def memory_of(pid):
    """All that the process can read."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if "r" not in rights or "[v" in line:
                continue
            start, end = (int(each, 16) for each in span.split("-"))
            memory.seek(start)
            try:
                yield memory.read(end - start)
            except OSError:
                continue


# What `openssl pkey -text` calls the numbers that must stay secret.
SECRET_NUMBERS = ("priv", "privateExponent", "prime1", "prime2", "exponent1", "exponent2", "coefficient")
# So much of a secret is too much of it.
PIECE = 32


def secrets_of(key):
    """name -> octets: the private numbers in both orders, of each its first and its last PIECE
    octets; that is how they stand in DER too. And what makes up the file."""
    text = openssl("pkey", "-in", key, "-noout", "-text").decode()
    found = {}
    for name, block in re.findall(r"^(\w+):\n((?: +[0-9a-f:]+\n)+)", text, re.MULTILINE):
        if name in SECRET_NUMBERS:
            number = bytes.fromhex(re.sub(r"[ :\n]", "", block)).lstrip(b"\0")
            for order, octets in (("", number), (" reversed", number[::-1])):
                found[f"{name}{order}, begin"] = octets[:PIECE]
                found[f"{name}{order}, end"] = octets[-PIECE:]
    # The middle of it: around it stands the public key, too.
    lines = key.read_bytes().splitlines()
    found["PEM"] = lines[len(lines) // 2][:PIECE]
    return found


def shake_hands(server, certificate, name):
    """Half of them full, half of them resumed; both versions."""
    for version in VERSIONS:
        tls = certificate.client(minimum_version=version, maximum_version=version)
        session = None
        reused = 0
        for number in range(HANDSHAKES // len(VERSIONS)):
            client = pop3.Pop3(server.tls_port, greeting=False)
            client.socket = tls.wrap_socket(client.socket, server_hostname=name, session=session)
            client.line()
            reused += client.socket.session_reused
            # Every second one brings the ticket of the one before.
            session = client.socket.session if number % 2 == 0 else None
            client.close()
        assert reused == HANDSHAKES // len(VERSIONS) // 2


@pytest.mark.skipif(SANITIZED, reason="a sanitizer maps more memory than there is")
@pytest.mark.skipif(not AS_ROOT, reason="only root can read another process's memory")
def test_private_keys_are_in_the_memory_of_keys_alone(make_server, authority):
    certificates = {
        f"{kind}.example.org": authority.issue(f"{kind}.example.org", kind=kind) for kind in KINDS
    }
    server = make_server(certificates=list(certificates.values()))
    server.maildir("ann")
    server.start()
    for name, certificate in certificates.items():
        shake_hands(server, certificate, name)
    for certificate in certificates.values():
        secrets = secrets_of(certificate.key)
        assert len(secrets) in (1 * 4 + 1, 6 * 4 + 1)
        for role, pids in server.roles().items():
            for pid in pids:
                memory = list(memory_of(pid))
                found = {
                    name for name, octets in secrets.items()
                    if any(octets in piece for piece in memory)
                }
                assert bool(found) == (role == "keys"), (role, found)


@pytest.mark.skipif(not AS_ROOT, reason="only root can start roles as other users")
def test_keys_runs_as_a_user_of_its_own_that_cannot_read_the_file(server, certificate):
    (keys,) = server.roles()["keys"]
    status = Path(f"/proc/{keys}/status").read_text()
    assert f"Uid:\t{KEYS_UID}\t{KEYS_UID}" in status
    assert certificate.key.stat().st_mode & 0o077 == 0
    assert certificate.key.stat().st_uid == 0 != FRONT_UID


def test_keys_that_dies_is_replaced_with_its_keys(server, certificate):
    (keys,) = server.roles()["keys"]
    seen = len(server.log.lines)
    os.kill(keys, signal.SIGKILL)
    assert server.log.wait("restanted-keys.*was ended by signal 9", start=seen)
    for _ in range(50):
        try:
            client = server.connect_tls(certificate.client())
            break
        except (ssl.SSLError, OSError, pop3.Closed):
            server.connect().close()  # waits for an answer: the server is working on it
    client.login()
    client.quit()
