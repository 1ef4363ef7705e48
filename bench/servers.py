"""The servers that are compared, each with its own folder, maildrops and port, and what the
kernel tells about their processes. Nothing of the system's own mail setup is touched."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import maildrops

AS_ROOT = os.geteuid() == 0
START_SECONDS = 20.0
PASSWORD = "secret"
# As root, mail belongs to Debian's user for it, which is none that Dovecot refuses to serve.
MAIL_USER = "mail"
# Numbers that no Debian package uses: front, auth.
FRONT_UID, AUTH_UID = 64001, 64002
# Enough for every session that is measured at a time; Debian's 100 would refuse some.
PROCESSES_MAX = 2000


class Failed(Exception):
    """What went wrong, in one line or with a log."""


def mail_account():
    return pwd.getpwnam(MAIL_USER) if AS_ROOT else pwd.getpwuid(os.geteuid())


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def on_cores(cores):
    """Processes started in here stay on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


# ---- processes ----


def stat_fields(pid):
    """The fields of /proc/PID/stat from the third on, or None: it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def family(pid):
    """`pid` and all that descend from it."""
    parents = {}
    for entry in os.listdir("/proc"):
        fields = stat_fields(entry) if entry.isdigit() else None
        if fields:
            parents[int(entry)] = int(fields[1])
    found, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


class Server:
    """A server process in `folder`, with the maildrops of `mail` copied for it."""

    def __init__(self, folder, mail, users, cores):
        self.folder = folder
        self.users = users
        self.cores = cores
        self.account = mail_account()
        folder.mkdir()
        folder.chmod(0o755)
        maildrops.copy(mail, folder / "mail", self.account.pw_uid, self.account.pw_gid)
        self.process = None

    def start(self):
        self.port = free_port()
        self.write_configuration()
        # A file for the log, for both alike: a pipe would cost this process time.
        with on_cores(self.cores), open(self.folder / "stderr", "wb") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.wait_until_ready()
        return self

    def wait_until_ready(self):
        """Neither line nor file says so in the same way for both: somebody greets at the port."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                    probe.settimeout(START_SECONDS)
                    if probe.recv(100).startswith(b"+OK"):
                        return
            except OSError:
                time.sleep(0.02)  # between tries
        self.stop()
        raise Failed(f"{self.name} did not start:\n{self.log()}")

    def log(self):
        """The last lines."""
        files = [self.folder / "stderr", self.folder / "log"]
        text = "".join(path.read_text(errors="replace") for path in files if path.exists())
        return "\n".join(text.splitlines()[-20:])

    def stop(self):
        """The whole family has to be gone, so that it takes nothing from the next one."""
        if self.process is None:
            return
        process, self.process = self.process, None
        members = family(process.pid)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        for pid in members - {process.pid}:
            wait_for_end(pid)

    def cpu_seconds(self):
        """User and system time of all processes, also of those that have ended and were waited
        for by another of them."""
        ticks = 0
        for pid in family(self.process.pid):
            fields = stat_fields(pid)
            if fields:
                ticks += sum(map(int, fields[11:15]))  # utime stime cutime cstime
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_kib(self):
        """Proportional set size of all processes: what is shared counts once. None: the kernel
        does not tell us."""
        total = 0
        for pid in family(self.process.pid):
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except PermissionError:
                return None
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        return total


def is_alive(pid):
    fields = stat_fields(pid)
    return fields is not None and fields[0] != "Z"


def wait_for_end(pid):
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    if is_alive(pid):
        os.kill(pid, signal.SIGKILL)


# ---- restante ----


