"""The sandbox of the roles: what is left of their rights, seen from outside and from inside."""

import collections
import ctypes
import dataclasses
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from certificates import Authority
from restanted import AS_ROOT, BUILD, REPOSITORY, SANITIZED, Restanted, free_port

ROLES = ("front", "auth", "store", "keys")
# A helper of auth that asks a server; the kernel keeps 15 letters of a name.
HELPER = "oauth"
ALL_ROLES = (*ROLES, HELPER)
WITH_HELPER = (
    'auth "oauth2" { introspection = "http://127.0.0.1:9/"  client-id = "me"'
    '  password-file = "helper/secret"  audience = "mail" }'
)


def add_helper(server):
    server.extra = WITH_HELPER
    (server.folder / "helper").mkdir()
    (server.folder / "helper" / "secret").write_text("secret\n")
    (server.folder / "helper" / "secret").chmod(0o644)
    return server
STORED = b"A: b\n\ntext\n"
OTHER_UID = 64005  # somebody who starts a server without being root

pytestmark = pytest.mark.skipif(SANITIZED, reason="a build with a sanitizer has no sandbox")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates")).issue("pop.example.org")


@pytest.fixture(scope="module")
def shared(make_shared_server, certificate):
    server = add_helper(make_shared_server(certificates=[certificate]))
    server.deliver(STORED)
    return server.start()


@pytest.fixture(params=ALL_ROLES)
def pid(request, shared):
    pids = shared.roles()[request.param]
    assert len(pids) == 1
    return pids[0]


# From outside


