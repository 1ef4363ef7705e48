"""Databases of a test's own: PostgreSQL in a temporary folder, on loopback; an SQLite file."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from pathlib import Path

from restanted import AS_ROOT, AUTH_UID, Log, free_port, wait_for_end

OWNER, OWNER_PASSWORD = "keeper", "p@ss:w/rd"
TABLE = "CREATE TABLE users (name {}, password text, uid int, gid int, home text, label text, enabled {})"


def quote(value):
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


class Sqlite:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="restante-sqlite-"))
        self.folder.chmod(0o711)
        self.path = self.folder / "users.db"
        self.run(TABLE.format("text", "text"))
        if AS_ROOT:
            os.chown(self.path, AUTH_UID, AUTH_UID)
        self.url = f"sqlite:{self.path}"

    def run(self, sql):
        connection = sqlite3.connect(self.path)
        with connection:
            connection.execute(sql)
        connection.close()

    @contextlib.contextmanager
    def locked(self):
        """Nobody else can read meanwhile."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    def stop(self):
        self.path.rename(self.folder / "away")

    def start(self):
        (self.folder / "away").rename(self.path)

    def remove(self):
        shutil.rmtree(self.folder)


def programs():
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


class Postgres:
    """The server refuses to be root's."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="restante-postgres-"))
        self.data = self.folder / "data"
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if AS_ROOT else []
        password = self.folder / "password"
        password.write_text(OWNER_PASSWORD + "\n")
        if AS_ROOT:
            shutil.chown(self.folder, "postgres", "postgres")
            shutil.chown(password, "postgres", "postgres")
        self.call(
            programs() / "initdb", "-D", self.data, "-U", OWNER, "-A", "scram-sha-256",
            f"--pwfile={password}", "--no-sync", "--locale=C", "-E", "UTF8",
        )
        self.port = free_port()
        self.url = f"postgresql://{OWNER}@127.0.0.1:{self.port}/postgres"
        self.process = None

    def call(self, *command, **options):
        subprocess.run(
            [*self.user, *command], check=True, capture_output=True, cwd=self.folder, **options
        )

    def start(self):
        settings = {
            "port": self.port, "listen_addresses": "127.0.0.1", "fsync": "off",
            "unix_socket_directories": self.folder, "shared_buffers": "4MB", "max_connections": 30,
        }
        self.process = subprocess.Popen(
            [
                *self.user, programs() / "postgres", "-D", self.data,
                *[f"--{name}={value}" for name, value in settings.items()],
            ],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.folder,
        )
        self.log = Log(self.process.stderr)
        assert self.log.wait("ready to accept connections"), self.log.text()
        return self

    def run(self, sql):
        self.call(
            programs() / "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-c", sql, self.url,
            env={"PGPASSWORD": OWNER_PASSWORD, "PATH": "/usr/bin:/bin"},
        )

    def stop(self):
        """At once, also with connections that are open."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            assert wait_for_end(self.process.pid, 20.0), "postgres does not end"
            self.process.wait()
        self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)


def fill(database, rows):
    """`rows`: dictionaries by column."""
    for row in rows:
        values = ", ".join(quote(value) for value in row.values())
        database.run(f"INSERT INTO users ({', '.join(row)}) VALUES ({values})")
