"""Clients that mean harm: handshakes that never end, and guessed passwords. They come from many
addresses of 127/8, so that limits by address are not what holds them off."""

import json
import random
import select
import socket
import sys
import time

from tls_scan import Hello

HALF_HELLO = Hello().record()[:100]
WHOLE_HELLO = Hello().record()
# What a stuck client sends, in turn, and whether STLS comes before it.
KINDS = [(False, b""), (False, HALF_HELLO), (False, WHOLE_HELLO), (True, b""), (True, HALF_HELLO)]


def address(network, number):
    """The number-th of 127.`network`.x.y; 60,000 of them."""
    number %= 60_000
    return f"127.{network}.{number // 240}.{1 + number % 240}"


class Stuck:
    """`count` clients that begin a TLS handshake and never finish it. Who is thrown out comes
    again."""

    def __init__(self, port, tls_port, count):
        self.port, self.tls_port = port, tls_port
        self.poll = select.epoll()
        self.open = {}
        self.opened = 0
        while len(self.open) < count:
            self.begin()
        self.again = 0

    def begin(self):
        stls, octets = KINDS[self.opened % len(KINDS)]
        source = address(20, self.opened // 10)  # ten from one address
        self.opened += 1
        made = socket.socket()
        try:
            made.bind((source, 0))
            made.settimeout(20)
            made.connect(("127.0.0.1", self.port if stls else self.tls_port))
            if stls:
                made.sendall(b"STLS\r\n")
                answer = b""
                while answer.count(b"\n") < 2:
                    piece = made.recv(1000)
                    if not piece:
                        raise ConnectionError
                    answer += piece
            made.sendall(octets)
        except OSError:
            made.close()
            return
        self.open[made.fileno()] = made
        self.poll.register(made.fileno(), select.EPOLLIN)

    def tend(self, timeout=0.0):
        """Takes what the server says, and replaces who was thrown out; returns how many those are."""
        gone = 0
        for fd, _ in self.poll.poll(timeout):
            try:
                octets = self.open[fd].recv(1 << 16)
            except OSError:
                octets = b""
            if not octets:
                self.open.pop(fd).close()
                self.begin()
                gone += 1
        self.again += gone
        return gone

    def close(self):
        for made in self.open.values():
            made.close()


class Guesses:
    """`rate` wrong logins a second, each on a connection of its own and from another address.
    None waits for the answer of another."""

    ANSWERS = (b"-ERR [AUTH]", b"-ERR [SYS/TEMP]", b"-ERR")

    def __init__(self, port, rate, users):
        self.port, self.rate, self.users = port, rate, users
        self.poll = select.epoll()
        self.open = {}
        self.sent = 0
        self.begun = time.monotonic()
        self.answers = {answer.decode(): 0 for answer in self.ANSWERS}
        self.answers["closed"] = 0
        self.random = random.Random(1)

    def begin(self):
        made = socket.socket()
        made.setblocking(False)
        made.bind((address(40, self.sent), 0))
        made.connect_ex(("127.0.0.1", self.port))
        self.sent += 1
        self.open[made.fileno()] = [made, b""]
        self.poll.register(made.fileno(), select.EPOLLOUT)

    def step(self, fd, events):
        made, heard = self.open[fd]
        try:
            if events & select.EPOLLOUT:
                user = self.random.choice(self.users)
                made.send(f"USER {user}\r\nPASS guess{self.sent}\r\n".encode())
                self.poll.modify(fd, select.EPOLLIN)
                return
            octets = made.recv(4096)
        except OSError:
            octets = b""
        heard += octets
        self.open[fd][1] = heard
        last = heard.splitlines()[-1] if heard else b""
        if octets and not (heard.endswith(b"\n") and last.startswith(b"-ERR")):
            return
        answer = next((a for a in self.ANSWERS if last.startswith(a)), None) if octets else None
        self.answers[answer.decode() if answer else "closed"] += 1
        self.open.pop(fd)[0].close()

    def tend(self):
        due = int((time.monotonic() - self.begun) * self.rate)
        # One that was kept waiting does not catch up in one burst.
        for _ in range(min(due - self.sent, 50)):
            self.begin()
        for fd, events in self.poll.poll(0.002):
            self.step(fd, events)

    def close(self):
        for made, _ in self.open.values():
            made.close()


def main():
    """attackers.py PORT TLS_PORT STUCK RATE USER...: says "ready" once the stuck ones are there,
    and what happened when its standard input ends."""
    port, tls_port, count, rate = map(int, sys.argv[1:5])
    stuck = Stuck(port, tls_port, count)
    guesses = Guesses(port, rate, sys.argv[5:])
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        stuck.tend(0.0 if rate else 0.05)
        if rate:
            guesses.tend()
    seconds = time.monotonic() - guesses.begun
    print(json.dumps({
        "seconds": seconds, "guesses": guesses.sent, "waiting": len(guesses.open),
        "answers": guesses.answers, "stuck": len(stuck.open), "again": stuck.again,
    }))  # fmt: skip
    stuck.close()
    guesses.close()


if __name__ == "__main__":
    main()
