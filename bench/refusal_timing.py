#!/usr/bin/python3
"""Whether the time of a refusal tells which names exist: wrong passwords of known users against
names that nobody has, interleaved in random order. Prints a table and ends with status 1 if the
medians differ by more than 2 %, or the texts at all.

It starts servers of its own on free ports of 127.0.0.1; RESTANTE_BUILD names the build.
"""

import argparse
import base64
import hashlib
import hmac
import os
import random
import statistics
import sys
import time
from pathlib import Path

SYSTEM = Path(__file__).resolve().parents[1] / "tests" / "system"
sys.path.insert(0, str(SYSTEM))

from restanted import HASHES, Restanted  # noqa: E402


def encode(octets):
    return base64.b64encode(octets)


def scram_stored(password):
    """What is kept of a password for SCRAM-SHA-256 (RFC 5803's form)."""
    salt, rounds = b"refusal timing", 4096
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, rounds)
    client_key, server_key = (
        hmac.digest(salted, label, "sha256") for label in (b"Client Key", b"Server Key")
    )
    keys = hashlib.sha256(client_key).digest(), server_key
    fields = [str(rounds), *(encode(octets).decode() for octets in (salt, *keys))]
    return "{SCRAM-SHA-256}" + ",".join(fields)


STORED = {
    "{PLAIN}": "{PLAIN}pencil",
    "sha512-crypt": HASHES["secret"],
    "{SCRAM-SHA-256}": scram_stored(b"pencil"),
}
RIGHT = {"{PLAIN}": b"pencil", "sha512-crypt": b"secret", "{SCRAM-SHA-256}": b"pencil"}
# All of one length.
KNOWN = [b"user%04d" % number for number in range(0, 200, 2)]
UNKNOWN = [b"user%04d" % number for number in range(1, 201, 2)]
WAYS = [
    ("{PLAIN}", "PASS"),
    ("{PLAIN}", "AUTH PLAIN"),
    ("{PLAIN}", "AUTH SCRAM"),
    ("sha512-crypt", "PASS"),
    ("sha512-crypt", "AUTH PLAIN"),
    ("{SCRAM-SHA-256}", "PASS"),
    ("{SCRAM-SHA-256}", "AUTH SCRAM"),
]


def start_server(stored):
    server = Restanted(
        limits={"failure-delay-ms": 0, "failures-per-address": 0, "mistakes-per-session": 0,
                "commands-before-login": 0, "login-seconds": 0},
    )
    owner = server.users.stat()
    ids = f"{owner.st_uid}:{owner.st_gid}"
    lines = [f"{name.decode()}:{stored}:{ids}::/:\n" for name in KNOWN]
    server.users.write_text("".join(lines))
    os.chown(server.users, owner.st_uid, owner.st_gid)
    for name in KNOWN:
        server.maildir(name.decode())
    return server.start()


def timed(client, line):
    begun = time.perf_counter()
    client.send(line + b"\r\n")
    answer = client.line()
    return answer, time.perf_counter() - begun


def try_scram(client, name):
    """Both of the server's answers are timed; the proof is wrong."""
    first = b"n,,n=" + name + b",r=" + encode(os.urandom(18))
    challenge, before = timed(client, b"AUTH SCRAM-SHA-256 " + encode(first))
    fields = dict(
        field.split(b"=", 1)
        for field in base64.b64decode(challenge.removeprefix(b"+ ")).split(b",")
    )
    proof = b"c=biws,r=" + fields[b"r"] + b",p=" + encode(bytes(32))
    answer, behind = timed(client, encode(proof))
    return answer, before + behind


def refuse(client, login, name, password):
    """The answer, and how long it took."""
    if login == "PASS":
        client.ok(b"USER " + name)
        return timed(client, b"PASS " + password)
    if login == "AUTH PLAIN":
        return timed(client, b"AUTH PLAIN " + encode(b"\0" + name + b"\0" + password))
    return try_scram(client, name)


def succeed(server, name, password):
    """A right login, for the table: it also opens the maildrop."""
    with server.connect() as client:
        client.ok(b"USER " + name)
        answer, taken = timed(client, b"PASS " + password)
        client.quit()
        assert answer.startswith(b"+OK"), answer
    return taken


class Case:
    def __init__(self, server, stored, login, chance):
        self.server, self.stored, self.login, self.chance = server, stored, login, chance
        self.times = {"wrong": [], "unknown": []}
        self.texts = set()
        self.tries(20)  # caches
        self.times = {"wrong": [], "unknown": []}
        self.right = 1e6 * statistics.median(
            succeed(server, name, RIGHT[stored]) for name in KNOWN[:50]
        )

    def tries(self, count):
        """So many of each, in random order and on one connection."""
        kinds = ["wrong", "unknown"] * count
        self.chance.shuffle(kinds)
        with self.server.connect() as client:
            for kind in kinds:
                name = self.chance.choice(KNOWN if kind == "wrong" else UNKNOWN)
                answer, taken = refuse(client, self.login, name, b"wrong")
                self.times[kind].append(1e6 * taken)
                self.texts.add(answer)

    def difference(self):
        wrong, unknown = (statistics.median(self.times[kind]) for kind in ("wrong", "unknown"))
        return unknown / wrong - 1

    def good(self, allowed):
        return abs(self.difference()) <= allowed and len(self.texts) == 1

    def row(self, allowed):
        wrong, unknown = (statistics.median(self.times[kind]) for kind in ("wrong", "unknown"))
        verdict = "ok" if self.good(allowed) else "DIFFERS"
        return (
            f"| {self.stored} | {self.login} | {self.right:.1f} | {wrong:.1f} | {unknown:.1f} |"
            f" {100 * self.difference():+.2f} % | {len(self.texts)} | {verdict} |"
        )


def measure(stored, login, options, chance):
    """Beyond the allowed difference more tries are made: what was the machine's noise goes, what is
    the server's stays."""
    server = start_server(STORED[stored])
    try:
        case = Case(server, stored, login, chance)
        for _ in range(options.runs):
            case.tries(options.tries)
            if case.good(options.allowed / 100):
                break
        return case
    finally:
        server.stop()
        server.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=2000, help="refused logins of each kind")
    parser.add_argument("--runs", type=int, default=3, help="of so many tries, before a difference counts")
    parser.add_argument("--allowed", type=float, default=2.0, help="per cent between the medians")
    options = parser.parse_args()
    chance = random.Random(1)
    print(f"medians of {options.tries} tries each, microseconds; right: with the maildrop's opening")
    print("| stored as | login | right | wrong password | unknown user | difference | texts | |")
    print("|---|---|---|---|---|---|---|---|")
    good = True
    for stored, login in WAYS:
        case = measure(stored, login, options, chance)
        print(case.row(options.allowed / 100), flush=True)
        good = good and case.good(options.allowed / 100)
    sys.exit(0 if good else 1)


main()
