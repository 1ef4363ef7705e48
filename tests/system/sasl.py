"""SASL for tests, over a raw POP3 client: what is offered, and SCRAM by hand."""

import base64
import hashlib
import hmac
import os


def encode(octets):
    return base64.b64encode(octets)


def offered(client):
    for line in client.listing(b"CAPA"):
        if line.startswith(b"SASL "):
            return set(line.decode().split()[1:])
    return set()


class Scram:
    def __init__(self, client, name, password, mechanism="SCRAM-SHA-256", header=b"n,,", binding=b""):
        self.client, self.name, self.password = client, name, password
        self.mechanism, self.header, self.binding = mechanism, header, binding
        self.hash = hashlib.sha1 if "SHA-1" in mechanism else hashlib.sha256

    def hmac(self, key, text):
        return hmac.new(key, text, self.hash).digest()

    def begin(self):
        self.nonce = encode(os.urandom(18))
        self.first = b"n=" + self.name + b",r=" + self.nonce
        message = encode(self.header + self.first)
        return self.client.command(b"AUTH " + self.mechanism.encode() + b" " + message)

    def finish(self, challenge, header=None, nonce=None):
        """Returns the answer to the proof: a challenge, or the refusal. `header`, `nonce`: to
        repeat instead of the right ones."""
        self.server_first = base64.b64decode(challenge.removeprefix(b"+ "), validate=True)
        fields = dict(field.split(b"=", 1) for field in self.server_first.split(b","))
        assert fields[b"r"].startswith(self.nonce)
        self.salt, self.rounds = base64.b64decode(fields[b"s"]), int(fields[b"i"])
        salted = hashlib.pbkdf2_hmac(self.hash().name, self.password, self.salt, self.rounds)
        header = self.header if header is None else header
        self.server_nonce = fields[b"r"].removeprefix(self.nonce)
        repeated = fields[b"r"] if nonce is None else nonce(fields[b"r"])
        without = b"c=" + encode(header + self.binding) + b",r=" + repeated
        auth = self.first + b"," + self.server_first + b"," + without
        client_key = self.hmac(salted, b"Client Key")
        signature = self.hmac(self.hash(client_key).digest(), auth)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.expected = self.hmac(self.hmac(salted, b"Server Key"), auth)
        return self.client.command(encode(without + b",p=" + encode(proof)))

    def login(self):
        answer = self.finish(self.begin())
        if answer.startswith(b"+ "):
            assert base64.b64decode(answer[2:]) == b"v=" + encode(self.expected)
            answer = self.client.command(b"")
        return answer
