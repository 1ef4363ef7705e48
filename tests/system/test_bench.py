"""The benchmark still works, and its load generator notices a server that does less than it says."""

import json
import os
import subprocess
import sys

import fake_pop3
import pytest
from fake_pop3 import FakePop3, Mail
from restanted import BUILD, REPOSITORY, SANITIZER_OPTIONS

POPLOAD = BUILD / "bench" / "popload"
pytestmark = pytest.mark.skipif(
    not POPLOAD.exists(), reason="no load generator: script/build build -Dbench=true"
)
MAIL = [b"Subject: a\r\n\r\n.a line\r\n", b"Subject: b\r\n\r\n" + b"y\r\n" * 5000]
TOTAL = sum(len(content) for content in MAIL)


def popload(port, *options):
    """Sessions of ann0; the exit code, what was counted, the complaint."""
    done = subprocess.run(
        [POPLOAD, "--port", str(port), "--user", "ann", "--password", "secret", "--users", "1",
         "--connections", "1", *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(fake_pop3, "USER", b"ann0")
    with FakePop3([Mail(content) for content in MAIL]) as server:
        yield server


@pytest.mark.parametrize("announced", [True, False])
def test_every_octet_is_counted(fake, announced):
    if not announced:
        fake.faults.capabilities = [b"UIDL"]
    code, result, complaint = popload(fake.port, "--sessions", "3", "--pipeline")
    assert (code, complaint) == (0, "")
    counted = [result[key] for key in ("sessions", "messages", "octets", "errors")]
    assert counted == [3, 6, 3 * TOTAL, 0]
    assert 0 < result["latency_ms_median"] <= result["latency_ms_p99"]
    assert fake.retrieved() == [[1, 2]] * 3
    assert all(session.quit_done for session in fake.sessions)
    if not announced:
        assert all(session.early == [] for session in fake.sessions)


LIES = {
    "message is shorter than LIST says": (
        lambda fake: setattr(fake.mail[1], "size", len(MAIL[1]) + 1),
        "message 2 has 15014 octets, LIST said 15015",
    ),
    "STAT has more octets than LIST": (
        lambda fake: fake.faults.replies.update({"STAT": b"+OK 2 99999\r\n"}),
        "STAT and LIST differ",
    ),
    "STAT has more messages than the listings": (
        lambda fake: fake.faults.replies.update({"STAT": b"+OK 3 %d\r\n" % TOTAL}),
        "a listing is not complete",
    ),
    "RETR is refused": (
        lambda fake: fake.faults.replies.update({"RETR 2": b"-ERR not today\r\n"}),
        "was refused: not today",
    ),
    "line is cut within a message": (
        lambda fake: setattr(fake.faults, "cut_at", (2, 1000)),
        "the server closed the connection",
    ),
}


@pytest.mark.parametrize("case", LIES)
def test_lies_are_errors(fake, case):
    lie, expected = LIES[case]
    lie(fake)
    code, result, complaint = popload(fake.port, "--sessions", "1")
    assert code == 1
    assert (result["sessions"], result["errors"]) == (0, 1)
    assert expected in complaint


def test_benchmark_with_tiny_numbers(tmp_path):
    done = subprocess.run(
        [sys.executable, "-B", REPOSITORY / "bench" / "bench.py", "--build", BUILD, "--servers",
         "restante", "--repetitions", "1", "--seconds", "0.1", "--idle", "20", "--json",
         tmp_path / "result.json"],
        capture_output=True, text=True, timeout=60, env={**os.environ, **SANITIZER_OPTIONS},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    values = json.loads((tmp_path / "result.json").read_text())["values"]["restante"]
    for load in ("login", "session", "pipelined", "large"):
        assert values[load]["sessions_per_second"][0] > 0
    assert values["large"]["megabytes_per_second"][0] > 0
    assert 0 < values["memory"]["mib_at_rest"][0] <= values["memory"]["mib_with_idle"][0]
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    # A head and a row for everything, none of them empty.
    assert len(table) == 2 + 13
    assert not any("| - |" in line for line in table)
