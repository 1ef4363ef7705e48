"""Commands, good and bad: each line gets exactly one answer, and none desynchronises."""

import re
import select

import pytest

MESSAGE = b"Subject: %d\n\n.text\n"
COUNT = 3


@pytest.fixture(scope="module")
def shared(make_shared_server):
    """Three messages that no test here removes."""
    server = make_shared_server(limits={"mistakes-per-session": 0})  # there are many here
    # One user a test at a time: each test logs out before the next begins.
    for number in range(1, COUNT + 1):
        server.deliver(MESSAGE % number, number=number)
    return server.start()


@pytest.fixture
def client(shared):
    client = shared.login()
    yield client
    # Whatever the test did, the session is still in step and nothing was removed.
    client.ok(b"RSET")
    assert client.ok(b"STAT").startswith(b"+OK %d " % COUNT)
    client.quit()


def test_stat_list_uidl_agree(client):
    # R1939-37, R1939-38, R1939-46
    sizes = client.sizes()
    assert list(sizes) == [1, 2, 3]
    assert client.ok(b"STAT") == b"+OK 3 %d" % sum(sizes.values())
    uids = client.uids()
    assert list(uids) == [1, 2, 3]
    for number in sizes:
        assert client.ok(b"LIST %d" % number) == b"+OK %d %d" % (number, sizes[number])
        assert client.ok(b"UIDL %d" % number) == b"+OK %d %s" % (number, uids[number])
        assert re.fullmatch(rb"[\x21-\x7e]{1,70}", uids[number])


def test_answers_read_as_promised(client):
    assert client.command(b"LIST") == b"+OK 3 messages (63 octets)"
    client.content()
    assert client.command(b"RETR 1") == b"+OK 21 octets"
    client.content()
    assert client.command(b"RETR 23") == b"-ERR no such message, only 3 here"
    assert client.command(b"DELE 1") == b"+OK message 1 deleted"


def test_retr_is_repeatable_and_stuffed(client):
    for _ in range(3):
        client.ok(b"RETR 2")
        assert client.content() == b"Subject: 2\r\n\r\n..text\r\n"


def test_dele_hides_the_message_and_moves_no_number(client):
    # R1939-43
    sizes = client.sizes()
    client.ok(b"DELE 2")
    for command in (b"LIST 2", b"UIDL 2", b"RETR 2", b"TOP 2 0", b"DELE 2"):
        client.err(command)
    assert list(client.sizes()) == [1, 3] and list(client.uids()) == [1, 3]
    assert client.ok(b"STAT") == b"+OK 2 %d" % (sizes[1] + sizes[3])
    client.ok(b"RSET")  # R1939-44
    assert client.sizes() == sizes
    assert client.retrieve(2).startswith(b"Subject: 2\r\n")


def test_everything_deleted_leaves_empty_lists(client):
    # R1939-38
    for number in range(1, COUNT + 1):
        client.ok(b"DELE %d" % number)
    assert client.ok(b"STAT") == b"+OK 0 0"
    assert client.sizes() == {} and client.uids() == {}


NUMBERS = [
    b"0",
    b"4",
    b"-1",
    b"+1",
    b"1x",
    b"x",
    b"1.0",
    b"0x1",
    b"1e0",
    b"2147483648",
    b"4294967296",
    b"4294967297",
    b"18446744073709551616",
    b"18446744073709551617",
    b"9" * 200,
    b"1\t",
    b"\t1",
    b"1\0",
    b"\xb1",
    b"\xef\xbc\x91",  # a full-width 1
    b"1,2",
    b"1-2",
    b"*",
]


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_bad_message_number_is_refused(client, number):
    # R1939-40; the answers never echo it (R1939-11)
    for command in (b"LIST %s", b"UIDL %s", b"RETR %s", b"DELE %s", b"TOP %s 0"):
        reply = client.err(command % number)
        assert re.fullmatch(rb"[\x20-\x7e]+", reply)


