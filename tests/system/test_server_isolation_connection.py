"""isolation = "connection": a fresh front for each connection."""

import os
import re
import select
import signal
import time
from pathlib import Path

import certificates
import pop3
import pytest
from restanted import AS_ROOT, SANITIZED, wait_for_end

pytestmark = pytest.mark.skipif(
    not AS_ROOT, reason="only root can see which process has a connection"
)


def make(make_server, limits=None, **keys):
    server = make_server(
        isolation="connection", limits={"per-address": 0, **(limits or {})}, **keys
    )
    server.maildir("ann")
    return server


@pytest.fixture
def server(make_server):
    return make(make_server).start()


def socket_of(client):
    """The inode of the server's end of a connection."""
    ends = [f":{end[1]:04X}" for end in (client.socket.getpeername(), client.socket.getsockname())]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        alive = fields[9] != "0"
        if alive and fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
            return f"socket:[{fields[9]}]"
    raise AssertionError("there is no such connection")


def descriptors(pid):
    try:
        entries = os.listdir(f"/proc/{pid}/fd")
    except (FileNotFoundError, ProcessLookupError):
        return  # it has ended
    for entry in entries:
        try:
            yield os.readlink(f"/proc/{pid}/fd/{entry}")
        except (FileNotFoundError, ProcessLookupError):
            continue  # closed meanwhile


def process_of(server, client):
    """The one process that has this connection."""
    target = socket_of(client)
    family = [pid for pids in server.roles().values() for pid in pids]
    found = [pid for pid in family if target in descriptors(pid)]
    assert len(found) == 1, found
    return found[0]


def memory_of(pid):
    """What the process can read, writable or not, of files or not."""
    found = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and "[v" not in line:
                memory.seek(start)
                found += memory.read(end - start)
    return found


def reload(server):
    start = len(server.log.lines)
    server.process.send_signal(signal.SIGHUP)
    server.log.wait(r"\bready\b", start=start)


def test_two_connections_are_served_by_different_processes(server):
    with server.connect() as one, server.connect() as other:
        assert process_of(server, one) != process_of(server, other)


def test_the_process_ends_with_its_connection_and_the_log_says_nothing(server):
    path = server.deliver(b"A: b\n\ntext\n")
    with server.login() as client:
        pid = process_of(server, client)
        client.ok(b"DELE 1")
        client.quit()
    assert wait_for_end(pid)
    assert not path.exists()
    server.login().quit()
    assert not server.log.find(r"ended (with|by)")


def test_killed_process_ends_its_own_session_only(server):
    server.maildir("bob")
    server.deliver(b"A: b\n\ntext\n")
    with server.login() as session, server.login(b"bob") as victim:
        pid = process_of(server, victim)
        os.kill(pid, signal.SIGKILL)
        assert victim.rest() == b""
        assert session.retrieve(1) == b"A: b\r\n\r\ntext\r\n"
        server.log.wait(rf"restanted-front\[{pid}\] was ended by signal 9")
        server.login_soon(b"bob").quit()  # its lock went with it
        session.quit()


def test_crashes_of_serving_processes_hold_up_nobody(server):
    for _ in range(8):
        with server.connect() as victim:
            os.kill(process_of(server, victim), signal.SIGKILL)
            victim.rest()
    start = time.monotonic()
    server.login().quit()
    assert time.monotonic() - start < 2.0  # a back-off would have grown to five seconds


