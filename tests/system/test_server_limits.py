"""Hostile and slow clients cost bounded memory and delay nobody else (PROJ-1, PROJ-2)."""

import select
import socket
import time
from pathlib import Path

import corpus
import pytest
from attackers import Stuck
from certificates import Authority
from restanted import SANITIZED

MEGABYTE = 1 << 20
# What a session may cost at most, all processes together. A sanitizer's allocator gives memory
# back late, so there it only shows that the cost has a bound.
ROOM = (24 if SANITIZED else 2) * MEGABYTE


def resident(server):
    """Octets of memory that belong to the roles alone."""
    total = 0
    for pids in server.roles().values():
        for pid in pids:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(("RssAnon:", "RssShmem:")):
                    total += int(line.split()[1]) * 1024
    return total


def answers_meanwhile(server):
    with server.login() as client:
        client.ok(b"STAT")
        client.quit()


@pytest.mark.parametrize("login", [False, True], ids=["before login", "after login"])
def test_10_mb_without_a_newline_costs_no_memory(make_server, login):
    # R2449-6
    server = make_server()
    server.maildir("ann")
    server.maildir("bob")
    server.start()
    answers_meanwhile(server)
    client = server.login(b"bob", b"two words") if login else server.connect()
    before = resident(server)
    piece = b"DELE 1 " * 9000
    sent = 0
    try:
        while sent < 10 * MEGABYTE:
            client.send(piece)
            sent += len(piece)
            if sent // len(piece) % 50 == 0:
                answers_meanwhile(server)
        client.send(b"\r\nNOOP\r\n")
        assert client.line().startswith(b"-ERR")
        client.line()  # the next command is answered by itself
    except (ConnectionResetError, BrokenPipeError):
        pass  # to close the connection is as good (R2449-6)
    assert resident(server) - before < ROOM
    client.close()
    answers_meanwhile(server)