class Restante(Server):
    name = "restante"

    def __init__(self, build, *arguments):
        self.build = build
        super().__init__(*arguments)

    def command(self):
        return [self.build / "restanted", "-c", self.folder / "restanted.conf"]

    def version(self):
        return version([self.build / "restanted", "--version"])

    def write_configuration(self):
        uid, gid = self.account.pw_uid, self.account.pw_gid
        roles = (
            f'user-front = "{FRONT_UID}"\nuser-auth = "{AUTH_UID}"\nuser-store = "{uid}:{gid}"\n'
            if AS_ROOT
            else ""
        )
        (self.folder / "restanted.conf").write_text(
            f'hostname = "bench.example"\nlisten "pop" {{ address = "127.0.0.1:{self.port}" }}\n'
            'auth "passwd-file" { file = "users" }\nstore "maildir" { path = "mail/%u" }\n'
            f"fronts = {len(self.cores)}\n{roles}"
            "limits {\n    per-address = 0\n}\n"  # all load comes from one address
        )
        users = self.folder / "users"
        users.write_text("".join(f"{user}:{{PLAIN}}{PASSWORD}:{uid}:{gid}::/:\n" for user in self.users))
        users.chmod(0o600)
        if AS_ROOT:
            os.chown(users, AUTH_UID, AUTH_UID)


# ---- Dovecot ----

DOVECOT_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
mail_location = maildir:{folder}/mail/%u
first_valid_uid = {uid}
first_valid_gid = {gid}
default_login_user = {login}
default_internal_user = {login}
default_internal_group = {group}
mail_max_userip_connections = 0
passdb {{
 driver = passwd-file
 args = {folder}/users
}}
userdb {{
 driver = passwd-file
 args = {folder}/users
}}
service anvil {{
 chroot =
 client_limit = {clients}
}}
service auth {{
 client_limit = {clients}
}}
service stats {{
 client_limit = {clients}
}}
service pop3-login {{
 chroot =
 inet_listener pop3 {{
  port = {port}
 }}
 inet_listener pop3s {{
  port = 0
 }}
 {login_service}
}}
service pop3 {{
 {pop3_service}
}}
"""


class Dovecot(Server):
    """As Debian ships it: a process for each login and a process for each session."""

    name = "Dovecot"
    login_service = f"process_limit = {PROCESSES_MAX}"
    pop3_service = f"process_limit = {PROCESSES_MAX}"

    def command(self):
        return [dovecot_program(), "-F", "-c", self.folder / "dovecot.conf"]

    def version(self):
        return version([dovecot_program(), "--version"])

    def services(self):
        return self.login_service, self.pop3_service

    def write_configuration(self):
        uid, gid, login = self.account.pw_uid, self.account.pw_gid, self.account.pw_name
        group = subprocess.run(["id", "-gn", login], capture_output=True, text=True, check=True)
        login_service, pop3_service = self.services()
        text = DOVECOT_CONFIGURATION.format(
            folder=self.folder, port=self.port, uid=uid, gid=gid, login=login,
            group=group.stdout.strip(), clients=10 * PROCESSES_MAX,
            login_service=login_service, pop3_service=pop3_service,
        )  # fmt: skip
        (self.folder / "dovecot.conf").write_text(text)
        home = f"{uid}:{gid}::{self.folder}/mail/"
        (self.folder / "users").write_text(
            "".join(f"{user}:{{PLAIN}}{PASSWORD}:{home}{user}::\n" for user in self.users)
        )


class DovecotTuned(Dovecot):
    """What Dovecot's manual calls the high-performance mode: login processes that serve many
    connections, one for each core; and sessions' processes that are used again."""

    name = "Dovecot, tuned"

    def services(self):
        cores = len(self.cores)
        return (
            f"service_count = 0\n process_min_avail = {cores}\n process_limit = {cores}\n"
            f" client_limit = {PROCESSES_MAX}\n vsz_limit = 1G",
            f"service_count = 1000\n process_min_avail = 8\n process_limit = {PROCESSES_MAX}",
        )


def dovecot_program():
    found = shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin")
    if found is None:
        raise Failed("there is no Dovecot here: install dovecot-pop3d, or --servers restante")
    return found


def version(command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.split("\n")[0].removeprefix("restanted").strip()


SERVERS = {"restante": Restante, "dovecot-tuned": DovecotTuned, "dovecot": Dovecot}
