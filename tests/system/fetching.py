"""Running `restante fetch` in a test: own Maildir, own journal, a bounded wait."""

import json
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
RESTANTE = Path(os.environ.get("RESTANTE_BUILD", REPOSITORY / "build")).resolve() / "restante"

DELIVERING, DELIVERED, DELETE_PENDING, GONE = 1, 2, 3, 4


class Fetcher:
    """One user's Maildir and journal below `folder`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.maildir = self.folder / "Maildir"
        self.state = self.folder / "journal.db"

    def command(self, url, *options, prefix=()):
        to = f"maildir:{self.maildir}"
        return [*prefix, RESTANTE, "fetch", url, "--to", to, "--state", self.state, *options]

    def environment(self, password="secret"):
        return {**os.environ, "RESTANTE_PASSWORD": password}

    def start(self, url, *options, prefix=(), password="secret", **popen):
        return subprocess.Popen(
            self.command(url, *options, prefix=prefix),
            stdin=subprocess.DEVNULL,
            env=self.environment(password),
            **popen,
        )

    def run(self, url, *options, prefix=(), password="secret", timeout=60):
        """The finished process; its summary as .summary if --json was asked for."""
        result = subprocess.run(
            self.command(url, *options, prefix=prefix),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self.environment(password),
            timeout=timeout,
        )
        text = result.stderr.decode("ascii")
        assert "Sanitizer" not in text and "runtime error" not in text, text
        assert result.returncode >= 0, f"killed by signal {-result.returncode}:\n{text}"
        if "--json" in options:
            result.summary = json.loads(result.stdout)
            assert result.summary["exit"] == result.returncode
        return result

    def files(self):
        """Every delivered file, also in subfolders."""
        folders = [self.maildir, *self.maildir.glob(".*")]
        return sorted(
            path
            for folder in folders
            for leaf in ("new", "cur")
            for path in folder.glob(leaf + "/*")
        )

    def contents(self):
        return sorted(path.read_bytes() for path in self.files())

    def rests(self):
        return list((self.maildir / "tmp").iterdir())

    def rows(self):
        """(uidl, occurrence, state) of every row of the journal."""
        with sqlite3.connect(self.state) as db:
            return list(
                db.execute("SELECT uidl, occurrence, state FROM message ORDER BY uidl, occurrence")
            )


@pytest.fixture
def fetcher(tmp_path):
    return Fetcher(tmp_path)


def stored(mail):
    """What the messages must look like on disk."""
    return sorted(m.content.replace(b"\r\n", b"\n") for m in mail)