@pytest.mark.parametrize(
    "command",
    [
        b"STAT 1",
        b"LIST 1 2",
        b"UIDL 1 2",
        b"RETR 1 2",
        b"DELE 1 2",
        b"TOP 1 2 3",
        b"NOOP 1",
        b"RSET 1",
        b"QUIT 1",
        b"CAPA 1",
        b"RETR",
        b"DELE",
        b"TOP",
        b"TOP 1",
        b"TOP 1 ",
        b"TOP  1 1",
        b"RETR  1",
        b"RETR 1 ",
        b"DELE 1 ",
        b" RETR 1",
        b" NOOP",
        b"RETR\t1",
        b"TOP 1 -1",
        b"TOP 1 +1",
        b"TOP 1 x",
        b"",
        b" ",
        b"X",
        b"XYZZY",
        b"NOOPNOOP",
        b"RETR1",
        b"RET",
        b"HELO x",
        b"\0",
        b"NOOP\0",
        b"NO\0OP",
        b"\0NOOP",
        b"DELE 1\0",
        b"DELE\x001",
        b"DELE 1\x7f",
        b"NOOP\x80",
        b"\xffNOOP",
        "ＮＯＯＰ".encode(),
        b"\x1b[2J",
        b"\x04",
        b"%s%n%x",
        b".",
        b"+OK",
    ],
    ids=repr,
)
def test_bad_command_is_refused_and_has_no_effect(client, command):
    # R1939-5, R1939-12, R1939-41
    reply = client.err(command)
    assert re.fullmatch(rb"[\x20-\x7e]+", reply)
    assert client.ok(b"STAT").startswith(b"+OK 3 ")
    assert len(command.split()) == 0 or b"XYZZY" not in reply


@pytest.mark.parametrize("command", [b"noop", b"NoOp", b"retr 1", b"list", b"uidl 2", b"Top 1 1"])
def test_keywords_in_any_case(client, command):
    # R1939-4
    client.ok(command)
    if command.split()[0] in (b"retr", b"list") or command == b"Top 1 1":
        client.content()


@pytest.mark.parametrize("lines", [b"4294967295", b"4294967296", b"18446744073709551615"])
def test_top_of_very_many_lines_is_all_or_refused(client, lines):
    # R1939-45: never small by overflow
    whole = client.retrieve(1)
    if client.command(b"TOP 1 " + lines).startswith(b"+OK"):
        assert client.content() == whole.replace(b"\r\n.text", b"\r\n..text")


def test_command_of_255_octets_is_read_and_of_256_refused(client):
    # R2449-5, R2449-6
    number = b"1".zfill(255 - len(b"RETR \r\n"))
    assert len(b"RETR " + number + b"\r\n") == 255
    reply = client.command(b"RETR " + number)
    if reply.startswith(b"+OK"):  # leading zeros may be refused, but not for the length
        client.content()
    long = client.err(b"DELE 0" + number)
    assert long != reply
    assert client.ok(b"STAT").startswith(b"+OK 3 ")


@pytest.mark.parametrize("length", [256, 257, 300, 512, 1024, 4096, 16384, 65536, 1 << 20])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
def test_long_line_gets_one_answer_and_its_tail_is_never_run(client, length, end):
    # R2449-6
    tail = b" DELE 1\rDELE 2"
    client.send(b"X" * (length - len(tail)) + tail + end + b"STAT\r\n")
    assert client.line().startswith(b"-ERR")
    assert client.line().startswith(b"+OK 3 ")


def test_long_line_in_pieces(client):
    for _ in range(40):
        client.send(b"NOOP " * 10)
    client.send(b"\r\nSTAT\r\n")
    assert client.line().startswith(b"-ERR")
    assert client.line().startswith(b"+OK 3 ")


def test_bare_lf_ends_a_command(client):
    # R1939-13
    client.send(b"NOOP\nSTAT\nNOOP\r\n")
    assert [client.line()[:3] for _ in range(3)] == [b"+OK"] * 3


def test_bare_cr_never_ends_a_command(client):
    # R1939-13: one line, one answer; the part after the CR is not run
    client.send(b"NOOP\rDELE 1\r\nSTAT\r\n")
    assert client.line().startswith(b"-ERR")
    assert client.line().startswith(b"+OK 3 ")


