"""A raw POP3 test client: octets out, lines in, every wait bounded.

It understands nothing beyond line ends and the final dot, so a test sees exactly what the
server sent.
"""

import errno
import socket

TIMEOUT = 10.0  # seconds; a server that needs longer for one answer has failed
CRLF = b"\r\n"


class Closed(Exception):
    """The server closed the connection; `args[0]` is what came of an unfinished answer."""


def unstuff(wire):
    """The message in the content lines of a multi-line answer (RFC 1939, section 3)."""
    lines = wire.split(CRLF)
    return CRLF.join(line[1:] if line.startswith(b".") else line for line in lines)


class Pop3:
    """`tls`: an ssl.SSLContext that wraps the connection before the greeting. `source`: the
    address to come from. `first`: octets to send before anything else, with what follows them in
    one segment if that can be."""

    def __init__(
        self,
        port,
        host="127.0.0.1",
        timeout=TIMEOUT,
        greeting=True,
        tls=None,
        source=None,
        first=b"",
        session=None,
    ):
        self.socket = socket.create_connection(
            (host, port), timeout=timeout, source_address=(source, 0) if source else None
        )
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending = bytearray()
        if first:
            self.socket.sendall(first, socket.MSG_MORE if tls else 0)
        if tls is not None:
            self.handshake(tls, session=session)
        self.greeting = self.line() if greeting else None

    def handshake(self, tls, name="pop.example.org", session=None):
        self.socket = tls.wrap_socket(self.socket, server_hostname=name, session=session)

    def stls(self, tls, name="pop.example.org"):
        self.ok(b"STLS")
        assert not self.pending
        self.handshake(tls, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Sending

    def send(self, octets):
        self.socket.sendall(octets)

    def send_octets(self, octets):
        """One octet a segment."""
        for index in range(len(octets)):
            self.socket.sendall(octets[index : index + 1])

    def half_close(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
            # The server was first: it has refused what came already.

    def close(self):
        self.socket.close()

    # Reading

    def fill(self):
        octets = self.socket.recv(1 << 18)
        if not octets:
            raise Closed(bytes(self.pending))
        self.pending += octets

    def take(self, length):
        taken = bytes(memoryview(self.pending)[:length])
        del self.pending[:length]
        return taken

    def line(self):
        """One line without its CRLF; nothing but CRLF may end it (R1939-3)."""
        while b"\n" not in self.pending:
            self.fill()
        line = self.take(self.pending.index(b"\n") + 1)
        assert line.endswith(CRLF), line
        assert len(line) <= 512 or not line.startswith((b"+OK", b"-ERR")), line
        return line[:-2]

    def content(self):
        """What follows the first line of a multi-line answer, still stuffed, without the final
        dot. Searched only near the new end: answers are large here."""
        if self.pending_starts(b".\r\n"):
            self.take(3)
            return b""
        start = 0
        while (end := self.pending.find(b"\r\n.\r\n", start)) < 0:
            start = max(0, len(self.pending) - 4)
            self.fill()
        return self.take(end + 5)[:-3]

    def pending_starts(self, octets):
        while len(self.pending) < len(octets):
            if not octets.startswith(self.pending):
                return False
            self.fill()
        return self.pending.startswith(octets)

    def rest(self):
        """Everything up to the end of the stream."""
        try:
            while True:
                self.fill()
        except (Closed, ConnectionResetError):
            return self.take(len(self.pending))

    # Commands

    def command(self, line):
        """Sends one line, returns the first line of the answer."""
        self.send(line + CRLF)
        return self.line()

    def ok(self, line):
        reply = self.command(line)
        assert reply.startswith(b"+OK"), (line, reply)
        return reply

    def err(self, line):
        reply = self.command(line)
        assert reply.startswith(b"-ERR"), (line, reply)
        return reply

    def login(self, user=b"ann", password=b"secret"):
        self.ok(b"USER " + user)
        return self.ok(b"PASS " + password)

    def listing(self, command):
        """The lines of LIST, UIDL or CAPA."""
        self.ok(command)
        return self.content().split(CRLF)[:-1]

    def sizes(self):
        return {
            int(number): int(size) for number, size in map(bytes.split, self.listing(b"LIST"))
        }

    def uids(self):
        return {int(number): uid for number, uid in map(bytes.split, self.listing(b"UIDL"))}

    def retrieve(self, number):
        """The message of RETR, unstuffed, in wire form."""
        self.ok(b"RETR %d" % number)
        return unstuff(self.content())

    def top(self, number, lines):
        self.ok(b"TOP %d %d" % (number, lines))
        return unstuff(self.content())

    def quit(self):
        reply = self.ok(b"QUIT")
        assert self.rest() == b""
        self.close()
        return reply
