"""owner = "user": each maildrop is served by a process of its owner's."""

import concurrent.futures
import os
import re
import select
import signal
import subprocess
from pathlib import Path

import pytest
from restanted import AS_ROOT, AUTH_UID, BUILD, SANITIZED, STORE_UID, wait_for_end

pytestmark = pytest.mark.skipif(not AS_ROOT, reason="only root can become the owners")

# Numbers that no Debian package uses, as for the roles.
ANN, BOB, EVE = 64101, 64102, 64103
PASSWORD = b"secret"
MAIL = b"A: b\n\ntext\n"
WIRE = MAIL.replace(b"\n", b"\r\n")


def give(path, uid, mode=None):
    """A folder with all that is in it."""
    for each in (path, *path.rglob("*")):
        os.chown(each, uid, uid)
    if mode is not None:
        path.chmod(mode)


def make(make_server, owners, limits=None, home=False, **keys):
    """`owners`: user -> uid. With `home` maildrops are in homes of 0700, else beside each other."""
    server = make_server(limits=limits, **keys)
    server.store = 'path = "mail/%u"  owner = "user"'
    server.mail.chmod(0o711)
    for user, uid in owners.items():
        server.ids[user] = (uid, uid)
        server.deliver(MAIL, user)
        if home:
            server.homes[user] = server.folder / "home" / user
            server.homes[user].mkdir(parents=True)
            (server.mail / user).rename(server.homes[user] / "Maildir")
            give(server.homes[user], uid, 0o700)
        else:
            give(server.mail / user, uid, 0o700)
    if home:
        server.store = 'path = "%h/Maildir"  owner = "user"'
        (server.folder / "home").chmod(0o711)
    server.set_users({user: "secret" for user in owners})
    return server


@pytest.fixture
def server(make_server):
    return make(make_server, {"ann": ANN, "bob": BOB}).start()


def ids_of(pid):
    """Every uid, gid and group that the process has."""
    text = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    return {
        name: {int(each) for each in fields[name].split()} for name in ("Uid", "Gid", "Groups")
    }


def stores(server):
    """uid -> pid of the stores that run."""
    found = {}
    for pid in server.roles().get("store", []):
        uids = ids_of(pid)["Uid"]
        assert len(uids) == 1
        found[uids.pop()] = pid
    return found


def login(server, user):
    return server.login(user.encode(), PASSWORD)


def refusal(server, user):
    with server.connect() as client:
        client.ok(b"USER " + user.encode())
        return client.err(b"PASS " + PASSWORD)


def reload(server):
    start = len(server.log.lines)
    server.process.send_signal(signal.SIGHUP)
    server.log.wait(r"\bready\b", start=start)


@pytest.mark.parametrize("home", [False, True], ids=["mail/%u", "%h/Maildir"])
def test_two_owners_have_two_processes(make_server, home):
    server = make(make_server, {"ann": ANN, "bob": BOB}, home=home).start()
    assert stores(server) == {}
    with login(server, "ann") as ann, login(server, "bob") as bob:
        assert ann.retrieve(1) == bob.retrieve(1) == WIRE
        running = stores(server)
        assert set(running) == {ANN, BOB}
        for uid, pid in running.items():
            assert ids_of(pid)["Gid"] == {uid}
            assert ids_of(pid)["Groups"] <= {uid}
        ann.quit(), bob.quit()
    with login(server, "ann") as again:
        assert stores(server)[ANN] == running[ANN]  # it is used again
        again.quit()


def test_files_that_are_made_are_the_owners(server):
    with login(server, "ann") as client:
        client.quit()
    made = [path for path in (server.mail / "ann").rglob("*") if path.is_file()]
    assert made
    assert {path.stat().st_uid for path in made} == {ANN}


def test_deletion_is_done(server):
    mail = next((server.mail / "ann" / "new").iterdir())
    with login(server, "ann") as client:
        client.ok(b"DELE 1")
        client.quit()
    assert not mail.exists()
    assert next((server.mail / "bob" / "new").iterdir()).exists()


def test_maildrop_of_another_is_refused_by_the_kernel(server):
    give(server.mail / "ann", BOB)
    assert refusal(server, "ann").startswith(b"-ERR [SYS/")
    server.log.wait(r"user ann: .*Permission denied")
    with login(server, "bob") as client:
        client.quit()
    give(server.mail / "ann", ANN)
    with login(server, "ann") as client:
        client.quit()


@pytest.mark.parametrize("ids", [(0, 0), (0, ANN), (999, 999), (ANN, 0), ("", ANN), (ANN, "")])
def test_system_users_are_refused(make_server, ids):
    server = make(make_server, {"ann": ANN, "bob": BOB})
    server.ids["ann"] = ids
    server.set_users({"ann": "secret", "bob": "secret"})
    server.start()
    assert refusal(server, "ann").startswith(b"-ERR [SYS/PERM]")
    server.log.wait(r'user "ann": no ')
    assert stores(server) == {}
    with login(server, "bob") as client:
        client.quit()


