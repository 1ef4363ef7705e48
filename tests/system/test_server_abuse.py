"""Who guesses passwords, hangs on, or crowds the server is held off; others are not (PROJ-1)."""

import base64
import re
import select
import shutil
import socket
import struct
import subprocess
import time

import pop3
import pytest
from certificates import Authority
from restanted import SANITIZED, free_port
from test_server_limits import resident

MEGABYTE = 1 << 20
SLACK = 1.0 if SANITIZED else 0.28  # less than from one delay to the one after the next


def try_login(server, user=b"ann", password=b"wrong", source="127.0.0.1", sasl=False):
    """One login on a connection of its own: its answer, and how long that took."""
    with server.connect(source=source) as client:
        if sasl:
            assert client.command(b"AUTH PLAIN") == b"+ "
            line = base64.b64encode(b"\0" + user + b"\0" + password)
        else:
            client.ok(b"USER " + user)
            line = b"PASS " + password
        start = time.monotonic()
        return client.command(line), time.monotonic() - start


# ---- sessions that hang on ----


def ended(client, seconds):
    """The server closes the connection, without a word, in that time."""
    return bool(select.select([client.socket], [], [], seconds)[0]) and client.rest() == b""


def test_single_octets_keep_no_session_alive(make_server):
    # R1939-14: a command resets the timer, a part of one does not. R1939-15: nothing is removed.
    server = make_server(limits={"idle-seconds": 1})
    path = server.deliver(b"A: b\n\ntext\n")
    server.start()
    with server.login() as client:
        client.ok(b"DELE 1")
        start = time.monotonic()
        while not ended(client, 0.1):
            assert time.monotonic() - start < 5.0
            client.send(b"N")
        assert 0.8 < time.monotonic() - start
    assert path.exists()
    assert server.log.wait(r"limit: idle-seconds")


def slow_reader(server):
    """A login from a client whose connection holds little under way."""
    made = socket.socket()
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(pop3.TIMEOUT)
    made.connect(("127.0.0.1", server.port))
    client = pop3.Pop3.__new__(pop3.Pop3)
    client.socket, client.pending = made, bytearray()
    client.line()
    client.login()
    return client