def status_of(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_system_calls_are_filtered_in_every_thread(pid):
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    assert threads
    for thread in threads:
        status = status_of(thread.name)
        assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")


def test_there_are_no_capabilities(pid):
    status = status_of(pid)
    assert [int(status["Cap" + kind], 16) for kind in ("Inh", "Prm", "Eff", "Amb")] == [0] * 4


@pytest.mark.skipif(not AS_ROOT, reason="the owner of /proc/PID tells only if the role is another")
def test_memory_is_hidden(pid):
    assert status_of(pid)["Uid"].split()[0] != "0"
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0  # not the role's: it cannot be attached to


def test_there_are_no_core_files(shared):
    for pids in shared.roles().values():
        for pid in pids:
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert re.search(r"Max core file size +0 +0 ", limits)


def test_parent_has_no_new_privileges(shared):
    assert status_of(shared.roles()["parent"][0])["NoNewPrivs"] == "1"


KINDS = {
    "socket": r"socket:\[\d+\]",
    "pipe": r"pipe:\[\d+\]",  # standard error
    "null": r"/dev/null",
    "epoll": r"anon_inode:\[eventpoll\]",
    "eventfd": r"anon_inode:\[eventfd\]",
    "tally": r"/memfd:restanted-tally \(deleted\)",
}
# Sockets: the control channel, those to other roles, the two listeners.
DESCRIPTORS = {
    "front": {"null": 2, "pipe": 1, "epoll": 1, "tally": 1, "socket": 1 + 3 + 2},
    "auth": {"null": 2, "pipe": 1, "epoll": 1, "eventfd": 1, "socket": 1 + 2},
    "store": {"null": 2, "pipe": 1, "epoll": 1, "socket": 1 + 2},
    "keys": {"null": 2, "pipe": 1, "epoll": 1, "socket": 1 + 1},
}


@pytest.mark.parametrize("role", ROLES)
def test_descriptors_after_the_start(make_server, certificate, role):
    server = make_server(certificates=[certificate]).start()
    folder = Path(f"/proc/{server.roles()[role][0]}/fd")
    try:
        targets = [os.readlink(entry) for entry in folder.iterdir()]
    except PermissionError as error:
        pytest.skip(f"only root sees them: {error}")
    found = collections.Counter(
        next((kind for kind, form in KINDS.items() if re.fullmatch(form, target)), target)
        for target in targets
    )
    assert found == DESCRIPTORS[role]


# From inside


@pytest.fixture(scope="module")
def attacker():
    """A build of its own: what tries the sandbox is in no other."""
    folder = BUILD / "attack"
    subprocess.run(
        [REPOSITORY / "script/build", folder, "-Dattack=true", "-Dtests=false"], check=True
    )
    return folder / "restanted"


@pytest.fixture
def attack(attacker, certificate):
    server = add_helper(Restanted())

    def run(option, uid=None):
        own = {}
        for field in ("certificate", "key"):
            path = server.folder / f"tls.{field}"
            shutil.copy(getattr(certificate, field), path)
            own[field] = path
        server.certificates = [dataclasses.replace(certificate, **own)]
        server.port, server.tls_port = free_port(), free_port()
        server.deliver(STORED)
        server.deliver(STORED, user="bob")
        server.write_config()
        # What lies below the user file's folder auth may read, as far as permissions go.
        folder = server.folder / "auth"
        folder.mkdir(exist_ok=True)
        server.users.rename(folder / "users")
        text = server.config.read_text()
        server.config.write_text(text.replace('"users"', '"auth/users"'))
        identity = {}
        if uid is not None:
            identity = {"user": uid, "group": uid, "extra_groups": []}
            for path in [server.folder, *server.folder.rglob("*")]:
                os.chown(path, uid, uid)
        return subprocess.run(
            [attacker, "-c", server.config, option],
            capture_output=True, text=True, timeout=60, cwd="/", **identity,
        )

    yield run
    # Nothing that was made on trial is left, and no mail is gone.
    left = sorted(path.name for path in server.mail.rglob("*") if path.is_file())
    assert left == ["1600000001.M1P9Q1.host"] * 2
    server.remove()


def identities():
    yield pytest.param(None, id="as-it-is")
    yield pytest.param(
        OTHER_UID, id="not-root", marks=pytest.mark.skipif(not AS_ROOT, reason="is that already")
    )


def counts(done):
    """role -> (acts, refused)"""
    found = {}
    for line in done.stdout.splitlines():
        role, acts, refused = re.fullmatch(r"(\w+): (\d+) acts, (\d+|all) refused", line).groups()
        found[role] = (int(acts), int(acts if refused == "all" else refused))
    return found


@pytest.mark.parametrize("uid", identities())
def test_every_act_is_refused(attack, uid):
    done = attack("--attack", uid)
    assert done.returncode == 0, done.stdout + done.stderr
    found = counts(done)
    assert set(found) == {*ROLES, "source"}
    assert all(acts >= 125 and refused == acts for acts, refused in found.values()), done.stdout
    assert done.stdout.count("all refused\n") == len(found)


@pytest.mark.parametrize("uid", identities())
def test_most_acts_would_work_without_the_sandbox(attack, uid):
    # Or the test above would show nothing.
    done = attack("--attack=bare", uid)
    found = counts(done)
    assert set(found) == {*ROLES, "source"}
    assert all(acts - refused >= 75 for acts, refused in found.values()), done.stdout


@pytest.mark.parametrize("program", ["restanted", *(f"restanted-{role}" for role in ROLES)])
def test_an_ordinary_build_cannot_attack(program):
    assert b"RESTANTED_ATTACK" not in (BUILD / program).read_bytes()


def test_an_ordinary_build_has_no_such_option():
    done = subprocess.run([BUILD / "restanted", "--attack"], capture_output=True)
    assert done.returncode == 64


# What has to work in it


def pidfd_getfd(pid, fd):
    """A copy of another process's descriptor; pidfd_getfd(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    try:
        copy = libc.syscall(438, process, fd, 0)
        if copy < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        return copy
    finally:
        os.close(process)


def control_channels(pid):
    """Copies of the parent's ends: whoever has one can say what only the parent may say."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        if os.readlink(entry).startswith("socket:"):
            channel = socket.socket(fileno=pidfd_getfd(pid, int(entry.name)))
            if channel.family == socket.AF_UNIX and channel.type == socket.SOCK_SEQPACKET:
                yield channel
            else:
                channel.close()


@pytest.mark.skipif(not AS_ROOT, reason="only root can take descriptors of the server")
def test_a_failed_assertion_still_says_which(make_server, certificate):
    # abort(): the message, then SIGABRT and not SIGSYS
    server = make_server(certificates=[certificate])
    server.deliver(STORED)
    server.start()
    victims = {role: server.roles()[role][0] for role in ROLES}
    for channel in control_channels(server.roles()["parent"][0]):
        with channel:
            channel.send(b"x")
    for role, victim in victims.items():
        end = f"restanted-{role}\\[{victim}\\] was ended by signal {int(signal.SIGABRT)}"
        server.log.wait(end)
    assert server.log.text().count("must hold: ") == len(ROLES)
    with server.login_soon() as client:
        client.quit()


def test_a_large_maildrop_many_sessions_and_deletions(make_server, certificate):
    # Memory that grows, moves and shrinks; descriptors and snapshots that are handed over.
    server = make_server(certificates=[certificate])
    for number in range(1, 3001):
        server.deliver(STORED, number=number)
    server.start()
    others = [server.connect() for _ in range(60)]
    with server.connect_tls(certificate.client()) as client:
        client.login()
        assert len(client.uids()) == 3000
        for number in range(1, 101):
            client.retrieve(number)
        for number in range(1, 3001, 2):
            client.ok(b"DELE %d" % number)
        client.quit()
    for other in others:
        other.quit()
    with server.login() as client:
        assert len(client.sizes()) == 1500


def test_user_file_behind_a_link_may_be_replaced(make_server):
    server = make_server()
    server.maildir()
    folder = server.folder / "real"
    folder.mkdir()
    shutil.move(server.users, folder / "users")
    server.users.symlink_to("real/users")
    server.start()
    server.login().quit()
    fresh = folder / "users.new"
    fresh.write_text((folder / "users").read_text().replace("ann:", "anna:"))
    fresh.chmod(0o600)
    if AS_ROOT:
        os.chown(fresh, server.auth_uid, server.auth_uid)
    fresh.rename(folder / "users")
    server.maildir("anna")
    server.login_soon(b"anna", b"secret").quit()


def test_mail_folder_that_is_made_later(make_server):
    server = make_server()
    server.mail.rmdir()
    server.start()
    assert server.log.find(rf"there is no folder '{server.mail}' yet: .*'{server.folder}'")
    server.mail.mkdir()
    server.own(server.mail)
    server.deliver(STORED)
    with server.login() as client:
        assert len(client.sizes()) == 1


def test_link_that_leads_out_of_the_mail_folder_is_not_followed(make_server):
    server = make_server()
    outside = server.folder / "outside"
    server.maildir().rename(outside)
    (server.mail / "ann").symlink_to(outside)
    inside = server.maildir("bob").rename(server.mail / "robert")
    (server.mail / "bob").symlink_to(inside)
    server.start()
    with server.connect() as client:
        client.ok(b"USER ann")
        assert client.err(b"PASS secret").startswith(b"-ERR [SYS/PERM]")
    server.login(b"bob").quit()


def test_kernel_without_landlock_is_said_once(make_server):
    if not AS_ROOT:
        pytest.skip("strace cannot follow roles that hide their memory")
    fault = "inject=landlock_create_ruleset:error=ENOSYS:syscall=getpid"
    server = make_server(prefix=["strace", "-f", "-o", "/dev/null", "-e", fault], fronts=3)
    server.deliver(STORED)
    server.start()
    with server.login() as client:
        client.retrieve(1)
        client.quit()
    assert server.log.text().count("Landlock") == 1
    assert status_of(server.roles()["store"][0])["Seccomp"] == "2"


def test_kernel_with_landlock_says_nothing(shared):
    assert "Landlock" not in shared.log.text()
