"""The server's side of SASL for FakePop3, right unless told otherwise:

    server.faults.capabilities.append(b"SASL SCRAM-SHA-256 PLAIN")
    server.faults.auth = Scram(iterations=1)

Each is called with the conversation, the mechanism and the initial response, and returns the
answer to AUTH.
"""

import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass

from fake_pop3 import PASSWORD, USER

OK, DENIED = b"+OK logged in\r\n", b"-ERR [AUTH] no\r\n"


def decoded(conversation, initial):
    """The client's first message, along with AUTH or after an empty challenge."""
    if initial:
        return base64.b64decode(initial[0], validate=True) if initial[0] != b"=" else b""
    return conversation.raw_challenge(b"+ \r\n")


@dataclass
class Scram:
    """`first`, `final`: a function of the right message of the server, giving what is sent
    instead; `final` may give None: no such message, +OK at once."""

    iterations: int = 4096
    password: bytes = PASSWORD
    first: object = staticmethod(lambda message: message)
    final: object = staticmethod(lambda message: message)
    header: bytes | None = None  # of the client's first message, as it came
    proved: bool = False  # the client's proof was right

    def __call__(self, conversation, mechanism, *initial):
        name = "sha256" if "256" in mechanism else "sha1"

        def mac(key, text):
            return hmac.new(key, text, name).digest()

        message = decoded(conversation, initial)
        self.header, bare = message[: message.index(b"n=")], message[message.index(b"n=") :]
        nonce = bare[bare.index(b",r=") + 3 :] + base64.b64encode(os.urandom(18))
        salt = os.urandom(16)
        first = b"r=%s,s=%s,i=%d" % (nonce, base64.b64encode(salt), self.iterations)
        final = conversation.challenge(self.first(first))
        without, _, proof = final.rpartition(b",p=")
        assert without == b"c=" + base64.b64encode(self.header) + b",r=" + nonce
        salted = hashlib.pbkdf2_hmac(name, self.password, salt, min(self.iterations, 10**6))
        text = b",".join([bare, first, without])
        key = mac(salted, b"Client Key")
        signature = mac(hashlib.new(name, key).digest(), text)
        self.proved = base64.b64decode(proof) == bytes(a ^ b for a, b in zip(key, signature))
        proves = b"v=" + base64.b64encode(mac(mac(salted, b"Server Key"), text))
        if not self.proved and self.password == PASSWORD:
            return DENIED
        last = self.final(proves)
        if last is not None:
            assert conversation.challenge(last) == b""
        return OK


def plain(conversation, mechanism, *initial):
    right = decoded(conversation, initial) == b"\0" + USER + b"\0" + PASSWORD
    return OK if right else DENIED


def login(conversation, mechanism, *initial):
    assert not initial
    name, password = conversation.challenge(b"Name?"), conversation.challenge(b"")
    return OK if (name, password) == (USER, PASSWORD) else DENIED


def cram_md5(conversation, mechanism, *initial):
    assert not initial
    challenge = b"<%s@fake>" % os.urandom(8).hex().encode()
    digest = hmac.new(PASSWORD, challenge, "md5").hexdigest().encode()
    return OK if conversation.challenge(challenge) == USER + b" " + digest else DENIED


@dataclass
class Bearer:
    """OAUTHBEARER or XOAUTH2. `error`: the token is refused with this."""

    token: bytes
    error: object = None  # a dict for JSON, or octets
    message: bytes | None = None  # as it came
    along: bool = False  # with AUTH
    heard: bytes | None = None  # the client's answer to the error
    lenient: bool = False  # +OK after the error

    def __call__(self, conversation, mechanism, *initial):
        self.along = bool(initial)
        self.message = decoded(conversation, initial)
        if self.error is not None:
            error = self.error if isinstance(self.error, bytes) else json.dumps(self.error).encode()
            self.heard = conversation.challenge(error)
            return OK if self.lenient else DENIED
        return OK if b"\1auth=Bearer " + self.token + b"\1\1" in self.message else DENIED


class Says:
    """Answers AUTH with these octets, one piece for each line of the client; the last for ever."""

    def __init__(self, *pieces):
        self.pieces = pieces

    def __call__(self, conversation, mechanism, *initial):
        for piece in self.pieces[:-1]:
            conversation.raw_challenge(piece)
        while self.pieces[-1].startswith(b"+ "):
            conversation.raw_challenge(self.pieces[-1])
        return self.pieces[-1]
