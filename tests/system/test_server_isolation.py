"""Roles: what each program is linked with, who it runs as, and that it may die."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from restanted import AS_ROOT, AUTH_UID, BUILD, FRONT_UID, SANITIZED, STORE_UID, wait_for_end

# Every way that libc has of opening something by its path.
OPENING = re.compile(
    r"(__)?(f?open|openat|creat|freopen|fdopendir|opendir|scandir|fts_open|nftw|ftw|glob|popen"
    r"|dlopen|execve?|execvp?e?|execlp?e?|posix_spawnp?|mkstemp|mkostemp|tmpfile|shm_open"
    r"|name_to_handle_at|open_by_handle_at|open_tree|openat2|connect|readlink|readlinkat"
    r"|unlink|unlinkat|rename|renameat2?)(64)?(_2)?"
)
def dynamic_symbols(program):
    output = subprocess.run(
        ["nm", "-D", "--undefined-only", BUILD / program], check=True, capture_output=True, text=True
    ).stdout
    return {line.split()[-1].split("@")[0] for line in output.splitlines() if line.strip()}


def libraries(program):
    output = subprocess.run(
        ["ldd", BUILD / program], check=True, capture_output=True, text=True
    ).stdout
    return {line.split()[0] for line in output.splitlines() if line.strip()}


@pytest.mark.skipif(SANITIZED, reason="a sanitizer brings its own symbols along")
def test_front_cannot_open_a_path():
    symbols = dynamic_symbols("restanted-front")
    assert symbols & {"accept4", "accept", "recv", "read", "recvmsg"}, "not the right program"
    assert {symbol for symbol in symbols if OPENING.fullmatch(symbol)} == set()


@pytest.mark.skipif(SANITIZED, reason="a sanitizer brings its own symbols along")
def test_the_check_on_symbols_sees_what_it_is_for():
    assert {symbol for symbol in dynamic_symbols("restanted-store") if OPENING.fullmatch(symbol)}


def test_front_has_no_library_of_store_auth_or_configuration():
    found = " ".join(libraries("restanted-front"))
    assert "libc.so" in found
    assert not re.search(r"libcrypt\.|libcrypt-|libpam|libconfuse|libsqlite|libcurl|librados", found)


def test_each_role_is_a_process_of_its_own(server):
    roles = server.roles()
    assert {"parent", "front", "auth", "store"} <= set(roles)
    for role in ("front", "auth", "store"):
        for pid in roles[role]:
            assert Path(f"/proc/{pid}/comm").read_text().strip() == f"restanted-{role}"


def status_of(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


@pytest.mark.skipif(not AS_ROOT, reason="only root can start roles as other users")
def test_roles_drop_to_their_own_users(server):
    roles = server.roles()
    for role, uid in (("front", FRONT_UID), ("auth", AUTH_UID), ("store", STORE_UID)):
        for pid in roles[role]:
            status = status_of(pid)
            assert set(status["Uid"].split()) == {str(uid)}, role
            assert set(status["Gid"].split()) == {str(uid)}, role
            assert set(status["Groups"].split()) <= {str(uid)}, role
            assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0, role


def test_roles_have_no_new_privileges(server):
    for role, pids in server.roles().items():
        if role != "parent":
            for pid in pids:
                assert status_of(pid)["NoNewPrivs"].strip() == "1", role


def descriptors(pid):
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(entry))
        except FileNotFoundError:
            continue
    return found


def test_front_holds_no_file_and_store_no_network(server):
    server.deliver(b"A: b\n\ntext\n")
    with server.login() as client:
        client.retrieve(1)
        roles = server.roles()
        try:
            front = descriptors(roles["front"][0])
            store = descriptors(roles["store"][0])
            auth = descriptors(roles["auth"][0])
        except PermissionError as error:
            pytest.skip(f"the roles hide their descriptors: {error}")
        passwords, mail = str(server.users), str(server.mail)
        assert not [path for path in front if path == passwords]
        # A message read ahead may be there, but never a folder or the index.
        folders = {mail, f"{mail}/ann", f"{mail}/ann/new", f"{mail}/ann/cur"}
        assert not folders & set(front)
        assert not [path for path in store + auth if is_inet(roles, path)]


def is_inet(roles, path):
    match = re.fullmatch(r"socket:\[(\d+)\]", path)
    if not match:
        return False
    inodes = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            inodes.add(line.split()[9])
    return match[1] in inodes


# Death and replacement


@pytest.mark.parametrize("role", ["front", "auth", "store"])
def test_killed_role_is_replaced(server, role):
    path = server.deliver(b"A: b\n\ntext\n")
    session = server.login()
    session.ok(b"DELE 1")
    victim = server.roles()[role][0]
    os.kill(victim, signal.SIGKILL)
    assert wait_for_end(victim)
    if role == "store":  # its sessions end with it, and nothing is deleted
        session.close()
    elif role == "front":
        session.rest()
    session.close()
    for _ in range(3):
        with server.login_soon() as client:
            assert client.retrieve(1) == b"A: b\r\n\r\ntext\r\n"
            client.quit()
    assert path.exists()
    assert victim not in server.roles()[role]


@pytest.mark.parametrize("role", ["front", "auth", "store"])
def test_role_killed_again_and_again_is_always_replaced(server, role):
    for _ in range(5):
        server.login_soon().quit()
        for victim in server.roles().get(role, []):
            os.kill(victim, signal.SIGKILL)
            assert wait_for_end(victim)
    server.login_soon().quit()


@pytest.mark.parametrize("order", [("store", "auth"), ("auth", "store")])
def test_roles_that_die_one_shortly_after_the_other_both_come_back(server, order):
    for _ in range(3):
        for role in order:
            victim = server.roles()[role][0]
            os.kill(victim, signal.SIGKILL)
            assert wait_for_end(victim)
        server.login_soon().quit()


def test_store_killed_before_quit_deletes_nothing_and_says_so(server):
    path = server.deliver(b"A: b\n\ntext\n")
    with server.login() as client:
        client.ok(b"DELE 1")
        victim = server.roles()["store"][0]
        os.kill(victim, signal.SIGKILL)
        assert wait_for_end(victim)
        client.send(b"QUIT\r\n")
        assert not client.rest().startswith(b"+OK")
    assert path.exists()


def test_killed_front_releases_its_locks(server):
    session = server.login()
    victim = server.roles()["front"][0]
    os.kill(victim, signal.SIGKILL)
    assert wait_for_end(victim)
    server.login_soon().quit()
    session.close()


def test_killed_parent_takes_its_roles_along(make_server):
    server = make_server().start()
    pids = [pid for pids in server.roles().values() for pid in pids]
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10.0)
    server.process = None
    assert all(wait_for_end(pid) for pid in pids)


# Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_everything_cleanly(make_server, number):
    server = make_server()
    path = server.deliver(b"A: b\n\ntext\n")
    server.start()
    pids = [pid for pids in server.roles().values() for pid in pids]
    with server.login() as client:
        client.ok(b"DELE 1")
        server.process.send_signal(number)
        client.rest()
    assert server.process.wait(10.0) == 0
    assert all(wait_for_end(pid) for pid in pids)
    assert path.exists()


def hang_up(server):
    """SIGHUP, and waits until the server says that it has read its files again."""
    start = len(server.log.lines)
    server.process.send_signal(signal.SIGHUP)
    server.log.wait(r"(?i)reload|read again|reread|\bready\b", start=start)


def test_hang_up_reads_the_users_again(server):
    server.login().quit()
    server.set_users({"ann": "changed", "new": "word"})
    server.maildir("new")
    hang_up(server)
    server.login_soon(b"ann", b"changed").quit()
    server.login_soon(b"new", b"word").quit()
    with server.connect() as client:
        client.ok(b"USER ann")
        client.err(b"PASS secret")


def test_hang_up_keeps_a_running_session(server):
    path = server.deliver(b"A: b\n\ntext\n")
    with server.login() as client:
        client.ok(b"DELE 1")
        hang_up(server)
        client.ok(b"STAT")
        client.quit()
    assert not path.exists()


def test_hang_up_with_other_files(make_server):
    server = make_server()
    server.deliver(b"A: b\n\ntext\n")
    server.start()
    session = server.login()
    old_pids = {server.roles()[role][0] for role in ("auth", "store")}

    folder = server.folder / "elsewhere"
    folder.mkdir()
    shutil.move(server.users, folder / "users")
    shutil.copytree(server.mail, folder / "mail")
    for path in folder.rglob("mail/**/*"):
        server.own(path)
    server.own(folder / "mail")
    text = server.config.read_text()
    server.config.write_text(text.replace('"users"', '"elsewhere/users"').replace(
        '"mail/%u"', '"elsewhere/mail/%u"'
    ))
    hang_up(server)
    with server.login_soon() as fresh:  # another maildrop by now: it is not in use
        fresh.ok(b"DELE 1")
        fresh.quit()
    assert not list((folder / "mail/ann/new").iterdir())

    assert session.retrieve(1) == b"A: b\r\n\r\ntext\r\n"  # the old one goes on
    session.ok(b"DELE 1")
    session.quit()
    session.close()
    assert not list((server.mail / "ann/new").iterdir())
    assert all(wait_for_end(pid) for pid in old_pids)


def test_hang_up_with_a_mistake_keeps_what_was(server):
    good = server.config.read_text()
    server.config.write_text(good + "\nlissten = 1\n")
    start = len(server.log.lines)
    server.process.send_signal(signal.SIGHUP)
    assert "restanted.conf:" in server.log.wait(r"lissten", start=start)
    server.login().quit()
    server.config.write_text(good)


def test_log_never_shows_a_password(server):
    with server.connect() as client:
        client.ok(b"USER ann")
        client.err(b"PASS Wr0ngW0rd")
        client.send(b"PASS Wr0ngW0rd\r\nWr0ngW0rd\r\nUSER Wr0ngW0rd x\r\n")
        client.line(), client.line(), client.line()
    server.login().quit()
    server.stop()
    assert "Wr0ngW0rd" not in server.log.text()
    assert "secret" not in server.log.text()


def test_log_cannot_be_forged_by_a_user_name(server):
    with server.connect() as client:
        if client.command(b"USER a\x1b[2Jb\rready").startswith(b"+OK"):
            client.err(b"PASS x")
    server.stop()
    assert "\x1b" not in server.log.text() and "\r" not in server.log.text()
