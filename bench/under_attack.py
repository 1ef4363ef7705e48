#!/usr/bin/python3
"""Logins of an honest client while the server is attacked: handshakes that never end, and wrong
passwords. Prints a table and ends with status 1 if the honest ones wait too long.

It starts a server of its own on free ports of 127.0.0.1; RESTANTE_BUILD names the build.
"""

import argparse
import collections
import ctypes
import json
import math
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SYSTEM = Path(__file__).resolve().parents[1] / "tests" / "system"
sys.path.insert(0, str(SYSTEM))

from certificates import Authority  # noqa: E402
from restanted import Restanted  # noqa: E402

SCHEMES = {
    "plain": lambda password: "{PLAIN}" + password,
    "sha512": lambda password: crypt(password, "$6$rounds=1000$underattack$"),
    "yescrypt": lambda password: crypt(password, "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$"),
}
HONEST = "ann"
VICTIMS = [HONEST, "bob", "eve", "nobody", "somebody"]  # the last two do not exist
TICKS = os.sysconf("SC_CLK_TCK")


def crypt(password, setting):
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    hashed = library.crypt(password.encode(), setting.encode()).decode()
    assert hashed.startswith(setting), "a setting that crypt(3) does not take"
    return hashed


def start_server(folder, options):
    certificate = Authority(folder).issue("pop.example.org")
    server = Restanted(
        certificates=[certificate],
        fronts=os.cpu_count(),
        limits={"failure-delay-ms": 1000, "connections": options.connections},
    )
    owner = server.users.stat()
    hashed = SCHEMES[options.scheme]("secret")
    ids = f"{owner.st_uid}:{owner.st_gid}"
    server.users.write_text(
        "".join(f"{user}:{hashed}:{ids}::/nonexistent:/bin/false\n" for user in VICTIMS[:3])
    )
    os.chown(server.users, owner.st_uid, owner.st_gid)
    server.maildir(HONEST)
    # The roles take the limit of descriptors from here.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return server.start(), certificate.client()


def cpu_seconds(server):
    """role -> seconds of CPU so far."""
    used = {}
    for role, pids in server.roles().items():
        for pid in pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used[role] = used.get(role, 0.0) + (int(fields[11]) + int(fields[12])) / TICKS
    return used


class Phase:
    """Logins, one after the other, spread over `seconds`: TLS, USER and PASS, QUIT. A refused one
    is `failed`, and no time."""

    def __init__(self, server, tls, tries, seconds=0.0):
        self.milliseconds, self.failed, self.parts = [], [], []
        before, begun = cpu_seconds(server), time.monotonic()
        for number in range(tries):
            time.sleep(max(0.0, begun + seconds * number / tries - time.monotonic()))
            self.login(server, tls)
        self.seconds = time.monotonic() - begun
        self.cpu = {role: used - before[role] for role, used in cpu_seconds(server).items()}

    def login(self, server, tls):
        begun = time.monotonic()
        try:
            with server.connect_tls(tls, timeout=20) as client:
                shaken = time.monotonic()
                client.login(HONEST.encode(), b"secret")
                logged_in = time.monotonic()
                client.quit()
        except (AssertionError, OSError) as failure:
            self.failed.append(str(failure)[:100])
            return
        self.milliseconds.append(1000 * (time.monotonic() - begun))
        self.parts.append((1000 * (shaken - begun), 1000 * (logged_in - shaken)))

    def quantile(self, part):
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) * part // 100, len(ordered) - 1)] if ordered else math.inf

    def row(self, name):
        parts = self.parts or [(math.inf, math.inf)]
        handshake, login = (statistics.median(part) for part in zip(*parts))
        busy = ", ".join(
            f"{role} {100 * used / self.seconds:.0f} %"
            for role, used in sorted(self.cpu.items(), key=lambda item: -item[1])
            if used / self.seconds > 0.01
        )
        return (
            f"| {name} | {len(self.milliseconds)} | {len(self.failed)} | {self.quantile(50):.1f} |"
            f" {self.quantile(99):.1f} | {handshake:.1f} | {login:.1f} | {busy} |"
        )


