"""A real identity server (tests/identity, on Node) on a free loopback port, and tokens from it."""

import base64
import json
import shutil
import ssl
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "identity"
START_SECONDS = 30.0
ANSWER_SECONDS = 10.0

# As server.js has them: who gets tokens, and who asks about them.
PROGRAM = ("program", "program")
CLIENT_ID, CLIENT_SECRET = "rest:ante", "a secret: of +%/&=?~*"

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)


def missing():
    """Why there can be no identity server here, or None."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (FOLDER / "node_modules").is_dir():
        return "tests/identity is not installed (script/bootstrap test)"
    return None


def basic(name, password):
    """RFC 6749, section 2.3.1."""
    pair = f"{urllib.parse.quote(name, safe='')}:{urllib.parse.quote(password, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


class Identity:
    """`certificate`: it speaks HTTPS, with this one."""

    def __init__(self, certificate=None):
        self.certificate = certificate
        self.errors = []

    def __enter__(self):
        files = [] if self.certificate is None else [self.certificate.certificate, self.certificate.key]
        self.process = subprocess.Popen(
            ["node", FOLDER / "server.js", *files],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        self.ready = threading.Event()
        self.issuer = None
        self.threads = [
            threading.Thread(target=self.read_answer), threading.Thread(target=self.read_errors),
        ]
        for thread in self.threads:
            thread.start()
        self.ready.wait(START_SECONDS)
        if self.issuer is None:
            self.stop()
            raise AssertionError("the identity server did not start:\n" + "".join(self.errors))
        return self

    def __exit__(self, *_):
        self.stop()

    def read_answer(self):
        line = self.process.stdout.readline()
        if line:
            self.issuer = json.loads(line)["issuer"]
        self.ready.set()

    def read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line.decode())

    def stop(self):
        """It ends when its input does."""
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        for thread in self.threads:
            thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()

    def ask(self, path, form=None):
        request = urllib.request.Request(self.issuer + path)
        if form is not None:
            request.data = urllib.parse.urlencode(form).encode()
            request.add_header("Authorization", basic(*PROGRAM))
        context = None
        if self.certificate is not None:
            context = ssl.create_default_context(cafile=self.certificate.root)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS, context=context) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from error

    def token(self, name="ann", format="opaque", scope="mail", audience="mail", seconds=600):
        """A token whose claim "email" is NAME@example.org; signed if `format` is an algorithm."""
        look = urllib.parse.urlencode({"format": format, "seconds": seconds, "audience": audience})
        form = {
            "grant_type": "name", "name": name, "scope": scope,
            "resource": f"https://mail.test/?{look}",
        }
        return json.loads(self.ask("/token", form))["access_token"]

    def revoke(self, token):
        self.ask("/token/revocation", {"token": token})

    def keys(self):
        """The key set, as it is given out."""
        return self.ask("/jwks")

    def introspection(self):
        return self.issuer + "/token/introspection"
