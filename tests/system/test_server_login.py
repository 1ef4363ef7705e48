"""AUTHORIZATION: who gets in, what the others hear, and who holds the maildrop."""

import re
import time

import pop3
import pytest

ANNOUNCED = {
    b"TOP",
    b"UIDL",
    b"USER",
    b"PIPELINING",
    b"RESP-CODES",
    b"AUTH-RESP-CODE",
    b"SASL PLAIN LOGIN",
    b"EXPIRE NEVER",
}


def test_greeting_is_one_ok_line(server):
    # R1939-1; no APOP, so no timestamp (R1939-32)
    with server.connect() as client:
        assert client.greeting.startswith(b"+OK ")
        assert b"<" not in client.greeting
        assert client.pending == b""
        client.quit()


def test_login_with_a_crypt_hash_and_with_a_plain_one(server):
    for user, password in ((b"ann", b"secret"), (b"bob", b"two words")):
        server.maildir(user.decode())
        with server.connect() as client:
            reply = client.login(user, password)
            assert reply.endswith(b" 0 messages (0 octets)")
            client.quit()


def test_greeting_of_a_filled_maildrop(server):
    server.deliver(b"A: b\n\ntext\n", number=1)
    server.deliver(b"A: b\n\nmore text\n", number=2)
    with server.connect() as client:
        assert client.login().endswith(b" 2 messages (33 octets)")
        assert client.command(b"STAT") == b"+OK 2 33"


def test_wrong_password_and_unknown_user_hear_the_same(server):
    # R1939-30, R1939-31, R3206-1
    replies = set()
    for user, password in ((b"ann", b"wrong"), (b"nobody", b"secret"), (b"ann", b"secret ")):
        with server.connect() as client:
            said = client.ok(b"USER " + user)
            replies.add((said, client.err(b"PASS " + password)))
    assert len(replies) == 1
    assert replies.pop()[1].startswith(b"-ERR [AUTH] ")


def test_unknown_user_costs_as_much_as_a_wrong_password(make_server):
    # R1939-31: a hash is computed either way. The cost is made high against the noise.
    import restanted

    slow = restanted.HASHES["secret"].replace("rounds=1000", "rounds=150000")
    server = make_server(users={"ann": "secret"}).start()
    server.stop()
    server.users.write_text(server.users.read_text().replace(restanted.HASHES["secret"], slow))
    server.start()

    def seconds(user):
        found = []
        for _ in range(3):
            with server.connect() as client:
                client.ok(b"USER " + user)
                start = time.monotonic()
                client.err(b"PASS wrong")
                found.append(time.monotonic() - start)
        return min(found)

    known, unknown = seconds(b"ann"), seconds(b"nobody")
    assert known > 0.02, "the hash was not computed at all"
    assert 0.5 < unknown / known < 2.0


def test_unknown_user_at_user_is_refused_early_when_so_configured(make_server):
    server = make_server(unknown_user="at-user")
    server.maildir("ann")
    server.start()
    with server.connect() as client:
        assert client.err(b"USER nobody").startswith(b"-ERR ")
        client.err(b"PASS secret")  # no USER was accepted (R1939-28)
        client.login(b"ann", b"secret")
        client.quit()


@pytest.mark.parametrize("password", [b"secre", b"secret1", b" secret", b"secret ", b"Secret"])
def test_password_is_the_whole_rest_of_the_line(server, password):
    # R1939-29: nothing is trimmed
    with server.connect() as client:
        client.ok(b"USER ann")
        client.err(b"PASS " + password)


@pytest.mark.parametrize("password", ["a  b", " a", "a ", "{x}", "a#b", "p=q", '"', "\\"])
def test_password_with_odd_octets_works(make_server, password):
    server = make_server(users={"ann": password})
    server.maildir("ann")
    server.start()
    server.login(b"ann", password.encode()).quit()


@pytest.mark.parametrize(
    "user",
    [b"../ann", b"ann/../ann", b".", b"..", b"/", b"ann/", b"%u", b"ANN\\", b"ann:", b"a\tb"],
)
def test_user_name_never_leads_to_another_path(server, user):
    with server.connect() as client:
        if client.command(b"USER " + user).startswith(b"+OK"):
            client.err(b"PASS secret")
        client.login()
        client.quit()


