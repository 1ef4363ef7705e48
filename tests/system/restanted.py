"""Starts restanted for a test: own folder, free port, bounded waits, a clean end.

As root the roles run under numbers of their own, as on a real host; otherwise all of them are
the user who runs the tests.
"""

import collections
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pop3

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RESTANTE_BUILD", REPOSITORY / "build")).resolve()
AS_ROOT = os.geteuid() == 0
# Numbers that no Debian package uses: front, auth, store, keys.
FRONT_UID, AUTH_UID, STORE_UID, KEYS_UID = 64001, 64002, 64003, 64004


def is_sanitized(program):
    done = subprocess.run(["nm", program], capture_output=True, text=True)
    return "__asan_init" in done.stdout


# Its own code and memory come along with such a build, and some tests must know.
SANITIZED = is_sanitized(BUILD / "restanted-front")
START_SECONDS = 20.0  # a sanitizer build under strace on a busy machine
# A call that the sandbox does not know ends the role; unless a test wants that, it is a fault.
FORBIDDEN_CALL = re.compile(rf"was ended by signal {int(signal.SIGSYS)}\b")
SANITIZER_REPORT = re.compile(r"Sanitizer|runtime error:")
SANITIZER_OPTIONS = {
    # Freed memory is kept for a while only: the tests of memory measure the server's.
    "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1:log_path=stderr:quarantine_size_mb=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1:log_path=stderr",
}
# crypt(3) of "secret" at a low cost; other passwords stand in the users file as {PLAIN}.
HASHES = {
    "secret": "$6$rounds=1000$posterestante$OYu7AJ1.6Il7M5i0"
    "gltWHqMrEcgW.ugbney0A197ElfdhmaDzBI.VjwJh5i4Fz9.jlz9Arys0ATAoSXW4/O6g0"
}
USERS = {"ann": "secret", "bob": "two words", "eve": "hunter2", "platoon": "wombat"}


LAST_PORTS = collections.deque(maxlen=16)


def free_port(host="127.0.0.1"):
    """None of those just given, which may be for other listeners of the same server."""
    while True:
        with socket.create_server((host, 0)) as listener:
            port = listener.getsockname()[1]
        if port not in LAST_PORTS:
            LAST_PORTS.append(port)
            return port


def children(pid):
    """Processes that `pid` started, and theirs: pid -> program name."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        name, rest = stat[stat.index("(") + 1 :].rsplit(")", 1)
        found[int(entry.name)] = (name, int(rest.split()[1]))
    family, grown = {pid}, True
    while grown:
        more = {child for child, (_, parent) in found.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return {child: found[child][0] for child in sorted(family - {pid}) if child in found}


def wait_for_end(pid, timeout=10.0):
    """True once the process, which need not be our child, is gone."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], timeout)[0])
    finally:
        os.close(fd)


class Log:
    """Collects a process's standard error; anybody can wait for a line."""

    def __init__(self, stream):
        self.lines = []
        self.ended = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.read, args=(stream,), daemon=True)
        self.thread.start()

    def read(self, stream):
        for line in stream:
            with self.changed:
                self.lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def text(self):
        with self.changed:
            return "\n".join(self.lines)

    def find(self, pattern, start=0):
        return next((line for line in self.lines[start:] if re.search(pattern, line)), None)

    def wait(self, pattern, timeout=START_SECONDS, start=0):
        """The first line from `start` on that matches, or None at the end of the stream."""
        with self.changed:
            found = self.changed.wait_for(
                lambda: self.ended or self.find(pattern, start), timeout
            )
            assert found, f"no line like {pattern!r} in the log:\n" + "\n".join(self.lines)
            return self.find(pattern, start)