class Attack:
    def __init__(self, server, stuck, rate):
        self.process = subprocess.Popen(
            [sys.executable, "-B", SYSTEM / "attackers.py",
             *map(str, (server.port, server.tls_port, stuck, rate)), *VICTIMS],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.begun = time.monotonic()
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit("the attackers did not get ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        output, _ = self.process.communicate("")
        self.told = json.loads(output) if output else {}


def attacked(server, tls, options, stuck, rate):
    with Attack(server, stuck, rate) as attack:
        time.sleep(options.warm_up)  # what waits for its delay has to gather
        phase = Phase(server, tls, options.tries, options.seconds)
    return phase, attack.told


def describe(told):
    rate = told["guesses"] / told["seconds"]
    answered = ", ".join(f"{count} {answer}" for answer, count in told["answers"].items() if count)
    return (
        f"{told['stuck']} stuck handshakes ({told['again']} thrown out and back), "
        f"{rate:.0f} wrong logins a second ({answered or 'none answered'}; {told['waiting']} waiting)"
    )


def measure(options, folder):
    server, tls = start_server(folder, options)
    phases = {}
    try:
        Phase(server, tls, 20)  # caches, the first lookups
        phases["quiet"] = Phase(server, tls, options.tries, options.seconds / 4), None
        for name, stuck, rate in [
            ("stuck handshakes", options.stuck, 0),
            ("wrong logins", 0, options.rate),
            ("both", options.stuck, options.rate),
        ]:
            phases[name] = attacked(server, tls, options, stuck, rate)
        time.sleep(options.warm_up)  # what they left behind is worked off
        phases["quiet again"] = Phase(server, tls, options.tries, options.seconds / 4), None
    finally:
        server.stop()
        server.remove()
    return phases


def report(options, phases):
    """The table; True: the honest client was served well enough."""
    print(f"passwords: {options.scheme}; {options.tries} logins a row; milliseconds")
    print("| attack | logins | refused | median | p99 | handshake | login | CPU |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (phase, _) in phases.items():
        print(phase.row(name))
    good = True
    quiet = max(phases["quiet"][0].quantile(99), phases["quiet again"][0].quantile(99))
    allowed = options.factor * quiet + options.slack_ms
    for name, (phase, told) in phases.items():
        if told:
            print(f"- {name}: {describe(told)}")
        for text, count in collections.Counter(phase.failed).most_common(3):
            print(f"- {name}: {count} times {text}")
        served = not phase.failed and phase.quantile(99) <= allowed
        if not served:
            print(f"- {name}: too slow or refused; allowed is a p99 of {allowed:.0f} ms")
        good = good and served
    return good


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scheme", choices=SCHEMES, default="yescrypt", help="how passwords are stored")
    parser.add_argument("--tries", type=int, default=300, help="honest logins in each phase")
    parser.add_argument("--seconds", type=float, default=20, help="over which they are spread")
    parser.add_argument("--warm-up", type=float, default=5, help="seconds of attack before them")
    parser.add_argument("--stuck", type=int, default=5000, help="handshakes that never end")
    parser.add_argument("--rate", type=int, default=500, help="wrong logins a second")
    parser.add_argument("--connections", type=int, default=20000, help="the server's limit")
    parser.add_argument("--factor", type=float, default=2.0, help="p99 may grow so much over the quiet one")
    parser.add_argument("--slack-ms", type=float, default=100.0, help="and by this besides")
    return parser.parse_args()


def main():
    options = arguments()
    # The server and the attackers must not outlive an interrupted run.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="restante-attack-"))
    try:
        good = report(options, measure(options, folder))
    finally:
        shutil.rmtree(folder)
    sys.exit(0 if good else 1)


main()