def test_another_try_after_a_refused_login(server):
    # R1939-25: the client may try again; a failed PASS needs a new USER (R1939-28)
    with server.connect() as client:
        client.ok(b"USER ann")
        client.err(b"PASS wrong")
        client.err(b"PASS secret")
        client.login()
        client.quit()


def test_pass_needs_user_immediately_before(server):
    # R1939-28
    with server.connect() as client:
        client.err(b"PASS secret")
        client.ok(b"USER ann")
        client.ok(b"CAPA")
        client.content()
        client.err(b"PASS secret")
        client.login()


@pytest.mark.parametrize(
    "command",
    [b"STAT", b"LIST", b"LIST 1", b"UIDL", b"RETR 1", b"TOP 1 0", b"DELE 1", b"RSET", b"NOOP"],
)
def test_transaction_commands_are_refused_before_login(server, command):
    # R1939-6: -ERR, the session goes on
    with server.connect() as client:
        client.err(command)
        client.login()
        client.ok(b"STAT")


@pytest.mark.parametrize("command", [b"USER ann", b"PASS secret", b"APOP ann x", b"AUTH PLAIN"])
def test_login_commands_are_refused_after_login(server, command):
    with server.login() as client:
        client.err(command)
        client.ok(b"STAT")


@pytest.mark.parametrize("command", [b"USER", b"PASS", b"APOP", b"STLS", b"AUTH SCRAM-SHA-256", b"APOP a b"])
def test_incomplete_or_unoffered_login_commands_are_refused(server, command):
    with server.connect() as client:
        client.err(command)
        client.login()


def test_capa_is_the_same_in_both_states(server):
    # R2449-1, R2449-2, R2449-8
    with server.connect() as client:
        before = client.listing(b"CAPA")
        client.login()
        after = client.listing(b"capa")
        assert before == after
        implementation = [line for line in before if line.startswith(b"IMPLEMENTATION ")]
        assert len(implementation) == 1
        # R2449-20: the name without a version
        assert not re.search(rb"\d", implementation[0])
        assert set(before) - set(implementation) == ANNOUNCED


def test_plaintext_login_never_neither_offers_nor_takes_passwords(make_server):
    # R5034-14, R2449-8, R8314-6: right and wrong credentials get the same answer
    server = make_server(plaintext_login="never").start()
    with server.connect() as client:
        assert b"USER" not in client.listing(b"CAPA")
        replies = {client.err(b"USER ann"), client.err(b"USER nobody")}
        replies_pass = {client.err(b"PASS secret"), client.err(b"PASS wrong")}
        assert len(replies) == len(replies_pass) == 1
        client.quit()


def test_quit_before_login_is_ok(server):
    # R1939-16
    with server.connect() as client:
        client.quit()


def test_second_login_is_refused_within_two_seconds(server):
    # R1939-24, R1939-56, R2449-11
    with server.login(), server.connect() as second:
        second.ok(b"USER ann")
        start = time.monotonic()
        assert second.err(b"PASS secret").startswith(b"-ERR [IN-USE] ")
        assert time.monotonic() - start < 2.0


def test_in_use_is_said_only_to_who_knows_the_password(server):
    # R2449-11: never before the credentials are proved
    with server.login(), server.connect() as second:
        second.ok(b"USER ann")
        assert second.err(b"PASS wrong").startswith(b"-ERR [AUTH] ")


def test_maildrops_of_two_users_do_not_block_each_other(server):
    server.maildir("bob")
    with server.login(b"ann"), server.login(b"bob") as second:
        second.ok(b"STAT")


def test_login_again_right_after_quit(server):
    # R1939-18: the lock is released before the connection is closed
    for _ in range(20):
        server.login().quit()


def test_login_again_right_after_a_dropped_connection(server):
    # R1939-17. The new login may come before the server saw the drop: it waits for that.
    for _ in range(5):
        client = server.login()
        client.close()
        server.login().quit()


