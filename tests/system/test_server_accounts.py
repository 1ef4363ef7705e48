"""Accounts while the server runs: application passwords, switched off users, SCRAM passwords,
and what is remembered of right ones. `restante passwd` makes the changes."""

import subprocess
from pathlib import Path

import pytest
from certificates import Authority
from restanted import BUILD
from sasl import Scram, encode, offered

WRONG = b"-ERR [AUTH] user name or password is wrong"
SWITCHED_OFF = b"-ERR [SYS/PERM] POP3 is switched off"


def passwd(server, *options, user="ann", password="secret"):
    done = subprocess.run(
        [BUILD / "restante", "passwd", *options, server.users, user],
        input=password + "\n", capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def own(server, password, *options, user="ann"):
    passwd(server, "--stdin", *options, user=user, password=password)


def application(server, label, password, user="ann"):
    passwd(server, "--stdin", "--label", label, user=user, password=password)


def switch(server, word, user="ann"):
    """Writes the word into the eighth field of the user's own line."""
    lines = server.users.read_text().splitlines()
    for index, line in enumerate(lines):
        fields = line.split(":", 7)
        if fields[0] == user and "label=" not in fields[7]:
            lines[index] = ":".join([*fields[:7], word])
    server.users.write_text("\n".join(lines) + "\n")


def user_pass(server, password, user=b"ann"):
    """The answer to PASS."""
    with server.connect() as client:
        client.ok(b"USER " + user)
        answer = client.command(b"PASS " + password)
        if answer.startswith(b"+OK"):
            client.quit()
        return answer


def plain(server, password, user=b"ann"):
    with server.connect() as client:
        answer = client.command(b"AUTH PLAIN " + encode(b"\0" + user + b"\0" + password))
        if answer.startswith(b"+OK"):
            client.quit()
        return answer


def scram(server, password, user=b"ann"):
    with server.connect() as client:
        answer = Scram(client, user, password).login()
        if answer.startswith(b"+OK"):
            client.quit()
        return answer


@pytest.fixture
def accounts(make_server):
    """ann with a password of her own and two for programs; bob with one."""
    server = make_server(users={})
    own(server, "ann own")
    application(server, "phone", "ann phone")
    application(server, "tablet", "ann tablet")
    own(server, "bob own", user="bob")
    for user in ("ann", "bob"):
        server.maildir(user)
    return server.start()


def application_lines(server):
    return [line for line in server.log.text().splitlines() if "application password" in line]


@pytest.mark.parametrize("login", [user_pass, plain])
def test_own_and_each_application_password_let_in(accounts, login):
    assert login(accounts, b"ann own").startswith(b"+OK")
    assert application_lines(accounts) == []
    for label in ("phone", "tablet", "phone"):  # the last is remembered
        seen = len(accounts.log.lines)
        assert login(accounts, f"ann {label}".encode()).startswith(b"+OK")
        accounts.log.wait(
            f'login by application password: user="ann" label="{label}"$', start=seen
        )
    assert login(accounts, b"bob own", b"bob").startswith(b"+OK")
    assert len(application_lines(accounts)) == 3


def test_application_password_is_of_its_user_only(accounts):
    assert user_pass(accounts, b"ann phone", b"bob") == WRONG
    assert user_pass(accounts, b"bob own") == WRONG
    assert user_pass(accounts, b"phone") == WRONG
    assert application_lines(accounts) == []


def test_removed_application_password_lets_nobody_in(accounts):
    for password in (b"ann phone", b"ann tablet"):
        assert user_pass(accounts, password).startswith(b"+OK")
    passwd(accounts, "--delete", "--label", "phone")
    assert user_pass(accounts, b"ann phone") == WRONG
    assert user_pass(accounts, b"ann tablet").startswith(b"+OK")
    assert user_pass(accounts, b"ann own").startswith(b"+OK")
    passwd(accounts, "--delete")
    for password in (b"ann own", b"ann phone", b"ann tablet"):
        assert user_pass(accounts, password) == WRONG
    assert user_pass(accounts, b"bob own", b"bob").startswith(b"+OK")


def test_user_with_application_passwords_only(make_server):
    server = make_server(users={})
    application(server, "phone", "ann phone")
    server.maildir("ann")
    server.start()
    assert user_pass(server, b"ann phone").startswith(b"+OK")
    for password in (b"*", b"ann"):
        assert user_pass(server, password) == WRONG


def test_made_password_lets_in(accounts):
    for options in (["--label", "watch"], []):
        password = passwd(accounts, "--generate", *options)
        assert user_pass(accounts, password.encode()).startswith(b"+OK")


def test_bad_lines_are_told_and_the_first_ones_count(accounts):
    text = accounts.users.read_text()
    accounts.users.write_text(
        text + "ann:{PLAIN}x::::::label=phone\nann:{PLAIN}x\nbob:{PLAIN}x::::::label=\n"
    )
    assert user_pass(accounts, b"x") == WRONG
    assert user_pass(accounts, b"x", b"bob") == WRONG
    assert accounts.log.wait("users:5: this user has a password with this label already")
    assert accounts.log.wait("users:6: this user has a line already; this line is not used")
    assert accounts.log.wait("users:7: a label has")
    assert user_pass(accounts, b"ann phone").startswith(b"+OK")


# Switched off


@pytest.mark.parametrize("word", ["pop=no", "nologin"])
@pytest.mark.parametrize("login", [user_pass, plain])
def test_switched_off_is_said_only_to_who_knows_a_password(accounts, login, word):
    # R3206-2: permanent, and nothing that a stranger may hear
    switch(accounts, word)
    for password in (b"ann own", b"ann phone"):
        assert login(accounts, password).startswith(SWITCHED_OFF)
    assert login(accounts, b"wrong") == WRONG
    assert login(accounts, b"bob own", b"bob").startswith(b"+OK")
    assert accounts.log.wait('login refused: user="ann" from=127.0.0.1 reason=disabled')
    assert application_lines(accounts) == []
    switch(accounts, "pop=yes")
    assert login(accounts, b"ann own").startswith(b"+OK")


def test_switch_with_another_value_lets_nobody_in(accounts):
    switch(accounts, "pop=off")
    for password in (b"ann own", b"ann phone"):
        assert user_pass(accounts, password) == WRONG
    assert accounts.log.wait(r"users:1: pop is yes or no; this user cannot log in")


def test_switched_off_over_scram(make_server):
    server = make_server(users={})
    own(server, "ann own", "--scram")
    server.maildir("ann")
    server.start()
    switch(server, "pop=no")
    assert scram(server, b"ann own").startswith(SWITCHED_OFF)
    assert scram(server, b"wrong") == WRONG


# SCRAM


@pytest.fixture
def scrammed(make_server):
    server = make_server(users={})
    own(server, "ann own\u2168", "--scram")
    own(server, "bob own", "--scram", user="bob")
    server.deliver(b"Subject: a\n\n")
    return server.start()


def test_scram_password_lets_in_by_every_mechanism(scrammed):
    # RFC 4013: the Roman nine is "IX", for a client that prepares and for one that does not
    assert offered(scrammed.connect()) == {"PLAIN", "LOGIN", "SCRAM-SHA-256"}
    assert scram(scrammed, b"ann ownIX").startswith(b"+OK")
    assert plain(scrammed, "ann own\u2168".encode()).startswith(b"+OK")
    for login in (user_pass, plain):
        assert login(scrammed, b"ann ownIX").startswith(b"+OK")
    for login in (user_pass, plain, scram):
        assert login(scrammed, b"bob own") == WRONG


def test_strangers_have_salts_of_their_own(scrammed):
    # R5802-11
    def parameters(name):
        exchange = Scram(scrammed.connect(), name, b"x")
        assert exchange.finish(exchange.begin()) == WRONG
        return exchange.salt, exchange.rounds

    names = (b"ann", b"bob", b"nobody", b"nobody2")
    before = [parameters(name) for name in names]
    assert len({salt for salt, _ in before}) == 4
    assert {(len(salt), rounds) for salt, rounds in before} == {(16, before[0][1])}
    scrammed.restart()
    assert [parameters(name) for name in names] == before


def test_scram_of_another_program(make_server, tmp_path):
    certificate = Authority(tmp_path).issue("pop.example.org")
    server = make_server(users={}, certificates=[certificate])
    own(server, "ann own", "--scram")
    server.deliver(b"Subject: a\n\n")
    server.start()
    folder = tmp_path / "mail"
    for name in ("tmp", "new", "cur"):
        (folder / name).mkdir(parents=True)
    done = subprocess.run(
        ["mpop", "--file=", "--host=127.0.0.1", f"--port={server.tls_port}", "--user=ann",
         "--passwordeval=printf 'ann own'", "--auth=scram-sha-256", "--tls=on",
         "--tls-starttls=off", "--tls-certcheck=off", f"--delivery=maildir,{folder}",
         "--received-header=off", f"--uidls-file={tmp_path}/uidls", "--keep=on"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.read_bytes() for path in (folder / "new").iterdir()] == [b"Subject: a\n\n"]


def test_application_passwords_do_not_go_over_scram(make_server):
    # A client takes the strongest mechanism it knows, so SCRAM is offered only if configured.
    server = make_server(users={})
    own(server, "ann own", "--scram")
    server.maildir("ann")
    server.start()
    assert "SCRAM-SHA-256" in offered(server.connect())
    with server.users.open("a") as users:  # however it is stored
        users.write("ann:{PLAIN}ann phone::::::label=phone\n")
    assert user_pass(server, b"ann phone").startswith(b"+OK")
    assert offered(server.connect()) == {"PLAIN", "LOGIN"}

    server.stop()
    server.keys["mechanisms"] = "PLAIN SCRAM-SHA-256"
    server.start()
    assert scram(server, b"ann own").startswith(b"+OK")
    with server.connect() as client:
        assert Scram(client, b"ann", b"ann phone").login() == WRONG
        client.ok(b"AUTH PLAIN " + encode(b"\0ann\0ann phone"))  # the session goes on
        client.quit()
    own(server, "ann own")  # hashed: SCRAM has nothing of it
    assert scram(server, b"ann own") == WRONG
    assert user_pass(server, b"ann own").startswith(b"+OK")


# What is remembered


def cpu_ms(server):
    """What auth has computed until now, all threads."""
    (pid,) = server.roles()["auth"]
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1e6


def cost(server, password):
    """The answer to PASS, and what it cost auth."""
    before = cpu_ms(server)
    answer = user_pass(server, password)
    return answer, cpu_ms(server) - before


@pytest.mark.parametrize("password", [b"ann own", b"ann tablet"])
def test_second_login_with_a_password_does_not_hash_it_again(accounts, password):
    answer, first = cost(accounts, password)
    assert answer.startswith(b"+OK")
    assert first > 5, "the password was not hashed at all"
    answer, second = cost(accounts, password)
    assert answer.startswith(b"+OK")
    assert second < first / 4
    answer, wrong = cost(accounts, password + b"x")
    assert answer == WRONG
    assert wrong > first / 4, "only right passwords are remembered"


def test_changed_password_is_in_force_at_once(accounts):
    for _ in range(2):
        assert user_pass(accounts, b"ann own").startswith(b"+OK")
        assert user_pass(accounts, b"ann phone").startswith(b"+OK")
    own(accounts, "new own")
    application(accounts, "phone", "new phone")
    for password in (b"ann own", b"ann phone"):
        assert user_pass(accounts, password) == WRONG
    for password in (b"new own", b"new phone", b"ann tablet"):
        assert user_pass(accounts, password).startswith(b"+OK")
    own(accounts, "ann own")  # again, and under another salt
    assert user_pass(accounts, b"new own") == WRONG
    assert user_pass(accounts, b"ann own").startswith(b"+OK")
