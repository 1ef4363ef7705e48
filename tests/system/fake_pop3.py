"""A POP3 server on loopback for tests of the client: it keeps its mail over sessions, records
what it is told, and misbehaves on request.

    with FakePop3([Mail(b"Subject: a\r\n\r\nb\r\n")]) as server:
        server.faults.drop_at = {"QUIT"}
        ... run a client against server.port ...
        assert server.sessions[-1].commands == [...]
"""

import base64
import select
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field

USER, PASSWORD = b"ann", b"secret"
CAPABILITIES = [b"TOP", b"UIDL", b"USER", b"PIPELINING", b"RESP-CODES", b"AUTH-RESP-CODE"]
# How long the server looks for a second command that was sent before the first was answered.
# Only for servers that do not announce PIPELINING.
EARLY_COMMAND_SECONDS = 0.003


@dataclass
class Mail:
    """One message: `content` is what a client must end up with, in CRLF form."""

    content: bytes
    uid: bytes | None = None  # None: derived from its place at the start
    size: int | None = None  # what LIST says, if not the truth
    raw: bytes | None = None  # the whole answer to RETR, if not the right one

    def listed_size(self):
        return len(self.content) if self.size is None else self.size

    def answer(self):
        if self.raw is not None:
            return self.raw
        lines = self.content.split(b"\r\n")
        assert lines[-1] == b"", "content must end with CRLF"
        stuffed = [b"." + line if line.startswith(b".") else line for line in lines[:-1]]
        return b"+OK\r\n" + b"".join(line + b"\r\n" for line in stuffed) + b".\r\n"


@dataclass
class Faults:
    greeting: bytes = b"+OK fake ready\r\n"
    capabilities: list | None = field(default_factory=lambda: list(CAPABILITIES))  # None: -ERR
    uidl: bool = True
    replies: dict = field(default_factory=dict)  # "DELE" or "RETR 2" -> raw answer
    drop_at: set = field(default_factory=set)  # the same keys: close instead of answering
    silent_at: set = field(default_factory=set)  # the same keys: never answer again
    cut_at: tuple | None = None  # (number, octets): of the answer to RETR, then close
    cut_with_rst: bool = False
    flood_at: dict = field(default_factory=dict)  # key -> a piece that is sent without end
    # A mechanism of fake_sasl, called for AUTH; None: there is no AUTH
    auth: object = None
    piece: int | None = None  # send answers in pieces of so many octets
    # With TLS:
    hide_stls: bool = False  # CAPA does not have it
    plain_capabilities: list = field(default_factory=list)  # announced before TLS only
    behind_stls: bytes = b""  # in plain text, in one piece with +OK
    # "stall", "cut", "drip", or octets that come instead of the server's side of it
    handshake: str | bytes | None = None
    forget_alert: bool = False  # close without the alert that ends TLS


@dataclass
class Session:
    commands: list = field(default_factory=list)  # decoded lines; the password is "PASS ..."
    early: list = field(default_factory=list)  # commands that came before the last was answered
    quit_done: bool = False
    responses: list = field(default_factory=list)  # lines of a SASL exchange
    received: bytearray = field(default_factory=bytearray)  # what went over the line, decrypted
    tls: str | None = None  # the version, once the handshake is done
    alert: str | None = None  # why it failed, as the server sees it


class Gone(Exception):
    """This session is over."""


class Cancelled(Exception):
    """The client has given up an exchange."""


