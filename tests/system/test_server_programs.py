"""Users that PAM or a checkpassword program judge, each in a helper of auth."""

import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest
from restanted import AS_ROOT, BUILD, SANITIZED, STORE_UID, free_port

SUFFIX = "-outside"  # of users that the user file does not know


def executable(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return path


def login(server, user, password):
    with server.connect() as client:
        client.ok(b"USER " + user)
        return client.command(b"PASS " + password)


def check_login(server, user, password, start):
    answer = login(server, user, password)
    assert answer.startswith(start), answer


# checkpassword

# Reads what it is asked, as the interface has it, and lets in whose password is "open sesame".
CHECKPASSWORD = """#!/usr/bin/python3
import os, sys
folder = {folder!r}
question = os.fdopen(3, "rb").read(512)
open(folder + "/asked", "wb").write(question)
open(folder + "/environment", "w").write(repr(dict(os.environ)))
user, password, stamp = question.split(b"\\0")[:3]
if user == b"unknown":
    sys.exit(3)
if user == b"broken":
    sys.exit(111)
if user == b"stuck":
    open(folder + "/stuck", "w").write(str(os.getpid()))
    os.fork()
    signal = __import__("signal")
    signal.pause()
if user == b"silent":
    sys.exit(0)
if user == b"liar":
    os.write(4, b"ann\\0/\\0" + b"0\\0")
    sys.exit(0)
if password != b"open sesame":
    sys.exit(1)
os.environ.update(USER=user.decode(), HOME="/home/" + user.decode())
if user == b"other":
    os.environ["USER"] = "dora"
if os.getuid() == 0:
    os.setgid({uid})
    os.setuid({uid})
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def checked(make_server, tmp_path):
    server = make_server(extra='auth "checkpassword" { program = "check" }')
    results = server.folder / "results"
    results.mkdir()
    server.results = results
    executable(server.folder / "check", CHECKPASSWORD.format(folder=str(results), uid=STORE_UID))
    for user in ("ann", "cid", "dora"):
        server.deliver(b"Subject: %s\n\n" % user.encode(), user)
    return server.start()


def test_the_program_lets_in(checked):
    check_login(checked, b"cid", b"open sesame", b"+OK logged in, 1 message")
    name, password, stamp, end = (checked.results / "asked").read_bytes().split(b"\0")
    assert (name, password, end) == (b"cid", b"open sesame", b"")
    assert abs(int(stamp) - time.time()) < 60


def test_the_program_gets_nothing_else(checked):
    check_login(checked, b"cid", b"open sesame", b"+OK")
    environment = eval((checked.results / "environment").read_text())
    environment.pop("LC_CTYPE", None)  # Python's own
    assert environment == {
        "PROTO": "POP3", "SERVICE": "pop3", "TCPREMOTEIP": "127.0.0.1",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }


def test_its_user_may_have_another_name(checked):
    with checked.connect() as client:
        client.ok(b"USER other")
        client.ok(b"PASS open sesame")
        assert b"Subject: dora" in client.retrieve(1)


@pytest.mark.parametrize("user, password, answer", [
    (b"cid", b"wrong", b"-ERR [AUTH]"),
    (b"unknown", b"open sesame", b"-ERR [AUTH]"),
    (b"broken", b"open sesame", b"-ERR [SYS/TEMP]"),
    (b"silent", b"open sesame", b"-ERR [SYS/TEMP]"),
    (b"liar", b"open sesame", b"-ERR [SYS/TEMP]"),
])
def test_what_else_it_can_say(checked, user, password, answer):
    check_login(checked, user, password, answer)
    check_login(checked, b"cid", b"open sesame", b"+OK")


def test_it_is_not_asked_for_users_of_the_file(checked):
    check_login(checked, b"ann", b"secret", b"+OK")
    check_login(checked, b"ann", b"open sesame", b"-ERR [AUTH]")
    assert not (checked.results / "asked").exists()


def running_in(group):
    """Processes of the group that were not ended; their parent may be slow to bury them."""
    running = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgrp) == group and state not in "ZX":
            running.append(stat)
    return running


def test_one_that_hangs_is_killed_and_holds_nobody_up(checked):
    stuck = checked.connect()
    stuck.ok(b"USER stuck")
    stuck.send(b"PASS open sesame\r\n")
    for _ in range(20):
        start = time.monotonic()
        check_login(checked, b"cid", b"open sesame", b"+OK")
        check_login(checked, b"ann", b"secret", b"+OK")
        assert time.monotonic() - start < 5.0
    stuck.socket.settimeout(30)
    assert stuck.line().startswith(b"-ERR [SYS/TEMP]")
    assert checked.log.wait(r"did not end in 10 s: killed")
    group = int((checked.results / "stuck").read_text())
    deadline = time.monotonic() + 10
    while running_in(group):  # also what it had started
        assert time.monotonic() < deadline


def test_a_program_that_is_not_there_stops_the_start(make_server):
    server = make_server(extra='auth "checkpassword" { program = "nothing" }')
    with pytest.raises(AssertionError, match=r'program ".*/nothing" cannot be run'):
        server.start()
    assert server.process.wait(10) == 78
    server.process = None


def test_so_does_a_check_of_the_configuration(make_server):
    server = make_server(extra='auth "checkpassword" { program = "nothing" }')
    server.port = free_port()
    server.write_config()
    command = [BUILD / "restanted", "-c", server.config, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 78
    assert re.search(r'auth "checkpassword": program ".*/nothing" cannot be run', done.stderr)
    assert 'restanted.conf: auth "checkpassword" cannot be used' in done.stderr
    executable(server.folder / "nothing", "#!/bin/sh\nexit 1\n")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "is right" in done.stderr) == (0, True), done.stderr


def test_a_helper_that_dies_is_replaced(checked):
    (pid,) = checked.roles()["check"]  # the kernel keeps 15 letters of a name
    os.kill(pid, signal.SIGKILL)
    assert checked.log.wait(r"restanted-checkpassword\[\d+\] was ended by signal 9")
    deadline = time.monotonic() + 20
    while not login(checked, b"cid", b"open sesame").startswith(b"+OK"):
        assert time.monotonic() < deadline


# The helper may do all that a checkpassword program may need, but not what nobody needs.

FORBIDDEN = """#!/usr/bin/python3
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
refused = []
for number, arguments in {calls!r}:
    ctypes.set_errno(0)
    if libc.syscall(number, *arguments) != -1 or ctypes.get_errno() not in (1, 13):
        refused.append(number)
open({result!r}, "w").write(repr(refused))
sys.exit(1)
"""

# x86-64: ptrace(TRACEME), mount, init_module, bpf, unshare(NEWUSER), keyctl, setns, chroot, reboot.
CALLS = [
    (101, (0, 0, 0, 0)), (165, (0, 0, 0, 0, 0)), (175, (0, 0, 0)), (321, (0, 0, 0)),
    (272, (0x10000000,)), (250, (0, 0)), (308, (0, 0)), (161, (0,)), (169, (0,)),
]


@pytest.mark.skipif(SANITIZED, reason="a build with a sanitizer has no sandbox")
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are of x86-64")
def test_what_a_program_may_not(make_server):
    server = make_server(extra='auth "checkpassword" { program = "check" }')
    result = server.folder / "result"
    executable(server.folder / "check", FORBIDDEN.format(calls=CALLS, result=str(result)))
    server.folder.chmod(0o777)
    server.start()
    check_login(server, b"cid", b"x", b"-ERR [AUTH]")
    assert result.read_text() == "[]"


# PAM

# The password comes on standard input; names and results as above.
MODULE = """#!/bin/sh
read -r password
case $PAM_USER in
cid) [ "$password" = "open sesame" ] ;;
dora) cat {folder}/nothing-comes ;;
eric) kill -SEGV $PPID ;;
ben) printf '%s %s %s %s' "$PAM_SERVICE" "$PAM_RHOST" "$PAM_TTY" "$PAM_TYPE" >{folder}/seen; exit 0 ;;
*) exit 1 ;;
esac
"""


def pam(make_server, lines):
    server = make_server(extra='auth "pam" { service = "%s" }')
    services = server.folder / "services"
    services.mkdir()
    server.extra %= services / "restante-test"
    module = executable(server.folder / "module", MODULE.format(folder=shlex.quote(str(services))))
    (services / "restante-test").write_text("".join(f"{line}\n" for line in lines).format(module=module))
    for user in ("ann", "ben", "cid"):
        server.deliver(b"Subject: %s\n\n" % user.encode(), user)
    return server.start()


# A command that says no is a "system error" to pam_exec.
BY_MODULE = [
    "auth [success=1 default=ignore] pam_exec.so expose_authtok quiet {module}",
    "auth requisite pam_deny.so",
    "auth required pam_permit.so",
    "account required pam_permit.so",
]


def test_pam_lets_in(make_server):
    server = pam(make_server, BY_MODULE)
    check_login(server, b"cid", b"open sesame", b"+OK logged in, 1 message")
    check_login(server, b"cid", b"open sesam", b"-ERR [AUTH]")
    check_login(server, b"nobody-here", b"open sesame", b"-ERR [AUTH]")


def test_pam_is_told_whence(make_server):
    server = pam(make_server, BY_MODULE)
    check_login(server, b"ben", b"x", b"+OK")
    seen = (server.folder / "services" / "seen").read_text()
    assert seen == "restante-test 127.0.0.1 pop3 auth"


@pytest.mark.parametrize("auth, account, answer", [
    ("success", "success", b"+OK"),
    ("auth_err", "success", b"-ERR [AUTH]"),
    ("maxtries", "success", b"-ERR [AUTH]"),
    ("user_unknown", "success", b"-ERR [AUTH]"),
    ("success", "acct_expired", b"-ERR [AUTH]"),
    ("success", "new_authtok_reqd", b"-ERR [AUTH]"),
    ("success", "perm_denied", b"-ERR [AUTH]"),
    ("authinfo_unavail", "success", b"-ERR [SYS/TEMP]"),
    ("system_err", "success", b"-ERR [SYS/TEMP]"),
    ("success", "service_err", b"-ERR [SYS/TEMP]"),
])
def test_what_pam_can_say(make_server, auth, account, answer):
    lines = [
        f"auth required pam_debug.so auth={auth}", f"account required pam_debug.so acct={account}"
    ]
    server = pam(make_server, lines)
    check_login(server, b"cid", b"x", answer)


def test_a_failure_of_pam_waits_for_nobody(make_server):
    # pam_unix and pam_faildelay ask for seconds; the delays here are auth's
    lines = ["auth optional pam_faildelay.so delay=5000000", "auth required pam_deny.so"]
    server = pam(make_server, lines)
    start = time.monotonic()
    check_login(server, b"cid", b"x", b"-ERR [AUTH]")
    assert time.monotonic() - start < 3.0


def test_a_module_that_hangs_or_crashes_costs_one_login(make_server):
    server = pam(make_server, BY_MODULE)
    (server.folder / "services" / "nothing-comes").unlink(missing_ok=True)
    os.mkfifo(server.folder / "services" / "nothing-comes")
    helpers = server.roles()["pam"]
    check_login(server, b"eric", b"x", b"-ERR [SYS/TEMP]")
    assert server.log.wait(r"pam: a module of .* has crashed")
    stuck = [server.connect() for _ in range(5)]  # more than its threads
    for client in stuck:
        client.ok(b"USER dora")
        client.send(b"PASS x\r\n")
        client.socket.settimeout(40)
    check_login(server, b"ann", b"secret", b"+OK")  # of the user file, which waits for nobody
    for client in stuck:
        assert client.line().startswith(b"-ERR [SYS/TEMP]")
    check_login(server, b"cid", b"open sesame", b"+OK")
    assert server.roles()["pam"] == helpers


def test_an_empty_password_is_none(make_server):
    server = pam(make_server, BY_MODULE)
    with server.connect() as client:
        client.ok(b"USER cid")
        assert client.command(b"PASS ").startswith(b"-ERR")


@pytest.mark.skipif(not AS_ROOT, reason="only root's helper can see other accounts")
def test_the_account_of_the_host_is_found(make_server):
    # "daemon" is on every Debian; only its ids and home are of interest
    server = make_server(extra='auth "pam" { service = "%s" }', limits={})
    services = server.folder / "services"
    services.mkdir()
    server.extra %= services / "any"
    (services / "any").write_text("auth required pam_permit.so\naccount required pam_permit.so\n")
    server.deliver(b"Subject: d\n\n", "daemon")
    server.start()
    check_login(server, b"daemon", b"x", b"+OK")