def test_first_uid_can_be_another(make_server):
    server = make(make_server, {"ann": ANN, "bob": BOB}, first_uid=BOB).start()
    assert refusal(server, "ann").startswith(b"-ERR [SYS/PERM]")
    server.log.wait(rf'user "ann": .* uid {ANN} \(first-uid = {BOB}\)')
    with login(server, "bob") as client:
        client.quit()


def test_who_is_not_root_is_told_so_with_file_and_line(make_server):
    server = make(make_server, {"ann": ANN})
    server.port = 1110
    server.write_config()
    text = server.config.read_text()
    server.config.write_text(re.sub(r"user-\w+ = .*\n", "", text))
    lines = server.config.read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "owner =" in text)
    done = subprocess.run(
        ["setpriv", "--reuid", str(AUTH_UID), "--clear-groups", BUILD / "restanted", "-c", server.config],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 78
    assert f"restanted.conf:{line}: owner = " in done.stderr


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's build has no sandbox")
def test_home_is_all_that_is_within_reach(make_server):
    server = make(make_server, {"ann": ANN}, home=True)
    elsewhere = server.folder / "elsewhere"
    (server.homes["ann"] / "Maildir").rename(elsewhere)
    (server.homes["ann"] / "Maildir").symlink_to(elsewhere)
    server.start()
    assert refusal(server, "ann").startswith(b"-ERR [SYS/")
    (server.homes["ann"] / "Maildir").unlink()
    elsewhere.rename(server.homes["ann"] / "Maildir")
    with login(server, "ann") as client:
        client.quit()


def test_users_of_one_uid_share_a_process_but_not_homes(make_server):
    server = make(make_server, {"ann": ANN, "bob": ANN}, home=True).start()
    with login(server, "ann") as ann, login(server, "bob") as bob:
        assert len(server.roles()["store"]) == 2
        ann.quit(), bob.quit()


def test_killed_process_ends_the_sessions_of_its_owner_only(server):
    mail = next((server.mail / "ann" / "new").iterdir())
    with login(server, "ann") as ann, login(server, "bob") as bob:
        ann.ok(b"DELE 1")
        victim = stores(server)[ANN]
        os.kill(victim, signal.SIGKILL)
        assert ann.rest() == b""
        assert bob.retrieve(1) == WIRE
        with login(server, "ann") as again:
            assert again.retrieve(1) == WIRE
            again.quit()
        bob.quit()
    server.log.wait(rf"restanted-store\[{victim}\] was ended by signal 9")
    assert mail.exists()


def test_stopped_process_holds_up_nobody_else(server):
    with login(server, "ann") as ann, server.connect() as late:
        victim = stores(server)[ANN]
        os.kill(victim, signal.SIGSTOP)
        try:
            late.ok(b"USER ann")
            late.send(b"PASS secret\r\n")
            for _ in range(5):
                with login(server, "bob") as bob:
                    assert bob.retrieve(1) == WIRE
                    bob.quit()
            other = stores(server)[BOB]
            os.kill(other, signal.SIGKILL)  # the login that waits has nothing to do with that
            assert wait_for_end(other)
            login(server, "bob").quit()
        finally:
            os.kill(victim, signal.SIGCONT)
        ann.quit()
        assert late.line().startswith(b"+OK")
        late.quit()


def test_idle_process_ends_and_a_login_starts_another(make_server):
    server = make(make_server, {"ann": ANN, "bob": BOB}, {"owner-idle-seconds": 1}).start()
    with login(server, "bob") as bob:
        with login(server, "ann") as client:
            first = stores(server)[ANN]
            client.quit()
        assert wait_for_end(first)
        assert bob.retrieve(1) == WIRE  # one with a session stays
        with login(server, "ann") as client:
            assert stores(server)[ANN] != first
            client.quit()
        bob.quit()
    assert not server.log.find(r"ended (with|by)")


def test_no_login_is_lost_when_the_process_is_just_ending(make_server):
    server = make(make_server, {"ann": ANN}, {"owner-idle-seconds": 1}).start()
    seen = set()
    for step in range(12):
        with login(server, "ann") as client:
            pid = stores(server)[ANN]
            seen.add(pid)
            client.quit()
        # The end of the one and this login come closer and closer.
        wait_for_end(pid, 0.98 + step * 0.004)
    with login(server, "ann") as client:
        assert client.retrieve(1) == WIRE
        client.quit()
    assert not server.log.find(r"ended (with|by)|failed")


def test_login_and_the_word_that_the_process_is_idle_cross_each_other(make_server):
    server = make(make_server, {"ann": ANN}, {"owner-idle-seconds": 1}).start()
    auth = server.roles()["auth"][0]
    for _ in range(3):
        with login(server, "ann") as client:
            store = stores(server)[ANN]
            client.quit()
        with server.connect() as client:
            client.ok(b"USER ann")
            os.kill(auth, signal.SIGSTOP)
            client.send(b"PASS secret\r\n")
            assert not wait_for_end(store, 1.3)  # it has said so, and auth was told
            os.kill(auth, signal.SIGCONT)
            assert client.line().startswith(b"+OK")
            assert client.retrieve(1) == WIRE
            client.quit()
    assert not server.log.find(r"ended (with|by)|failed")


def make_three(make_server):
    owners = {"ann": ANN, "bob": BOB, "eve": EVE}
    return make(make_server, owners, {"owner-processes": 2}).start()


def test_the_process_that_was_used_least_recently_makes_room(make_server):
    server = make_three(make_server)
    for user in ("ann", "bob", "ann"):
        login(server, user).quit()
    first = stores(server)
    with login(server, "eve") as eve:
        assert eve.retrieve(1) == WIRE
        assert stores(server) == {ANN: first[ANN], EVE: stores(server)[EVE]}
        eve.quit()
    for _ in range(3):  # round and round: each time another one has to go
        for user in ("ann", "bob", "eve"):
            with login(server, user) as client:
                assert client.retrieve(1) == WIRE
                client.quit()
    assert not server.log.find(r"ended (with|by)|failed")


def test_login_waits_until_a_process_with_a_session_has_ended(make_server):
    server = make_three(make_server)
    mail = next((server.mail / "ann" / "new").iterdir())
    with login(server, "ann") as ann, login(server, "bob") as bob, server.connect() as eve:
        ann.ok(b"DELE 1")
        eve.ok(b"USER eve")
        eve.send(b"PASS " + PASSWORD + b"\r\n")
        assert not select.select([eve.socket], [], [], 0.5)[0]
        ann.quit()
        assert eve.line().startswith(b"+OK")
        assert eve.retrieve(1) == WIRE
        eve.quit()
        assert bob.retrieve(1) == WIRE
        bob.quit()
    assert not mail.exists()
    assert not server.log.find(r"ended (with|by)|failed")


def test_login_is_refused_when_no_process_ends_in_time(make_server):
    server = make_three(make_server)
    with login(server, "ann") as ann, login(server, "bob") as bob:
        assert refusal(server, "eve").startswith(b"-ERR [SYS/TEMP]")
        server.log.wait(r"limit: owner-processes")
        assert ann.retrieve(1) == bob.retrieve(1) == WIRE
        ann.quit(), bob.quit()
    for user in ("eve", "ann", "bob"):
        with login(server, user) as client:
            assert client.retrieve(1) == WIRE
            client.quit()


def test_30_users_in_parallel(make_server):
    owners = {f"user{number}": ANN + number for number in range(30)}
    server = make(make_server, owners, {"per-address": 0}, fronts=2).start()

    def visit(user):
        with login(server, user) as client:
            assert client.retrieve(1) == WIRE
            client.ok(b"DELE 1")
            client.quit()
        with login(server, user) as client:
            assert client.ok(b"STAT") == b"+OK 0 0"
            client.quit()

    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        list(pool.map(visit, owners))
    assert set(stores(server)) == set(owners.values())


def test_logins_of_one_user_that_come_before_the_process_is_there(make_server):
    server = make(make_server, {"ann": ANN}).start()
    clients = [server.connect() for _ in range(3)]
    for client in clients:
        client.send(b"USER ann\r\nPASS secret\r\nQUIT\r\n")
    for client in clients:
        client.line()
        assert client.line().startswith(b"+OK")
        client.close()
    assert len(stores(server)) == 1


@pytest.mark.parametrize("role", ["front", "auth"])
def test_other_roles_that_die_come_back(server, role):
    for _ in range(3):
        with login(server, "ann") as client:
            client.quit()
        victim = server.roles()[role][0]
        os.kill(victim, signal.SIGKILL)
        assert wait_for_end(victim)
        server.login_soon(b"ann", PASSWORD).quit()
    assert len(server.roles()["store"]) <= 2  # those that a dead auth had end by themselves


def test_reload_keeps_sessions(server):
    mail = next((server.mail / "ann" / "new").iterdir())
    with login(server, "ann") as session:
        old = stores(server)[ANN]
        reload(server)
        with login(server, "bob") as fresh:
            assert fresh.retrieve(1) == WIRE
            fresh.quit()
        session.ok(b"DELE 1")
        session.quit()
    assert not mail.exists()
    assert wait_for_end(old)
    with login(server, "ann") as client:
        client.quit()
    assert not server.log.find(r"ended (with|by)")


def test_reload_goes_over_to_owners_and_back(make_server):
    server = make(make_server, {"ann": ANN}).start()
    with login(server, "ann") as client:
        client.quit()
    text = server.config.read_text()
    server.config.write_text(text.replace('owner = "user"', 'owner = "store"'))
    give(server.mail / "ann", STORE_UID)
    reload(server)
    with server.login_soon(b"ann", PASSWORD) as client:
        assert STORE_UID in stores(server)
        server.config.write_text(text)
        reload(server)
        client.quit()
    give(server.mail / "ann", ANN)
    with server.login_soon(b"ann", PASSWORD) as client:
        assert ANN in stores(server)
        client.quit()


def test_with_a_front_for_each_connection(make_server):
    server = make(make_server, {"ann": ANN, "bob": BOB}, isolation="connection").start()
    for _ in range(10):
        with login(server, "ann") as ann, login(server, "bob") as bob:
            assert ann.retrieve(1) == bob.retrieve(1) == WIRE
            ann.quit(), bob.quit()
    assert not server.log.find(r"ended (with|by)")