def test_reader_that_stops_costs_no_memory_and_delays_nobody(make_server):
    # PROJ-2: a big message, and many commands, to clients that do not read
    server = make_server()
    stored = b"A: b\n\n" + b"0123456789abcdef\n" * (20 * MEGABYTE // 17)
    server.deliver(stored, "bob")
    server.maildir("ann")
    server.start()
    answers_meanwhile(server)
    with server.login(b"bob", b"two words") as slow:
        before = resident(server)
        slow.send(b"RETR 1\r\n" * 20)
        slow.line()  # it has begun
        for _ in range(5):
            answers_meanwhile(server)
        assert resident(server) - before < ROOM
        # and it is all there when the client reads at last
        assert len(slow.content()) == len(corpus.wire_form(stored))


def test_reader_that_stops_in_a_long_listing(make_server):
    server = make_server()
    for number in range(5000):
        server.deliver(b"A: b\n\n", "bob", number=number)
    server.maildir("ann")
    server.start()
    with server.login(b"bob", b"two words") as slow:
        before = resident(server)
        slow.send(b"UIDL\r\n" * 30)
        slow.line()
        answers_meanwhile(server)
        assert resident(server) - before < ROOM
        for number in range(30):
            if number:
                slow.line()
            assert slow.content().count(b"\r\n") == 5000


def test_many_connections_that_say_nothing(make_server):
    server = make_server(limits={"per-address": 0})
    server.maildir("ann")
    server.start()
    idle = [server.connect() for _ in range(300)]
    before = resident(server)
    for client in idle:
        client.send(b"USER an")  # an unfinished command each
    answers_meanwhile(server)
    assert resident(server) - before < 2 * ROOM
    for client in idle:
        client.close()
    answers_meanwhile(server)


def test_handshakes_that_never_end_hold_up_nobody(make_server, tmp_path):
    # R2595-9, PROJ-1: silent, with a half and with a whole ClientHello, and after STLS
    certificate = Authority(tmp_path).issue("pop.example.org")
    server = make_server(certificates=[certificate], fronts=2, limits={"login-seconds": 20})
    server.maildir("ann")
    server.start()
    tls = certificate.client()

    def slowest_login():
        taken = []
        for _ in range(20):
            begun = time.monotonic()
            with server.connect_tls(tls) as client:
                client.login()
                client.quit()
            taken.append(time.monotonic() - begun)
        return max(taken)

    quiet = slowest_login()
    before = resident(server)
    stuck = Stuck(server.port, server.tls_port, 500)
    assert slowest_login() < 10 * quiet + 1.0
    # 46 KiB each, as these are mixed.
    assert resident(server) - before < 2 * ROOM + 500 * 64 * 1024
    assert stuck.tend() == 0, "nobody is thrown out for it"
    stuck.close()
    slowest_login()


def test_handshakes_that_never_end_are_ended(make_server, tmp_path):
    # R2595-9
    certificate = Authority(tmp_path).issue("pop.example.org")
    server = make_server(certificates=[certificate], limits={"login-seconds": 1})
    server.maildir("ann")
    server.start()
    begun = time.monotonic()
    stuck = Stuck(server.port, server.tls_port, 50)
    while stuck.again < 50:
        assert time.monotonic() - begun < 10.0
        stuck.tend(1.0)
    stuck.close()


def test_every_login_waits_its_turn_and_gets_an_answer(make_server):
    # Hashing has its own threads: who asks for NOOP meanwhile is not delayed by them.
    server = make_server(limits={"per-address": 0})
    server.maildir("ann")
    server.start()
    clients = [server.connect() for _ in range(50)]
    for client in clients:
        client.send(b"USER nobody\r\nPASS wrong\r\n")
    with server.connect() as other:
        other.err(b"NOOP")
    for client in clients:
        client.line()
        assert client.line().startswith(b"-ERR [AUTH] ")
        client.close()


def test_sessions_come_and_go_without_leaks(server):
    server.deliver(b"A: b\n\ntext\n")
    for _ in range(20):
        server.login().quit()
    roles = server.roles()
    try:
        count = {pid: len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in flat(roles)}
    except PermissionError as error:
        pytest.skip(f"the roles hide their descriptors: {error}")
    before = resident(server)
    for number in range(300):
        client = server.login()
        client.retrieve(1)
        client.close() if number % 2 else client.quit()
    server.login().quit()  # waits for the end of the last session
    assert server.roles() == roles
    for pid in flat(roles):
        assert len(list(Path(f"/proc/{pid}/fd").iterdir())) <= count[pid] + 2
    assert resident(server) - before < ROOM


def flat(roles):
    return [pid for pids in roles.values() for pid in pids]


def test_connections_dropped_at_once_do_no_harm(server):
    for number in range(200):
        made = socket.create_connection(("127.0.0.1", server.port))
        if number % 2:
            made.sendall(b"USER ann\r\nPASS secret\r\nQUIT")
        made.close()
    server.login_soon().quit()


def test_client_that_writes_and_never_reads_is_held_back(server):
    # R2449-19: reading pauses, and so the client's writing does; memory stays bounded.
    with server.login() as client:
        before = resident(server)
        client.socket.setblocking(False)
        sent = 0
        batch = b"CAPA\r\n" * 10_000
        while select.select([], [client.socket], [], 1.0)[1]:
            sent += client.socket.send(batch)
            assert sent < 200 * MEGABYTE, "the server swallows everything"
        assert resident(server) - before < ROOM


def test_logins_of_a_user_wait_for_each_other(make_server):
    # R2449-13; a wrong password hears of it as little as of anything else
    server = make_server(limits={"login-delay-seconds": 2})
    server.maildir("ann")
    server.maildir("bob")
    server.start()
    with server.connect() as client:
        assert b"LOGIN-DELAY 2" in client.listing(b"CAPA")
    start = time.monotonic()
    server.login(b"ann").quit()
    with server.connect() as client:
        client.ok(b"USER ann")
        assert client.command(b"PASS secret").startswith(b"-ERR [LOGIN-DELAY] ")
        client.ok(b"USER ann")
        assert client.command(b"PASS wrong").startswith(b"-ERR [AUTH] ")
    server.login(b"bob").quit()
    server.login_soon(b"ann").quit()
    assert time.monotonic() - start > 1.9