def test_input_sent_along_with_the_login_is_kept(server):
    # R2449-17
    server.deliver(b"A: b\n\ntext\n")
    with server.connect() as client:
        client.send(b"USER ann\r\nPASS secret\r\nSTAT\r\nRETR 1\r\nNOOP\r\nQUIT\r\n")
        assert [client.line()[:3] for _ in range(2)] == [b"+OK", b"+OK"]
        assert client.line() == b"+OK 1 14"
        assert client.line() == b"+OK 14 octets"
        assert client.content() == b"A: b\r\n\r\ntext\r\n"
        assert client.line().startswith(b"+OK")
        assert client.line().startswith(b"+OK")
        assert client.rest() == b""


def test_input_sent_along_with_a_refused_login_is_kept(server):
    with server.connect() as client:
        client.send(b"USER ann\r\nPASS wrong\r\nUSER ann\r\nPASS secret\r\nSTAT\r\n")
        got = [client.line()[:4] for _ in range(5)]
        assert got == [b"+OK ", b"-ERR", b"+OK ", b"+OK ", b"+OK "]


def test_refused_logins_are_delayed_alike(make_server):
    # PROJ-5
    server = make_server(limits={"failure-delay-ms": 300})
    server.maildir("ann")
    server.start()
    for user in (b"ann", b"nobody"):
        with server.connect() as client:
            client.ok(b"USER " + user)
            start = time.monotonic()
            client.err(b"PASS wrong")
            assert 0.28 <= time.monotonic() - start < 2.0


def test_drop_while_a_login_is_delayed_harms_nobody(make_server):
    server = make_server(limits={"failure-delay-ms": 300})
    server.maildir("ann")
    server.start()
    for _ in range(5):
        client = server.connect()
        client.send(b"USER ann\r\nPASS wrong\r\n")
        client.line()
        client.close()
    server.login().quit()


def test_mailbox_that_does_not_exist_is_a_fault_with_a_code(server):
    # R3206-2; a code says what it is, whichever of the two this is taken for
    with server.connect() as client:
        client.ok(b"USER eve")
        assert client.err(b"PASS hunter2").startswith(b"-ERR [SYS/")


def test_idle_connection_before_login_is_closed_in_time(make_server):
    server = make_server(limits={"login-seconds": 1})
    server.start()
    with server.connect(timeout=5.0) as client:
        client.send(b"USER ann\r\n")
        client.line()
        client.rest()


def test_idle_session_is_closed_without_update(make_server):
    # R1939-15: no response, nothing removed. (Ten minutes are the default: R1939-14.)
    server = make_server(limits={"idle-seconds": 1})
    path = server.deliver(b"A: b\n\ntext\n")
    server.start()
    with server.login() as client:
        client.ok(b"DELE 1")
        assert client.rest() == b""
    assert path.exists()


def test_client_that_keeps_sending_is_not_idle(make_server):
    # R1939-14: any command resets the timer
    # The delay of a refused login on another connection measures the time.
    server = make_server(
        limits={"idle-seconds": 1, "failure-delay-ms": 400, "failure-delay-max-ms": 400}
    )
    server.maildir("ann")
    server.start()
    with server.login() as client:
        for _ in range(5):
            with server.connect() as other:
                other.ok(b"USER bob")
                other.err(b"PASS wrong")
            client.ok(b"NOOP")


def test_limit_of_connections_per_address_says_so(make_server):
    server = make_server(limits={"per-address": 2})
    server.maildir("ann")
    server.start()
    with server.connect(), server.connect(), server.connect() as third:
        assert third.greeting.startswith(b"-ERR [SYS/TEMP] ")
        assert b"per-address" in third.greeting
        assert third.rest() == b""


def test_limit_of_all_connections_says_so(make_server):
    server = make_server(limits={"connections": 2})
    server.start()
    with server.connect(), server.connect(), server.connect() as third:
        assert third.greeting.startswith(b"-ERR [SYS/TEMP] ")
        assert b"connections" in third.greeting


def test_closed_by_the_server_is_seen_as_such(server):
    client = server.connect()
    client.send(b"QUIT\r\n")
    client.line()
    with pytest.raises(pop3.Closed):
        client.fill()