class FakePop3:
    """`tls`: an ssl.SSLContext; `implicit`: TLS comes before the greeting."""

    def __init__(self, mail=(), tls=None, implicit=False, address="127.0.0.1"):
        self.tls = tls
        self.implicit = implicit
        self.address = address
        self.mail = [
            Mail(m.content, b"uid-%d" % i if m.uid is None else m.uid, m.size, m.raw)
            for i, m in enumerate(mail, 1)
        ]
        self.faults = Faults()
        self.sessions = []
        self.changed = threading.Condition()
        self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        self.connections = set()
        self.closing = False
        self.thread = threading.Thread(target=self.accept, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself
        self.thread.join(10)

    def url(self, host=None):
        scheme = "pops" if self.implicit else "pop"
        return f"{scheme}://{USER.decode()}@{host or self.address}:{self.port}"

    def received(self):
        """All that clients have sent, after the last of them has gone."""
        self.wait_for(lambda: not self.connections)
        return b"".join(bytes(session.received) for session in self.sessions)

    def retrieved(self):
        """The numbers asked for with RETR, session by session."""
        return [
            [int(c.split()[1]) for c in session.commands if c.startswith("RETR")]
            for session in self.sessions
        ]

    def wait_for(self, condition, timeout=20):
        with self.changed:
            assert self.changed.wait_for(condition, timeout), "the client did not come so far"

    def accept(self):
        while not self.closing:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.add(connection)
            session = Session()
            self.sessions.append(session)
            threading.Thread(
                target=self.serve, args=(connection, session), daemon=True
            ).start()

    def serve(self, connection, session):
        conversation = Conversation(self, connection, session)
        try:
            conversation.run()
        except (Gone, ConnectionError, OSError):
            pass
        finally:
            conversation.end()
            self.connections.discard(conversation.connection)
            conversation.connection.close()
            with self.changed:
                self.changed.notify_all()


class Conversation:
    """One session, one command at a time."""

    def __init__(self, server, connection, session):
        self.server = server
        self.faults = server.faults
        self.connection = connection
        self.session = session
        self.pending = b""
        self.mail = list(server.mail)  # fixed for the session
        self.marked = set()
        self.user = None
        self.logged_in = False
        self.ended = False  # TLS is

    def run(self):
        if self.server.implicit:
            self.begin_tls()
        self.send(self.faults.greeting)
        if not self.faults.greeting.startswith(b"+OK"):
            return
        while True:
            line = self.read_line()
            verb, _, argument = line.partition(b" ")
            verb = verb.upper().decode("latin-1")
            shown = verb if verb == "PASS" else line.decode("latin-1")
            self.look_for_early(shown)
            with self.server.changed:
                self.session.commands.append(shown)
                self.server.changed.notify_all()
            if not self.misbehave(verb, shown):
                self.answer(verb, argument)
            if verb == "QUIT":
                return

    # Octets

    def read_line(self):
        while b"\r\n" not in self.pending:
            octets = self.receive()
            if not octets:
                raise Gone
            self.pending += octets
        line, self.pending = self.pending.split(b"\r\n", 1)
        return line

    def receive(self):
        octets = self.connection.recv(65536)
        self.session.received += octets
        return octets

    def look_for_early(self, shown):
        """Without PIPELINING, nothing may come before the answer has gone out (R2449-18)."""
        if b"PIPELINING" in (self.faults.capabilities or []):
            return
        readable = select.select([self.connection], [], [], EARLY_COMMAND_SECONDS)[0]
        if readable:
            self.pending += self.receive()
        if self.pending:
            self.session.early.append(shown)

    def send(self, octets):
        step = self.faults.piece or max(len(octets), 1)
        for start in range(0, len(octets), step):
            self.connection.sendall(octets[start : start + step])

    def close(self, rst=False):
        if rst:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        else:
            # Without this, unread commands would turn the FIN into a RST.
            self.end()
            socket.socket.shutdown(self.connection, socket.SHUT_WR)
            while self.receive():
                pass
        raise Gone

    def stay_silent(self):
        """Reads on, so that the session shows what the client sent without an answer."""
        while True:
            self.session.commands.append(self.read_line().decode("latin-1"))

    # TLS

    def begin_tls(self):
        fault = self.faults.handshake
        if isinstance(fault, bytes):
            self.receive()
            self.connection.sendall(fault)
        elif fault == "cut":
            self.receive()
            self.close()
        elif fault == "drip":
            self.receive()
            self.connection.sendall(b"\x16\x03\x03\x40\x00")
            while not select.select([self.connection], [], [], 0.1)[0] or self.receive():
                self.connection.sendall(b"\x00")
            raise Gone
        if fault is not None:
            while self.receive():
                pass
            raise Gone
        plain = self.connection
        try:
            self.connection = self.server.tls.wrap_socket(
                plain, server_side=True, suppress_ragged_eofs=True
            )
        except ssl.SSLError as failure:
            self.session.alert = failure.reason
            raise Gone from failure
        finally:
            self.server.connections.add(self.connection)
            if self.connection is not plain:
                self.server.connections.discard(plain)
        self.session.tls = self.connection.version()

    def end(self):
        """The closing alert."""
        if self.session.tls and not self.faults.forget_alert and not self.ended:
            self.ended = True
            try:
                self.connection.setblocking(False)  # the client's is not waited for
                self.connection.unwrap()
            except OSError:
                pass
            finally:
                self.connection.setblocking(True)

    # Commands

    def misbehave(self, verb, line):
        """True if a fault has taken the place of the answer."""
        for key in (line, verb):
            if key in self.faults.drop_at:
                self.close(self.faults.cut_with_rst)
            if key in self.faults.silent_at:
                self.stay_silent()
            if key in self.faults.flood_at:
                while True:
                    self.connection.sendall(self.faults.flood_at[key])
            if key in self.faults.replies:
                self.send(self.faults.replies[key])
                return True
        return False

    def answer(self, verb, argument):
        handler = getattr(self, "on_" + verb.lower(), None)
        if handler is None or (not self.logged_in and verb in ON_MAIL):
            self.send(b"-ERR not here\r\n")
            return
        self.send(handler(argument) or b"")

    def on_capa(self, _):
        plain = [] if self.session.tls else self.faults.plain_capabilities
        if self.faults.capabilities is None and not plain:
            return b"-ERR unknown command\r\n"
        announced = (self.faults.capabilities or []) + plain
        if self.server.tls and not self.session.tls:
            announced += [] if self.faults.hide_stls else [b"STLS"]
        lines = [line + b"\r\n" for line in announced]
        return b"+OK\r\n" + b"".join(lines) + b".\r\n"

    def on_stls(self, _):
        if self.server.tls is None or self.session.tls:
            return b"-ERR not here\r\n"
        self.connection.sendall(b"+OK begin\r\n" + self.faults.behind_stls)
        self.pending = b""
        self.begin_tls()
        return None

    def on_user(self, name):
        self.user = name
        return b"+OK\r\n"

    def on_pass(self, password):
        self.logged_in = (self.user, password) == (USER, PASSWORD)
        return b"+OK\r\n" if self.logged_in else b"-ERR [AUTH] no\r\n"

    def on_auth(self, argument):
        if self.faults.auth is None:
            return b"-ERR unknown command\r\n"
        mechanism, *initial = argument.split(b" ")
        try:
            answer = self.faults.auth(self, mechanism.decode(), *initial)
        except Cancelled:
            answer = b"-ERR cancelled\r\n"
        self.logged_in = answer.startswith(b"+OK")
        return answer

    def challenge(self, octets):
        """Sends a challenge; returns the decoded response."""
        return self.raw_challenge(b"+ " + base64.b64encode(octets) + b"\r\n")

    def raw_challenge(self, octets):
        self.send(octets)
        line = self.read_line()
        with self.server.changed:
            self.session.responses.append(line)
        if line == b"*":
            raise Cancelled
        return base64.b64decode(line, validate=True)

    def on_stat(self, _):
        left = [m for i, m in enumerate(self.mail) if i not in self.marked]
        octets = min(sum(m.listed_size() for m in left), 2**64 - 1)
        return b"+OK %d %d\r\n" % (len(left), octets)

    def listing(self, text):
        lines = [
            b"%d %s\r\n" % (number, text(mail))
            for number, mail in enumerate(self.mail, 1)
            if number - 1 not in self.marked and text(mail) is not None
        ]
        return b"+OK\r\n" + b"".join(lines) + b".\r\n"

    def on_list(self, _):
        return self.listing(lambda mail: b"%d" % mail.listed_size())

    def on_uidl(self, _):
        if not self.faults.uidl:
            return b"-ERR unknown command\r\n"
        return self.listing(lambda mail: mail.uid)

    def index(self, argument):
        index = int(argument) - 1
        return index if 0 <= index < len(self.mail) and index not in self.marked else None

    def on_retr(self, argument):
        index = self.index(argument)
        if index is None:
            return b"-ERR no such message\r\n"
        answer = self.mail[index].answer()
        if self.faults.cut_at and self.faults.cut_at[0] == index + 1:
            self.send(answer[: self.faults.cut_at[1]])
            self.close(self.faults.cut_with_rst)
        return answer

    def on_dele(self, argument):
        index = self.index(argument)
        if index is None:
            return b"-ERR no such message\r\n"
        self.marked.add(index)
        return b"+OK\r\n"

    def on_quit(self, _):
        if self.logged_in:
            gone = {id(self.mail[index]) for index in self.marked}
            self.server.mail = [m for m in self.server.mail if id(m) not in gone]
        self.session.quit_done = True
        return b"+OK\r\n"


ON_MAIL = {"STAT", "LIST", "UIDL", "RETR", "DELE"}