class Restanted:
    """One server in its own folder. `keys` replace lines of the configuration; `limits` those
    of its limits section; `prefix` runs it under another program."""

    def __init__(
        self, users=USERS, limits=None, prefix=(), extra="", environment=None, certificates=(), **keys
    ):
        self.folder = Path(tempfile.mkdtemp(prefix="restante-test-"))
        self.folder.chmod(0o711)  # the roles' users must get through
        self.config = self.folder / "restanted.conf"
        self.users = self.folder / "users"
        self.mail = self.folder / "mail"
        self.mail.mkdir()
        self.own(self.mail)
        self.limits = {"failure-delay-ms": 0, **(limits or {})}
        self.keys = {
            "hostname": "pop.example.org",
            "plaintext-login": "loopback",
            "fronts": 1,
            **{key.replace("_", "-"): value for key, value in keys.items()},
        }
        self.extra = extra
        self.auth_uid = AUTH_UID
        self.store = 'path = "mail/%u"'
        self.ids = {}  # of users whose files are not the store's: name -> (uid, gid)
        self.homes = {}
        self.certificates = list(certificates)
        self.tls_port = None  # of the listener with TLS before the greeting
        self.prefix = prefix
        self.environment = environment or {}
        self.process = None
        self.set_users(users)

    # Files

    def own(self, path):
        """The store's own, so that only permissions stand between it and the mail."""
        if AS_ROOT:
            os.chown(path, STORE_UID, STORE_UID)
        return path

    def set_users(self, users):
        lines = []
        for name, password in users.items():
            stored = HASHES.get(password, "{PLAIN}" + password)
            uid, gid = self.ids.get(name, (STORE_UID, STORE_UID))
            home = self.homes.get(name, "/nonexistent")
            lines.append(f"{name}:{stored}:{uid}:{gid}::{home}:/bin/false\n")
        self.users.write_text("".join(lines))
        self.users.chmod(0o600)
        if AS_ROOT:
            os.chown(self.users, AUTH_UID, AUTH_UID)

    def maildir(self, user="ann"):
        folder = self.mail / user
        if not folder.exists():
            for path in (folder, folder / "tmp", folder / "new", folder / "cur"):
                path.mkdir()
                self.own(path)
        return folder

    def deliver(self, stored, user="ann", name=None, folder="new", number=1):
        """A message file, as an MDA leaves it; returns its path."""
        if name is None:
            name = b"%d.M%dP9Q1.host" % (1_600_000_000 + number, number)
        path = self.maildir(user) / folder / os.fsdecode(name)
        path.write_bytes(stored)
        return self.own(path)

    def deliver_all(self, messages, user="ann"):
        for message in messages:
            self.deliver(message.stored, user, message.name)

    def settle(self, user="ann"):
        """Moves the folders' times into the past: nobody delivers just now."""
        for name in ("new", "cur"):
            os.utime(self.maildir(user) / name, (1_600_000_000, 1_600_000_000))

    def write_config(self):
        lines = [f"{key} = {quote(value)}" for key, value in self.keys.items()]
        if AS_ROOT:
            uids = {"front": FRONT_UID, "auth": self.auth_uid, "store": STORE_UID}
            lines += [f'user-{role} = "{uid}"' for role, uid in uids.items()]
        if AS_ROOT and self.certificates:
            lines.append(f'user-keys = "{KEYS_UID}"')
        for certificate in self.certificates:
            lines.append(
                f'tls {{ certificate = "{certificate.certificate}"  key = "{certificate.key}" }}'
            )
        if self.tls_port:
            address = f"127.0.0.1:{self.tls_port}"
            lines.append(f'listen "pops" {{ address = "{address}"  tls = "implicit" }}')
        lines += [
            f'listen "pop" {{ address = "127.0.0.1:{self.port}" }}',
            'auth "passwd-file" { file = "users" }',
            f'store "maildir" {{ {self.store} }}',
            "limits {",
            *[f"    {key} = {value}" for key, value in self.limits.items()],
            "}",
            self.extra,
        ]
        self.config.write_text("\n".join(lines) + "\n")

    # Life

    def start(self):
        for _ in range(3):
            self.port = free_port()
            if self.certificates:
                self.tls_port = free_port()
            self.write_config()
            self.process = subprocess.Popen(
                [*self.prefix, BUILD / "restanted", "-c", self.config],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, **SANITIZER_OPTIONS, **self.environment},
            )
            self.log = Log(self.process.stderr)
            if self.log.wait(r"\bready\b"):
                return self
            self.process.wait(START_SECONDS)
            # Another program may have taken the port in between: then once more.
            if not self.log.find(r"(?i)address.*in use"):
                break
        raise AssertionError("restanted did not start:\n" + self.log.text())

    def stop(self):
        """SIGTERM, and a clean end of every process: status 0, no report of a sanitizer."""
        if self.process is None:
            return
        process, self.process = self.process, None
        family = children(process.pid)
        if process.poll() is None:
            os.kill(self.main_pid(process.pid, family), signal.SIGTERM)
        try:
            status = process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = "nothing: it did not end after SIGTERM"
        left = [name for pid, name in family.items() if not wait_for_end(pid, 5.0)]
        self.log.thread.join(5.0)
        text = self.log.text()
        assert status == 0, f"restanted ended with {status}:\n{text}"
        assert not left, f"left running: {left}\n{text}"
        assert not SANITIZER_REPORT.search(text), text
        assert not FORBIDDEN_CALL.search(text), text

    @staticmethod
    def main_pid(pid, family):
        """Under strace the server is the child of what we started. A child of the server's own
        has its name until it has become another program."""
        if Path(f"/proc/{pid}/comm").read_text().strip() == "restanted":
            return pid
        return next((child for child, name in family.items() if name == "restanted"), pid)

    def remove(self):
        """The folder, also where a test took permissions away."""
        for folder, _, _ in os.walk(self.folder):
            os.chmod(folder, 0o700)
        shutil.rmtree(self.folder)

    def restart(self):
        self.stop()
        return self.start()

    # Use

    def connect(self, **options):
        return pop3.Pop3(self.port, **options)

    def connect_tls(self, tls, **options):
        return pop3.Pop3(self.tls_port, tls=tls, **options)

    def login(self, user=b"ann", password=None):
        client = self.connect()
        client.login(user, password or USERS[user.decode()].encode())
        return client

    def login_soon(self, user=b"ann", password=None, seconds=10.0):
        """Logs in as soon as it is possible. Each try waits for the server's own answers."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.login(user, password)
            except (AssertionError, pop3.Closed, ConnectionError):
                if time.monotonic() > deadline:
                    raise

    def roles(self):
        """role -> its pids; the parent is "parent"."""
        family = children(self.process.pid)
        found = {"parent": [self.main_pid(self.process.pid, family)]}
        for pid, name in family.items():
            if name.startswith("restanted-"):
                found.setdefault(name.removeprefix("restanted-"), []).append(pid)
        return found


def quote(value):
    return str(value) if isinstance(value, (int, bool)) else f'"{value}"'
