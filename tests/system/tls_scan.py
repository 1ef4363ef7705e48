"""ClientHellos made by hand, and what a server answers in plain sight: everything up to the
ServerHello, and with TLS 1.2 the certificates too. No cryptography in here."""

import os
import socket
import struct
from dataclasses import dataclass, field

SSL3, TLS10, TLS11, TLS12, TLS13 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA, HEARTBEAT = 20, 21, 22, 23, 24
SERVER_HELLO, CERTIFICATE, SERVER_HELLO_DONE = 2, 11, 14

# Extensions
SERVER_NAME, STATUS_REQUEST, GROUPS, POINT_FORMATS, SIGNATURES, HEARTBEAT_MODE, ALPN = (
    0, 5, 10, 11, 13, 15, 16)
MASTER_SECRET, TICKET, EARLY_DATA, VERSIONS, PSK_MODES, KEY_SHARE, RENEGOTIATION = (
    23, 35, 42, 43, 45, 51, 0xFF01)

# Alerts
CLOSE_NOTIFY, UNEXPECTED_MESSAGE, RECORD_OVERFLOW, HANDSHAKE_FAILURE = 0, 10, 22, 40
ILLEGAL_PARAMETER, DECODE_ERROR, PROTOCOL_VERSION, INAPPROPRIATE_FALLBACK = 47, 50, 70, 86
NO_APPLICATION_PROTOCOL = 120

RENEGOTIATION_SCSV, FALLBACK_SCSV = 0x00FF, 0x5600
# A ServerHello with this random asks for another key share (RFC 8446, section 4.1.3).
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

# Each number that the registry of suites has given away, and its reserved neighbours.
ALL_SUITES = [
    *range(0x0000, 0x00C8), *range(0x1301, 0x1308), *range(0xC001, 0xC0B8),
    *range(0xC100, 0xC108), *range(0xCC13, 0xCC16), *range(0xCCA8, 0xCCAF),
    *range(0xD000, 0xD006), 0xFEFE, 0xFEFF,
]
# RFC 9325, section 4.2, and the two with ChaCha20 that the registry recommends beside them.
GOOD_SUITES = {
    "ec": {0xC02B, 0xC02C, 0xCCA9},
    "rsa": {0xC02F, 0xC030, 0xCCA8},
}
GOOD_SUITES_13 = {0x1301, 0x1302, 0x1303}
X25519, P256, P384 = 29, 23, 24
ALL_GROUPS = [*range(0, 42), *range(256, 261), 0x11EB, 0x11EC, 0x11ED, 0x6399, 0x639A, 0xFF01, 0xFF02]
ALL_SIGNATURES = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
]
# A key share that is a valid point: for X25519 any octets are, for P-256 the generator is.
SHARES = {
    X25519: bytes([9]) + bytes(31),
    P256: bytes.fromhex(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    ),
}


def block8(octets):
    return struct.pack(">B", len(octets)) + octets


def block16(octets):
    return struct.pack(">H", len(octets)) + octets


def numbers(values):
    return b"".join(struct.pack(">H", value) for value in values)


def server_name(*names):
    return SERVER_NAME, block16(b"".join(b"\0" + block16(name) for name in names))


def alpn(*names):
    return ALPN, block16(b"".join(block8(name) for name in names))


def record(octets, kind=HANDSHAKE, version=TLS10):
    return struct.pack(">BH", kind, version) + block16(octets)


def message(octets, kind=1):
    return struct.pack(">B", kind) + len(octets).to_bytes(3, "big") + octets


@dataclass
class Hello:
    """A ClientHello of TLS 1.2, or with `versions` also of others. `more` adds extensions, or
    replaces those of the same number."""

    version: int = TLS12
    suites: list = field(default_factory=lambda: sorted(GOOD_SUITES["ec"] | GOOD_SUITES["rsa"]))
    compression: bytes = b"\0"
    name: bytes = b"pop.example.org"
    groups: list = field(default_factory=lambda: [X25519, P256, P384])
    signatures: list = field(default_factory=lambda: ALL_SIGNATURES)
    versions: list = ()
    shares: list = ()
    more: list = ()

    def extensions(self):
        found = {
            GROUPS: block16(numbers(self.groups)),
            POINT_FORMATS: block8(b"\0"),
            SIGNATURES: block16(numbers(self.signatures)),
        }
        if self.name is not None:
            found.update([server_name(self.name)])
        if self.versions:
            shares = b"".join(
                struct.pack(">H", group) + block16(SHARES[group]) for group in self.shares
            )
            found[VERSIONS] = block8(numbers(self.versions))
            found[KEY_SHARE] = block16(shares)
            found[PSK_MODES] = block8(b"\1")
        found.update(self.more)
        return found

    def octets(self):
        extensions = b"".join(
            struct.pack(">H", kind) + block16(content)
            for kind, content in self.extensions().items()
        )
        return message(
            struct.pack(">H", self.version) + os.urandom(32) + block8(os.urandom(32))
            + block16(numbers(self.suites)) + block8(self.compression) + block16(extensions)
        )

    def record(self):
        return record(self.octets())