@pytest.mark.parametrize("floor, kept", [(10_000, True), (1_000_000_000, False)])
def test_a_reader_must_take_so_much_in_time(make_server, floor, kept):
    server = make_server(
        limits={"idle-seconds": 1, "reader-octets": floor, "failure-delay-ms": 100,
                "failure-delay-max-ms": 100, "failures-per-address": 0}
    )
    path = server.deliver(b"A: b\n\n" + b"0123456789abcdef\n" * (4 * MEGABYTE // 17))
    server.start()
    with slow_reader(server) as client:
        client.ok(b"DELE 1\r\nRSET\r\nRETR 1")
        start = time.monotonic()
        broken = False
        while time.monotonic() - start < 3.0 and not broken:
            try_login(server)  # 0.1 s
            try:
                for _ in range(20):
                    broken = broken or not client.socket.recv(2000)
            except ConnectionResetError:
                broken = True
        assert broken != kept
        if kept:
            client.content()
            client.quit()
    if not kept:
        server.log.wait(r"limit: reader-octets", 5.0)
    assert path.exists()


def test_too_many_mistakes_end_the_session(make_server):
    server = make_server(limits={"mistakes-per-session": 2, "commands-before-login": 5})
    path = server.deliver(b"A: b\n\ntext\n")
    server.start()
    with server.login() as client:
        client.ok(b"DELE 1")
        client.err(b"X")
        client.err(b"X")
        assert b"(limit: mistakes-per-session)" in client.err(b"X")
        assert client.rest() == b""
    assert path.exists()
    assert server.log.wait(r"user ann .*limit: mistakes-per-session")
    with server.connect() as client:
        for _ in range(5):
            client.listing(b"CAPA")
        assert b"(limit: commands-before-login)" in client.err(b"CAPA")
        assert client.rest() == b""
    assert server.log.wait(r"limit: commands-before-login")


def test_full_server_lets_the_longest_silent_one_go(make_server):
    server = make_server(limits={"connections": 4})
    server.maildir("ann")
    server.start()
    logged_in = server.login()
    oldest = server.connect()
    start = time.monotonic()
    second, third = server.connect(), server.connect()
    second.ok(b"CAPA")
    while True:
        fresh = server.connect()
        if fresh.greeting.startswith(b"+OK"):
            break
        assert b"(limit: connections)" in fresh.greeting
        assert time.monotonic() - start < 8.0
        fresh.close()
        ended(oldest, 0.1)
    assert time.monotonic() - start > 1.8
    assert oldest.rest() == b""
    logged_in.ok(b"NOOP")
    third.ok(b"CAPA")
    fresh.ok(b"CAPA")
    assert server.log.wait(r"made room .*limit: connections")
    for client in (logged_in, second, third, fresh):
        client.close()


# ---- guessed passwords ----


def test_guessing_from_everywhere_keeps_nobody_out(make_server):
    # The delays are the default's. All guesses are of ann's password, and none waits for its answer.
    server = make_server(limits={"failure-delay-ms": 1000})
    server.maildir("ann")
    server.start()
    before = resident(server)
    guesses = []
    slowest = 0.0
    for number in range(500):
        source = f"127.{1 + number % 5}.{number % 100}.{1 + number // 5}"
        guess = server.connect(source=source)
        guess.send(b"USER ann\r\nPASS guess\r\n")
        guesses.append(guess)
        if number % 50 == 49:
            reply, seconds = try_login(server, password=b"secret")
            assert reply.startswith(b"+OK")
            slowest = max(slowest, seconds)
    assert slowest < 2.0
    with server.log.changed:  # the threads that check do not end in order
        assert server.log.changed.wait_for(
            lambda: sum('refused: user="ann"' in line for line in server.log.lines) == 500, 20.0
        )
    assert resident(server) - before < 24 * MEGABYTE
    for guess in guesses:
        guess.close()


def test_delay_doubles_up_to_its_maximum_and_success_ends_that(make_server):
    # PROJ-5: for an unknown user and a known one alike; the user's own grows half as fast.
    server = make_server(limits={"failure-delay-ms": 100, "failure-delay-max-ms": 400})
    server.maildir("ann")
    server.start()

    def check(wanted, **login):
        reply, seconds = try_login(server, **login)
        assert reply == b"-ERR [AUTH] user name or password is wrong"
        assert wanted - 0.02 <= seconds < wanted + SLACK, (login, seconds)

    for number, wanted in enumerate((0.1, 0.2, 0.4, 0.4)):
        check(wanted, user=b"nobody%d" % number)
    assert try_login(server, password=b"secret")[0].startswith(b"+OK")
    check(0.1, user=b"eve")
    check(0.2, user=b"ann", sasl=True)
    for number, wanted in enumerate((0.1, 0.2, 0.2, 0.4)):
        check(wanted, user=b"ann", source=f"127.0.1.{1 + number}")
        reply, seconds = try_login(server, password=b"secret", source=f"127.0.1.{1 + number}")
        assert reply.startswith(b"+OK") and seconds < SLACK  # never the success


def test_unknown_names_at_user_count_too(make_server):
    server = make_server(limits={"failures-per-address": 3}, unknown_user="at-user")
    server.maildir("ann")
    server.start()
    with server.connect() as client:
        for number in range(3):
            client.err(b"USER nobody%d" % number)
        client.ok(b"USER nobody")  # tells nothing any more
        assert b"(limit: failures-per-address)" in client.err(b"PASS x")
    assert try_login(server, password=b"secret", source="127.0.0.2")[0].startswith(b"+OK")


def program(server, name, text):
    path = server.folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_ban_tells_nothing_about_the_password_and_ends(make_server):
    server = make_server(
        limits={"failures-per-address": 3, "failure-window-seconds": 2, "failure-delay-ms": 50},
        ban_command="tell",
    )
    program(server, "tell", 'echo "told $# $1 $2"\n')
    server.maildir("ann")
    server.start()
    for _ in range(3):
        assert try_login(server)[0].startswith(b"-ERR [AUTH] ")
    start = time.monotonic()
    text = (
        b"-ERR [SYS/TEMP] too many refused logins from your address (limit: "
        b"failures-per-address), try again later"
    )
    for password in (b"secret", b"wrong"):
        for sasl in (False, True):
            reply, seconds = try_login(server, password=password, sasl=sasl)
            assert reply == text and 0.04 < seconds < 1.0
    assert try_login(server, password=b"secret", source="127.0.0.2")[0].startswith(b"+OK")
    assert server.log.wait(r"^restanted-auth\[\d+\]: banned: from=127\.0\.0\.1 seconds=2 failures=3$")
    assert server.log.wait(r"^told 2 127\.0\.0\.1 2$")
    server.login_soon().quit()
    assert 1.5 < time.monotonic() - start < 10.0
    assert server.log.text().count("told") == 1


def test_ban_command_that_hangs_holds_up_nobody(make_server):
    server = make_server(limits={"failures-per-address": 1}, ban_command="tell")
    program(server, "tell", 'echo "told $1"\nexec sleep 1000\n')
    server.maildir("ann")
    server.start()
    for number in range(1, 80):  # more than are kept
        try_login(server, source=f"127.0.2.{number}")
    server.log.wait(r"does not keep up")
    server.login().quit()
    server.stop()  # looks that nothing is left running
    assert len(re.findall(r"^told", server.log.text(), re.MULTILINE)) == 1


def test_ban_command_that_cannot_be_run_is_told_at_the_start(make_server, build):
    server = make_server(ban_command="no-such-program")
    server.port = free_port()
    server.write_config()
    done = subprocess.run(
        [build / "restanted", "-c", server.config], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 78
    assert "ban-command '" in done.stderr and "no-such-program" in done.stderr


# ---- fail2ban ----

NAMES = [
    b"nobody",
    b'x" from=203.0.113.9 reason=wrong-password',
    b"x\\",
    b'"' * 200,
    b"restanted-auth[1]: login refused: user=",
    "ä\n".encode(),
    b"a" * 240,
]


def fail2ban(repository, path, mode):
    """The addresses that the filter finds, in order."""
    filter_path = repository / "contrib/fail2ban/filter.d/restante.conf"
    if shutil.which("fail2ban-regex"):
        done = subprocess.run(
            ["fail2ban-regex", "-o", "ip", path, f"{filter_path}[mode={mode}]"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout.split()
    rules = dict(re.findall(r"^([\w-]+) = (.*)$", filter_path.read_text(), re.MULTILINE))
    pattern = rules[f"re-{mode}"].replace("%(_start)s", rules["_start"])
    pattern = re.sub("<(ADDR|SUBNET)>", r"([0-9a-f.:]+(?:/\\d+)?)", pattern)
    lines = [line.split(" ", 3)[3] for line in path.read_text().splitlines()]
    return [found[1] for line in lines if (found := re.match(pattern, line))]


def test_fail2ban_filter_finds_every_address_and_no_other(make_server, repository):
    server = make_server(limits={"failures-per-address": 4, "failure-window-seconds": 600})
    server.maildir("ann")
    server.start()
    for number, name in enumerate(NAMES):
        # Odd octets come through SASL alone.
        try_login(server, user=name, source=f"127.0.3.{number + 1}", sasl=True)
    for _ in range(5):
        try_login(server, source="127.0.4.1")
    try_login(server, password=b"secret")
    with server.connect() as client:
        client.err(b"AUTH PLAIN AAAA")  # malformed: no guess
        client.quit()
    wanted = [f"127.0.3.{number + 1}" for number in range(len(NAMES))] + ["127.0.4.1"] * 5
    for style in ("Nov 24 15:00:{:02} host restanted[77]: ", "Nov 24 15:00:{:02} host "):
        path = server.folder / "log"
        lines = server.log.text().splitlines()
        path.write_text("".join(style.format(i % 60) + line + "\n" for i, line in enumerate(lines)))
        assert fail2ban(repository, path, "refused") == wanted
        assert fail2ban(repository, path, "banned") == ["127.0.4.1"]


# ---- proxies ----

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(client="192.0.2.1"):
    return f"PROXY TCP{6 if ':' in client else 4} {client} {client} 4128 110\r\n".encode()


def v2(client="192.0.2.1", command=1, more=b""):
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    octets = socket.inet_pton(family, client)
    block = octets + octets + struct.pack(">HH", 4128, 110) + more
    kind = 0x21 if ":" in client else 0x11
    return SIGNATURE + struct.pack(">BBH", 0x20 | command, kind, len(block)) + block


LOCAL = SIGNATURE + b"\x20\0\0\0"
UNSPEC = SIGNATURE + b"\x21\0\0\0"
PROXY = "127.0.0.2"


class Proxied:
    """A server with listeners for a proxy at 127.0.0.2, plain and with TLS."""

    def __init__(self, make_server, limits=None, tls=False, **options):
        self.port = free_port()
        self.tls_port = free_port()
        listen = f'address = "127.0.0.1:{self.port}"  proxy = "{PROXY}/32 2001:db8::/32"'
        extra = f'listen "proxied" {{ {listen} }}\n'
        if tls:
            listen = listen.replace(str(self.port), str(self.tls_port))
            extra += f'listen "proxied-tls" {{ {listen}  tls = "implicit" }}\n'
        self.server = make_server(limits=limits, extra=extra, **options)
        self.server.maildir("ann")
        self.server.start()

    def connect(self, first, source=PROXY, **options):
        return pop3.Pop3(self.port, source=source, first=first, **options)


@pytest.mark.parametrize(
    "header",
    [v1(), v1("2001:db8::7"), v2(), v2("2001:db8::7"), v2(more=b"\x04\0\x03tlv"), LOCAL, UNSPEC,
     b"PROXY UNKNOWN\r\n"],
    ids=lambda header: repr(header[:20]),
)
def test_connection_begins_with_the_header(make_shared_proxied, header):
    proxied = make_shared_proxied
    with proxied.connect(header) as client:
        client.ok(b"CAPA")
        client.content()
    with proxied.connect(header + b"CAPA\r\nQUIT\r\n") as client:
        assert client.rest().startswith(b"+OK ")
    with proxied.connect(b"", greeting=False) as client:
        client.send_octets(header)
        client.line()
        client.quit()


@pytest.fixture(scope="module")
def make_shared_proxied(make_shared_server):
    return Proxied(make_shared_server)


@pytest.mark.parametrize(
    "first", [b"CAPA\r\n", b"PROXY TCP4 192.0.2.1\r\n", b"\r\n\r\n\0X", SIGNATURE + b"\x11\x11\0\0"]
)
def test_proxy_without_a_header_is_not_served(make_shared_proxied, first):
    with make_shared_proxied.connect(first, greeting=False) as client:
        assert client.rest() == b""


@pytest.mark.parametrize("first", [b"", b"PROXY TCP4 192.0.2.1", SIGNATURE + b"\x20\0\0"])
def test_connection_that_ends_before_its_header_is_over(make_shared_proxied, first):
    with make_shared_proxied.connect(first, greeting=False) as client:
        client.half_close()
        assert client.rest() == b""


def test_who_is_no_proxy_is_not_served_with_or_without_a_header(make_shared_proxied):
    for first in (b"", v1(), LOCAL):
        with make_shared_proxied.connect(first, source="127.0.0.1", greeting=False) as client:
            assert client.rest() == b""
    # And a header is nothing to an ordinary listener.
    with make_shared_proxied.server.connect(first=v1()) as client:
        assert client.line().startswith(b"-ERR")


def test_claimed_address_is_no_loopback(make_shared_proxied):
    for header, taken in ((v1("127.0.0.1"), False), (v1("::1"), False), (v2("127.9.9.9"), False),
                          (b"PROXY UNKNOWN\r\n", False), (UNSPEC, False), (LOCAL, True)):
        with make_shared_proxied.connect(header) as client:
            assert client.command(b"USER ann").startswith(b"+OK" if taken else b"-ERR"), header


def test_claimed_address_counts_and_is_logged(make_server):
    proxied = Proxied(
        make_server,
        limits={"per-address": 1, "failures-per-address": 2},
        plaintext_login="always",
    )
    with proxied.connect(v1("192.0.2.1")), proxied.connect(v2("192.0.2.2")):
        with proxied.connect(v2("192.0.2.1")) as third:
            assert b"(limit: per-address)" in third.greeting
            assert third.rest() == b""
    for header in (v1("2001:db8:1:2::1"), v1("2001:db8:1:2::2")):
        with proxied.connect(header) as client:
            client.ok(b"USER ann")
            client.err(b"PASS wrong")
    log = proxied.server.log
    assert log.wait(r'login refused: user="ann" from=2001:db8:1:2::2 reason=wrong-password$')
    assert log.wait(r"banned: from=2001:db8:1:2::/64 seconds=600 failures=2$")
    with proxied.connect(v2("2001:db8:1:2:3:4:5:6")) as client:
        client.ok(b"USER ann")
        assert b"(limit: failures-per-address)" in client.err(b"PASS secret")
    with proxied.connect(v2("2001:db8:1:3::1")) as client:
        client.login()
        client.quit()
    assert log.wait(r"user ann from \[2001:db8:1:3::1\]:4128 ")


def test_header_is_under_the_login_deadline(make_server):
    proxied = Proxied(make_server, limits={"login-seconds": 1})
    with proxied.connect(v1()[:-1], greeting=False) as client:
        assert client.rest() == b""
    assert proxied.server.log.wait(r"127\.0\.0\.2:\d+: no login in time")


def test_header_comes_before_tls(make_server, tmp_path):
    certificate = Authority(tmp_path).issue("pop.example.org")
    proxied = Proxied(make_server, tls=True, certificates=[certificate])
    for header in (v1(), v2(), LOCAL):
        with pop3.Pop3(
            proxied.tls_port, source=PROXY, first=header, tls=certificate.client()
        ) as client:
            client.login()
            client.quit()
    with pytest.raises((OSError, pop3.Closed)):
        pop3.Pop3(proxied.tls_port, source=PROXY, tls=certificate.client())
    # After STLS what the header said still holds.
    with proxied.connect(v1("192.0.2.77")) as client:
        client.stls(certificate.client())
        client.login()
        client.quit()
    assert proxied.server.log.wait(r"user ann from 192\.0\.2\.77:4128 \(TLS")
