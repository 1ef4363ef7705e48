"""Servers that break, lie or attack. What every test asks: is each message here exactly once in
the end, none partial, and did the exit code tell the truth?"""

import pytest
from fake_pop3 import FakePop3, Mail
from fetching import DELETE_PENDING, DELIVERED, GONE, fetcher, stored  # noqa: F401

MAIL = [
    Mail(b"Subject: one\r\n\r\nfirst\r\n"),
    Mail(b"Subject: two\r\n\r\n.second\r\n"),
    Mail(b"Subject: three\r\n\r\nthird\r\n"),
]


@pytest.mark.parametrize("rst", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("pipelining", [True, False])
def test_a_cut_at_every_octet_of_a_message_loses_and_doubles_nothing(
    fetcher, pipelining, rst
):
    with FakePop3(MAIL) as server:
        server.faults.cut_with_rst = rst
        if not pipelining:
            server.faults.capabilities.remove(b"PIPELINING")
        whole = stored(server.mail)
        for octets in range(len(MAIL[1].answer())):
            server.faults.cut_at = (2, octets)
            result = fetcher.run(server.url(), "--json")
            assert result.returncode == 75, (octets, result.stderr)
            assert all(content in whole for content in fetcher.contents()), octets
            assert len(fetcher.contents()) == len(set(fetcher.contents())) <= 2
            assert fetcher.rests() == [], octets
        server.faults.cut_at = None
        assert fetcher.run(server.url()).returncode == 0
        assert fetcher.contents() == whole


@pytest.mark.parametrize(
    "where", ["CAPA", "USER", "PASS", "STAT", "UIDL", "LIST", "RETR 2", "DELE 2", "QUIT"]
)
@pytest.mark.parametrize("pipelining", [True, False])
def test_a_connection_lost_at_any_command_is_made_good_next_time(fetcher, pipelining, where):
    with FakePop3(MAIL) as server:
        if not pipelining:
            server.faults.capabilities.remove(b"PIPELINING")
        server.faults.drop_at = {where}
        assert fetcher.run(server.url(), "--delete").returncode == 75
        assert len(server.mail) == 3, "nothing may be deleted without QUIT"
        server.faults.drop_at = set()
        assert fetcher.run(server.url(), "--delete").returncode == 0
        assert server.mail == []
        assert fetcher.contents() == stored(MAIL)


def test_a_lost_quit_is_finished_without_fetching(fetcher):
    """R1939-20."""
    with FakePop3(MAIL) as server:
        server.faults.drop_at = {"QUIT"}
        first = fetcher.run(server.url(), "--delete", "--json")
        assert first.returncode == 75
        assert first.summary["deleted"] == 0 and first.summary["delete_pending"] == 3
        assert {state for _, _, state in fetcher.rows()} == {DELETE_PENDING}
        server.faults.drop_at = set()
        second = fetcher.run(server.url(), "--delete", "--json")
        assert second.returncode == 0 and second.summary["deleted"] == 3
        assert server.retrieved() == [[1, 2, 3], []]
        assert server.mail == []


def test_deletions_done_although_quit_was_not_answered_are_noticed(fetcher):
    with FakePop3(MAIL) as server:
        server.faults.drop_at = {"QUIT"}
        fetcher.run(server.url(), "--delete")
        server.faults.drop_at = set()
        server.mail = []
        result = fetcher.run(server.url(), "--delete", "--json")
        assert result.returncode == 0 and result.summary["delete_pending"] == 0
        assert {state for _, _, state in fetcher.rows()} == {GONE}


def test_a_lost_quit_with_nothing_to_delete_is_only_a_warning(fetcher):
    with FakePop3(MAIL) as server:
        server.faults.drop_at = {"QUIT"}
        result = fetcher.run(server.url(), "--json")
        assert result.returncode == 0 and len(result.summary["warnings"]) == 1
        assert fetcher.contents() == stored(MAIL)


def test_quit_answered_with_err_leaves_deletions_pending(fetcher):
    with FakePop3(MAIL) as server:
        server.faults.replies["QUIT"] = b"-ERR some messages not removed\r\n"
        result = fetcher.run(server.url(), "--delete", "--json")
        assert result.returncode == 75 and result.summary["delete_pending"] == 3
        del server.faults.replies["QUIT"]
        assert fetcher.run(server.url(), "--delete").returncode == 0
        assert server.mail == [] and fetcher.contents() == stored(MAIL)


def test_dele_answered_with_err_is_reported_and_tried_again(fetcher):
    with FakePop3(MAIL) as server:
        server.faults.replies["DELE 2"] = b"-ERR not today\r\n"
        result = fetcher.run(server.url(), "--delete", "--json")
        assert result.returncode == 75
        assert result.summary["deleted"] == 2 and result.summary["delete_pending"] == 1
        assert "not today" in result.summary["warnings"][0]
        del server.faults.replies["DELE 2"]
        assert fetcher.run(server.url(), "--delete").returncode == 0
        assert server.mail == [] and fetcher.contents() == stored(MAIL)


def test_a_message_that_is_refused_does_not_stop_the_others(fetcher):
    with FakePop3(MAIL) as server:
        server.faults.replies["RETR 2"] = b"-ERR [SYS/TEMP] \x1b[2Jbad \x07disk\r\n"
        result = fetcher.run(server.url(), "--delete", "--json")
        assert result.returncode == 75
        assert result.summary["fetched"] == 2 and result.summary["failed"] == 1
        assert r"\x1b[2Jbad \x07disk" in result.summary["warnings"][0]
        assert [m.uid for m in server.mail] == [b"uid-2"]
        del server.faults.replies["RETR 2"]
        assert fetcher.run(server.url(), "--delete").returncode == 0
        assert server.mail == [] and fetcher.contents() == stored(MAIL)


@pytest.mark.parametrize(
    "where", ["CAPA", "PASS", "LIST", "RETR 2", "DELE 2", "QUIT"]
)
def test_a_silent_server_is_given_up(fetcher, where):
    """R1957-3."""
    with FakePop3(MAIL) as server:
        server.faults.silent_at = {where}
        result = fetcher.run(server.url(), "--delete", "--timeout", "1", "--json")
        assert result.returncode == 75
        assert "1 second" in result.summary["error"]
        assert len(server.mail) == 3
        server.faults.silent_at = set()
        assert fetcher.run(server.url(), "--delete").returncode == 0
        assert fetcher.contents() == stored(MAIL)


@pytest.mark.parametrize(
    ("greeting", "exit_code"),
    [
        (b"-ERR [SYS/TEMP] full\r\n", 75),
        (b"-ERR [IN-USE] full\r\n", 75),
        (b"-ERR go away\r\n", 69),
        (b"SSH-2.0-OpenSSH_9\r\n", 76),
        (b"+OKAY\r\n", 76),
    ],
)
def test_greetings(fetcher, greeting, exit_code):
    with FakePop3(MAIL) as server:
        server.faults.greeting = greeting
        assert fetcher.run(server.url()).returncode == exit_code


@pytest.mark.parametrize(
    ("reply", "exit_code"),
    [
        (b"-ERR [AUTH] wrong\r\n", 77),
        (b"-ERR wrong\r\n", 77),
        (b"-ERR [IN-USE] wait\r\n", 75),
        (b"-ERR [in-use] wait\r\n", 75),
        (b"-ERR [LOGIN-DELAY] wait\r\n", 75),
        (b"-ERR [SYS/TEMP] disk\r\n", 75),
        (b"-ERR [SYS/TEMP/MORE] disk\r\n", 75),
        (b"-ERR [SYS/PERM] no maildrop\r\n", 69),
    ],
)
def test_refused_logins(fetcher, reply, exit_code):
    """R2449-10, R2449-12, R3206-4."""
    with FakePop3(MAIL) as server:
        server.faults.replies["PASS"] = reply
        result = fetcher.run(server.url(), "--json")
        assert result.returncode == exit_code
        assert "secret" not in result.summary["error"]


@pytest.mark.parametrize(
    "reply", [b"-ERR unknown command: PASS secret\r\n", b"-ERR [PASS secret] what?\r\n"]
)
def test_a_password_that_the_server_repeats_is_not_shown(fetcher, reply):
    with FakePop3(MAIL) as server:
        server.faults.replies["PASS"] = reply
        result = fetcher.run(server.url(), "--json")
        assert result.returncode == 77
        assert b"secret" not in result.stdout + result.stderr


def test_a_wrong_password_is_tried_once(fetcher):
    """PROJ-5."""
    with FakePop3(MAIL) as server:
        assert fetcher.run(server.url(), password="wrong").returncode == 77
        assert len(server.sessions) == 1
        assert server.sessions[0].commands.count("PASS") == 1


@pytest.mark.parametrize(
    ("where", "flood"),
    [
        ("CAPA", b"+OK " + b"x" * 4096),
        ("STAT", b"x" * 4096),
        ("LIST", b"+OK\r\n" + b"9" * 4096),
        ("RETR 2", b"+OK " + b"x" * 4096),
    ],
)
def test_a_line_without_end_is_not_read_for_ever(fetcher, where, flood):
    """PROJ-3."""
    with FakePop3(MAIL) as server:
        server.faults.flood_at = {where: flood}
        assert fetcher.run(server.url()).returncode == 76
        server.faults.flood_at = {}
        assert fetcher.run(server.url()).returncode == 0
        assert fetcher.contents() == stored(MAIL)


def test_a_list_of_capabilities_without_end_is_not_read_for_ever(fetcher):
    """PROJ-3."""
    with FakePop3(MAIL) as server:
        server.faults.flood_at = {"CAPA": b"+OK\r\n" + b"X\r\n" * 1000}
        assert fetcher.run(server.url()).returncode == 76


def test_a_message_without_end_is_not_taken_for_ever(fetcher):
    """Sixteen times its size and 64 MiB more, then it is dropped."""
    with FakePop3(MAIL) as server:
        server.faults.replies["RETR 2"] = b"+OK\r\n"
        server.faults.flood_at = {}
        endless = Mail(MAIL[1].content, b"uid-2", raw=b"+OK\r\n" + b"z" * (66 << 20))
        server.mail[1] = endless
        del server.faults.replies["RETR 2"]
        result = fetcher.run(server.url(), "--json")
        assert result.returncode == 76
        assert "does not end" in result.summary["error"]
        assert fetcher.rests() == []
        server.mail[1] = Mail(MAIL[1].content, b"uid-2")
        assert fetcher.run(server.url()).returncode == 0
        assert fetcher.contents() == stored(MAIL)


@pytest.mark.parametrize("size", [0, 1, 10_000_000, 2**63, 2**64 - 1])
def test_sizes_that_lie_cost_a_warning_and_no_mail(fetcher, size):
    """R1939-53."""
    with FakePop3(MAIL) as server:
        for mail in server.mail:
            mail.size = size
        result = fetcher.run(server.url(), "--json")
        assert result.returncode == 0 and len(result.summary["warnings"]) == 3
        assert fetcher.contents() == stored(MAIL)
        assert fetcher.run(server.url(), "--delete").returncode == 0
        assert fetcher.contents() == stored(MAIL) and server.mail == []


@pytest.mark.parametrize(
    "uid",
    [
        b"../../../../tmp/x",
        b"/etc/passwd",
        b".",
        b"a b  c",
        b"ends in blanks   ",
        b"\xff\xfe8-bit\x80",
        b"u" * 500,
        b"%s%n$(reboot)`;'\"",
    ],
)
def test_odd_unique_ids_are_identifiers_and_never_names(fetcher, uid):
    """PROJ-3, R1939-50."""
    with FakePop3([Mail(b"a\r\n", uid), Mail(b"b\r\n", b"normal")]) as server:
        assert fetcher.run(server.url()).returncode == 0
        assert fetcher.contents() == [b"a\n", b"b\n"]
        assert fetcher.run(server.url(), "--delete").returncode == 0
        assert server.retrieved() == [[1, 2], []]
        assert server.mail == [] and fetcher.contents() == [b"a\n", b"b\n"]
        for path in fetcher.files():
            assert path.name.replace(".", "").replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("uid", [b"u" * 600, b"u" * 5000, b"nul\0"])
def test_unusable_unique_ids_end_the_session_without_harm(fetcher, uid):
    with FakePop3([Mail(b"a\r\n", uid), Mail(b"b\r\n", b"normal")]) as server:
        assert fetcher.run(server.url(), "--delete").returncode == 76
        assert len(server.mail) == 2 and fetcher.contents() == []


@pytest.mark.parametrize("options", [(), ("--delete",)])
def test_a_unique_id_that_two_messages_have(fetcher, options):
    """R1939-50: both are delivered, once, also after a lost QUIT."""
    twins = [Mail(b"one\r\n", b"same"), Mail(b"other\r\n", b"same"), Mail(b"one\r\n", b"same")]
    with FakePop3(twins) as server:
        server.faults.drop_at = {"QUIT"}
        fetcher.run(server.url(), *options)
        assert fetcher.contents() == stored(twins)
        server.faults.drop_at = set()
        assert fetcher.run(server.url(), *options).returncode == 0
        assert fetcher.run(server.url(), *options).returncode == 0
        assert fetcher.contents() == stored(twins)
        assert len(server.mail) == (0 if options else 3)


def test_the_twin_that_is_left_is_not_taken_for_the_one_that_is_here(fetcher):
    """One of two equal unique-ids was refused, the other deleted, and QUIT not answered."""
    twins = [Mail(b"here\r\n", b"same"), Mail(b"left\r\n", b"same")]
    with FakePop3(twins) as server:
        server.faults.replies["RETR 2"] = b"-ERR [SYS/TEMP] no\r\n"
        server.faults.drop_at = {"QUIT"}
        assert fetcher.run(server.url(), "--delete").returncode == 75
        server.mail = server.mail[1:]
        server.faults.replies = {}
        server.faults.drop_at = set()
        assert fetcher.run(server.url(), "--delete").returncode == 0
        assert fetcher.contents() == stored(twins) and server.mail == []


def test_a_unique_id_that_another_message_has_later(fetcher):
    """R1939-48 is only a SHOULD. With another size it is noticed while the old one is there."""
    with FakePop3([Mail(b"old\r\n", b"1")]) as server:
        fetcher.run(server.url())
        server.mail = [Mail(b"new and longer\r\n", b"1")]
        assert fetcher.run(server.url(), "--delete").returncode == 0
        assert fetcher.contents() == [b"new and longer\n", b"old\n"]
        assert server.mail == []


@pytest.mark.parametrize("options", [(), ("--delete",)])
def test_a_unique_id_used_again_after_it_had_gone(fetcher, options):
    """Even with the same size: a server that counts its messages from 1 again."""
    with FakePop3([Mail(b"old\r\n", b"1")]) as server:
        fetcher.run(server.url(), *options)
        server.mail = []
        fetcher.run(server.url(), *options)
        server.mail = [Mail(b"new\r\n", b"1")]
        fetcher.run(server.url(), *options)
        fetcher.run(server.url(), *options)
        assert fetcher.contents() == [b"new\n", b"old\n"]


def test_messages_that_come_back_are_recognised(fetcher):
    """An empty maildrop for one poll, or a restored backup."""
    with FakePop3(MAIL) as server:
        kept = server.mail
        fetcher.run(server.url())
        server.mail = []
        fetcher.run(server.url())
        server.mail = kept
        result = fetcher.run(server.url(), "--json")
        assert result.summary["fetched"] == 0 and result.summary["known"] == 3
        assert fetcher.contents() == stored(MAIL)
        fetcher.run(server.url())
        assert server.retrieved()[-1] == []


@pytest.mark.parametrize("options", [(), ("--delete",)])
def test_a_server_without_uidl(fetcher, options):
    """R1939-50: every message is fetched, compared, and here once."""
    with FakePop3(MAIL) as server:
        server.faults.uidl = False
        server.faults.drop_at = {"QUIT"}
        fetcher.run(server.url(), *options)
        server.faults.drop_at = set()
        result = fetcher.run(server.url(), "--json", *options)
        assert result.returncode == 0
        assert result.summary["fetched"] == 0 and result.summary["known"] == 3
        assert fetcher.contents() == stored(MAIL)
        assert len(server.mail) == (0 if options else 3)


def test_what_was_not_compared_is_not_taken_for_gone(fetcher):
    with FakePop3(MAIL) as server:
        server.faults.uidl = False
        fetcher.run(server.url())
        server.faults.cut_at = (2, 5)
        assert fetcher.run(server.url()).returncode == 75
        assert [state for _, _, state in fetcher.rows()].count(DELIVERED) == 3


def test_equal_messages_without_uidl_are_both_here(fetcher):
    with FakePop3([Mail(b"twin\r\n"), Mail(b"twin\r\n")]) as server:
        server.faults.uidl = False
        fetcher.run(server.url())
        fetcher.run(server.url())
        assert fetcher.contents() == [b"twin\n", b"twin\n"]


def test_uidl_that_comes_and_goes(fetcher):
    with FakePop3(MAIL) as server:
        for uidl in (False, True, False, True):
            server.faults.uidl = uidl
            assert fetcher.run(server.url()).returncode == 0
            assert fetcher.contents() == stored(MAIL)
        fetcher.run(server.url())
        assert server.retrieved()[-1] == []


def test_all_unique_ids_renamed_at_once(fetcher):
    """A provider that moves its servers: fetched to compare, nothing doubled, new ids adopted."""
    with FakePop3(MAIL) as server:
        fetcher.run(server.url())
        server.mail = [Mail(m.content, b"moved-" + m.uid) for m in server.mail]
        server.mail.append(Mail(b"really new\r\n", b"moved-new"))
        result = fetcher.run(server.url(), "--json")
        assert result.summary["fetched"] == 1 and result.summary["known"] == 3
        assert fetcher.contents() == stored(server.mail)
        fetcher.run(server.url(), "--delete")
        assert server.retrieved()[-1] == [] and server.mail == []
        assert {state for _, _, state in fetcher.rows()} == {GONE}


@pytest.mark.parametrize("how", ["cut", "refused"])
def test_all_unique_ids_renamed_and_the_comparison_cut_off(fetcher, how):
    """The messages adopted by then must not make the others look new."""
    with FakePop3(MAIL) as server:
        fetcher.run(server.url())
        server.mail = [Mail(m.content, b"moved-" + m.uid) for m in server.mail]
        if how == "cut":
            server.faults.cut_at = (2, 5)
        else:
            server.faults.replies["RETR 2"] = b"-ERR no\r\n"
        assert fetcher.run(server.url()).returncode == 75
        server.faults.cut_at = None
        server.faults.replies = {}
        result = fetcher.run(server.url(), "--json")
        assert result.summary["fetched"] == 0 and fetcher.contents() == stored(MAIL)
        fetcher.run(server.url())
        assert server.retrieved()[-1] == []


def test_a_bare_lf_dot_line_does_not_end_a_message(fetcher):
    """Only CRLF.CRLF does; else what follows would be taken for answers."""
    trap = Mail(b"a\n.\n+OK b\n.\r\nc\n.\r\n")
    with FakePop3([trap, *MAIL]) as server:
        assert fetcher.run(server.url(), "--delete").returncode == 0
        assert fetcher.contents() == stored([trap, *MAIL])


def test_listings_that_contradict_each_other(fetcher):
    with FakePop3(MAIL) as server:
        server.faults.replies["LIST"] = b"+OK\r\n3 23\r\n1 23\r\n1 99\r\n2 24\r\n.\r\n"
        server.faults.replies["UIDL"] = b"+OK\r\n2 two\r\n9 nine\r\n1 one\r\n.\r\n"
        result = fetcher.run(server.url(), "--json")
        assert result.returncode == 0
        assert fetcher.contents() == stored(MAIL)
        result = fetcher.run(server.url(), "--json")
        assert result.summary["fetched"] == 0, result.summary
        assert fetcher.contents() == stored(MAIL)


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("LIST", b"+OK\r\nrubbish\r\n.\r\n"),
        ("LIST", b"+OK\r\n0 10\r\n.\r\n"),
        ("LIST", b"+OK\r\n-1 10\r\n.\r\n"),
        ("LIST", b"+OK\r\n4294967296 10\r\n.\r\n"),
        ("UIDL", b"+OK\r\n1\r\n.\r\n"),
        ("STAT", b"+OK many\r\n"),
        ("STAT", b"+OK 99999999999999999999999 1\r\n"),
        ("LIST", b"-ERR no\r\n"),
        ("RETR 1", b"hello\r\n"),
        ("RETR 1", b"+OK\r\n.\r\n+OK surplus\r\n+OK\r\n.\r\n-ERR\r\n+OK\r\n"),
    ],
)
def test_answers_that_make_no_sense(fetcher, command, reply):
    with FakePop3(MAIL) as server:
        server.faults.replies[command] = reply
        assert fetcher.run(server.url(), "--delete").returncode == 76
        assert len(server.mail) == 3


def test_listing_temporarily_refused(fetcher):
    with FakePop3(MAIL) as server:
        for command in ("STAT", "UIDL", "LIST"):
            server.faults.replies = {command: b"-ERR [SYS/TEMP] busy\r\n"}
            assert fetcher.run(server.url()).returncode == 75
        assert {state for _, _, state in fetcher.rows()} <= {DELIVERED}