@pytest.mark.parametrize("line", [b"NOOP\r", b"\rNOOP", b"NO\rOP", b"\r", b"\r\r", b"DELE 1\r\r"])
def test_lone_cr_in_a_command_is_refused(client, line):
    client.err(line)
    assert client.ok(b"STAT").startswith(b"+OK 3 ")


BATCH = (
    b"STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nTOP 2 1\r\nRETR 9\r\nDELE 1\r\nDELE 1\r\nLIST 1\r\n"
    b"XYZZY\r\n\r\nNOOP\nSTAT\r\nNO\rOP\r\nN\0OP\r\nRSET\r\n" + b"y" * 700 + b"\r\nSTAT\r\nCAPA\r\n"
    b"RETR 3\r\nQUIT\r\n"
)
LOGIN = b"USER ann\r\nPASS secret\r\n"


def transcript(shared, send):
    with shared.connect() as client:
        send(client)
        return client.greeting, client.rest()


def line_by_line(client):
    for line in re.findall(rb"[^\n]*\n", LOGIN + BATCH):
        client.send(line)


def test_transcript_is_the_same_however_it_is_cut(shared):
    # R1957-4, R2449-17
    whole = transcript(shared, lambda client: client.send(LOGIN + BATCH))
    assert whole[1].count(b"-ERR") == 8
    assert whole[1].count(b"\r\n.\r\n") == 6
    octets = transcript(shared, lambda client: client.send_octets(LOGIN + BATCH))
    assert octets == whole
    assert transcript(shared, line_by_line) == whole


def test_batch_in_lock_step_gives_the_same(shared):
    # Each command only after the whole answer to the one before.
    whole = transcript(shared, lambda client: client.send(LOGIN + BATCH))[1]
    multiline = (b"LIST\r\n", b"UIDL\r\n", b"RETR 1\r\n", b"TOP 2 1\r\n", b"CAPA\r\n", b"RETR 3\r\n")
    got = b""
    with shared.connect() as client:
        for line in re.findall(rb"[^\n]*\n", LOGIN + BATCH):
            client.send(line)
            got += client.line() + b"\r\n"
            if line in multiline:
                got += client.content() + b".\r\n"
    assert got == whole


def test_long_batch_is_answered_in_order_before_anything_is_read(shared):
    # R2449-19: no dead-lock against a client that writes a lot before it reads
    count = 20_000
    with shared.login() as client:
        client.socket.setblocking(False)
        batch, sent, got = b"LIST 2\r\nLIST 7\r\n" * count, 0, bytearray()
        while sent < len(batch) or got.count(b"\n") < 2 * count:
            want = [client.socket] if sent < len(batch) else []
            readable, writable, _ = select.select([client.socket], want, [], 10.0)
            assert readable or writable, f"stuck after {sent} sent, {len(got)} read"
            if writable:  # first of all write, as long as it is possible
                sent += client.socket.send(batch[sent : sent + 65536])
            else:
                octets = client.socket.recv(1 << 18)
                assert octets, "the server has closed the connection"
                got += octets
        client.socket.settimeout(10.0)
        answers = bytes(got).split(b"\r\n")[:-1]
        assert len(answers) == 2 * count
        assert set(answers[0::2]) == {b"+OK 2 21"}
        assert set(answers[1::2]) == {b"-ERR no such message, only 3 here"}


def test_half_close_still_gets_every_answer(shared):
    # R1939-22
    with shared.connect() as client:
        client.send(LOGIN + b"STAT\r\nRETR 1\r\nNOOP\r\n")
        client.half_close()
        got = client.rest()
        assert got.count(b"+OK") == 5 and got.endswith(b"\r\n")
        assert b"..text\r\n.\r\n" in got


def test_input_after_quit_is_discarded(shared):
    # R1939-21
    with shared.connect() as client:
        client.send(LOGIN + b"QUIT\r\nDELE 1\r\nQUIT\r\nUSER ann\r\n")
        assert client.rest().count(b"\r\n") == 3
    shared.login().quit()


def test_http_request_is_refused_not_served(shared):
    # A browser sent here by a hostile page: its lines are bad commands and nothing more.
    with shared.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nQUIT\r\n")
        got = client.rest()
        assert b"HTTP" not in got and got.count(b"-ERR") >= 1