def kill_one(server):
    """A front that is there; one that was seen may have ended since."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for pid in server.roles().get("front", []):
            try:
                os.kill(pid, signal.SIGKILL)
                return pid
            except ProcessLookupError:
                continue
    raise AssertionError("there is no front")


def test_processes_that_die_while_they_wait_are_started_again_later(make_server):
    server = make(make_server, fronts=1).start()
    times = []
    for _ in range(5):
        start = time.monotonic()
        spare = kill_one(server)
        assert wait_for_end(spare)
        with server.connect() as client:
            times.append(time.monotonic() - start)
            pid = process_of(server, client)
            client.quit()
        assert wait_for_end(pid)
    assert times[-1] > 0.6  # 50 ms, doubled four times
    assert times[0] < times[-1]


def test_200_connections_in_a_row(server):
    seen = set()
    for _ in range(200):
        with server.login() as client:
            seen.add(process_of(server, client))
            client.quit()
    assert len(seen) == 200
    assert all(wait_for_end(pid) for pid in seen)
    assert not server.log.find(r"ended (with|by)")


def test_100_connections_in_parallel(server):
    for number in range(1, 101):
        server.deliver(b"A: b\n\n", number=number)
    clients = [server.connect() for _ in range(100)]
    pids = {process_of(server, client) for client in clients}
    assert len(pids) == 100
    with server.login() as session:
        assert session.ok(b"STAT").startswith(b"+OK 100 ")
        session.quit()
    for client in clients:
        client.quit()
        client.close()
    assert all(wait_for_end(pid) for pid in pids)


def test_tls_and_private_keys(make_server, tmp_path_factory):
    authority = certificates.Authority(tmp_path_factory.mktemp("authority"))
    certificate = authority.issue("server", "pop.example.org")
    server = make(make_server, certificates=[certificate]).start()
    for _ in range(3):
        with server.connect_tls(certificate.client()) as client:
            client.login(b"ann", b"secret")
            client.quit()


@pytest.mark.parametrize("limit", ["per-address", "connections"])
def test_limits_count_over_all_processes(make_server, limit):
    server = make(make_server, {limit: 3}).start()
    clients = [server.connect() for _ in range(3)]
    with server.connect() as refused:
        assert refused.greeting.startswith(b"-ERR [SYS/TEMP] ")
        assert f"(limit: {limit})".encode() in refused.greeting
    pid = process_of(server, clients[0])
    os.kill(pid, signal.SIGKILL)  # what a process leaves behind is taken out of the count
    server.log.wait(rf"\[{pid}\] was ended by signal 9")
    with server.login() as client:
        assert client.ok(b"STAT") == b"+OK 0 0"
        client.quit()
    for client in clients:
        client.close()


def test_a_refused_connection_does_not_use_up_its_process(make_server):
    server = make(make_server, {"per-address": 1}, fronts=2).start()
    with server.login() as session:
        # The one that replaces it may still be starting: it cannot be told which is which.
        before = set(server.roles()["front"])
        for _ in range(30):
            with server.connect() as refused:
                assert b"(limit: per-address)" in refused.greeting
        assert len(set(server.roles()["front"]) - before) <= 1
        session.quit()


def test_full_server_lets_the_longest_silent_one_go(make_server):
    server = make(make_server, {"connections": 4})
    server.maildir("bob")
    server.start()
    logged_in = server.login()  # the oldest of all
    oldest = server.connect()
    start = time.monotonic()
    second, third = server.connect(), server.connect()
    second.ok(b"CAPA")
    while True:
        fresh = server.connect()
        if fresh.greeting.startswith(b"+OK"):
            break
        assert b"(limit: connections)" in fresh.greeting
        assert time.monotonic() - start < 20.0
        fresh.close()
        select.select([oldest.socket], [], [], 0.1)
    assert time.monotonic() - start > 1.8
    assert oldest.rest() == b""
    logged_in.ok(b"NOOP")
    third.ok(b"CAPA")
    fresh.login(b"bob", b"two words")
    fresh.quit()
    assert server.log.wait(r"made room .*limit: connections")
    assert not server.log.find(r"ended (with|by)")


def test_a_crowd_of_silent_ones_keeps_nobody_out(make_server):
    names = {f"user{number}": "secret" for number in range(8)}
    server = make(make_server, {"connections": 8}, users=names)
    for user in names:
        server.maildir(user)
    server.start()
    crowd = [server.connect() for _ in range(8)]
    # Each gets in as soon as one of the crowd has waited long enough, and stays.
    served = [server.login_soon(user.encode(), b"secret", seconds=20.0) for user in names]
    assert all(client.rest() == b"" for client in crowd)
    with server.connect() as refused:  # who has logged in gives way to nobody
        assert b"(limit: connections)" in refused.greeting
    for client in served:
        client.quit()


def test_connections_have_a_limit_that_processes_can_keep(make_server):
    server = make(make_server, fronts=3).start()
    assert server.log.find(r"\b2045 connections at most, .*limit: connections")


def test_sessions_of_a_user_have_their_limit(make_server):
    server = make(make_server, {"sessions-per-user": 1}).start()
    with server.login() as session, server.connect() as other:
        other.ok(b"USER ann")
        assert other.err(b"PASS secret").startswith(b"-ERR [IN-USE] ")
        session.quit()


def test_reload_keeps_open_connections(make_server):
    server = make(make_server)
    path = server.deliver(b"A: b\n\ntext\n")
    server.start()
    with server.login() as session, server.connect() as early:
        session.ok(b"DELE 1")
        for name in ("first.example.org", "second.example.org"):
            text = server.config.read_text()
            server.config.write_text(re.sub(r'hostname = ".*"', f'hostname = "{name}"', text))
            reload(server)
            with server.connect() as fresh:
                assert name.encode() in fresh.greeting
        early.ok(b"CAPA")
        early.content()
        session.ok(b"STAT")
        session.quit()
    assert not path.exists()
    assert not server.log.find(r"ended (with|by)")


@pytest.mark.parametrize("first, second", [("connection", "shared"), ("shared", "connection")])
def test_reload_goes_over_to_the_other_isolation(make_server, first, second):
    server = make(make_server)
    server.keys["isolation"] = first
    path = server.deliver(b"A: b\n\ntext\n")
    server.start()
    with server.login() as session:
        text = server.config.read_text()
        server.config.write_text(text.replace(f'"{first}"', f'"{second}"'))
        reload(server)
        with server.connect() as one, server.connect() as other:
            same = process_of(server, one) == process_of(server, other)
            assert same == (second == "shared")
        session.ok(b"DELE 1")
        session.quit()
    assert not path.exists()


def test_stop_ends_open_connections(server):
    path = server.deliver(b"A: b\n\ntext\n")
    with server.login() as session:
        session.ok(b"DELE 1")
        server.stop()
        assert session.rest() == b""
    assert path.exists()


@pytest.mark.skipif(SANITIZED, reason="a sanitizer maps more memory than there is")
def test_password_of_one_session_is_not_in_the_process_of_another(server):
    with server.connect() as one, server.connect() as other:
        one.ok(b"USER ann")
        one.send(b"PASS Wr0ngW0rd")  # without its end it stays where it was read to
        one_pid, other_pid = process_of(server, one), process_of(server, other)
        deadline = time.monotonic() + pop3.TIMEOUT
        while b"Wr0ngW0rd" not in memory_of(one_pid):
            assert time.monotonic() < deadline, "the server does not read"
        other.ok(b"USER bob")
        assert b"USER bob" in memory_of(other_pid)
        assert b"Wr0ngW0rd" not in memory_of(other_pid)
        spares = set(server.roles()["front"]) - {one_pid, other_pid}
        assert spares
        assert not [pid for pid in spares if b"Wr0ngW0rd" in memory_of(pid)]