def hello_13(**options):
    return Hello(
        **{"suites": sorted(GOOD_SUITES_13), "versions": [TLS13], "shares": [X25519], **options}
    )


@dataclass
class Answer:
    """What came before the server waited for more, or closed."""

    alert: int = None
    closed: bool = False
    version: int = None
    suite: int = None
    compression: int = None
    extensions: dict = field(default_factory=dict)
    retry: bool = False
    certificates: list = field(default_factory=list)  # DER
    octets: bytes = b""

    def refused(self, alert):
        return self.suite is None and self.alert == alert

    def group(self):
        """That of TLS 1.3's key share, or what is asked for instead."""
        return struct.unpack(">H", self.extensions[KEY_SHARE][:2])[0]


class Reader:
    """A view of a message that is taken piece by piece."""

    def __init__(self, octets):
        self.octets = octets

    def take(self, length):
        assert length <= len(self.octets), "the server's message is cut"
        taken, self.octets = self.octets[:length], self.octets[length:]
        return taken

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def block(self, length):
        return self.take(self.number(length))


def read_server_hello(answer, body):
    reader = Reader(body)
    answer.version = reader.number(2)
    answer.retry = reader.take(32) == RETRY
    reader.block(1)
    answer.suite = reader.number(2)
    answer.compression = reader.number(1)
    extensions = Reader(reader.block(2) if reader.octets else b"")
    while extensions.octets:
        kind = extensions.number(2)
        answer.extensions[kind] = extensions.block(2)
    if VERSIONS in answer.extensions:
        answer.version = int.from_bytes(answer.extensions[VERSIONS], "big")


def read_certificates(answer, body):
    reader = Reader(Reader(body).block(3))
    while reader.octets:
        answer.certificates.append(reader.block(3))


def read_messages(answer, octets):
    """True: the server has said all that it says before the client is next."""
    while len(octets) >= 4 and len(octets) >= 4 + int.from_bytes(octets[1:4], "big"):
        length = int.from_bytes(octets[1:4], "big")
        kind, body = octets[0], bytes(octets[4 : 4 + length])
        del octets[: 4 + length]
        if kind == SERVER_HELLO:
            read_server_hello(answer, body)
            if answer.version == TLS13:
                return True
        elif kind == CERTIFICATE:
            read_certificates(answer, body)
        elif kind == SERVER_HELLO_DONE:
            return True
    return False


def hear(connection):
    """Reads records until the server waits, sends an alert, or closes."""
    answer = Answer()
    raw, handshake = bytearray(), bytearray()
    while True:
        try:
            octets = connection.recv(1 << 16)
        except ConnectionResetError:
            octets = b""
        if not octets:
            answer.closed = True
            answer.octets += bytes(raw)
            return answer
        raw += octets
        while len(raw) >= 5 and len(raw) >= 5 + int.from_bytes(raw[3:5], "big"):
            kind, length = raw[0], int.from_bytes(raw[3:5], "big")
            body = bytes(raw[5 : 5 + length])
            del raw[: 5 + length]
            if kind == ALERT:
                answer.alert = body[1]
                return answer
            handshake += body if kind == HANDSHAKE else b""
            if read_messages(answer, handshake):
                return answer


def ends(connection):
    """Whatever else comes, the server closes."""
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


def open_connection(server, way):
    """Up to where the handshake begins: `way` is "implicit" or "stls"."""
    port = server.tls_port if way == "implicit" else server.port
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if way == "stls":
        stream = connection.makefile("rb", buffering=0)
        assert stream.readline().startswith(b"+OK")
        connection.sendall(b"STLS\r\n")
        assert stream.readline().startswith(b"+OK")
    return connection


def ask(server, way, octets):
    """The answer to these octets, which are a Hello or raw ones."""
    with open_connection(server, way) as connection:
        try:
            connection.sendall(octets.record() if isinstance(octets, Hello) else octets)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough: what it said is there
        return hear(connection)


def ssl2_hello(version, suites):
    """A ClientHello in the form of SSL 2."""
    specs = b"".join(suite.to_bytes(3, "big") for suite in suites)
    body = (
        b"\x01" + struct.pack(">HHHH", version, len(specs), 0, 16) + specs + os.urandom(16)
    )
    return struct.pack(">H", 0x8000 | len(body)) + body
