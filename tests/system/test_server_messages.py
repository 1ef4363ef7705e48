"""What goes out: the octets that LIST promised, whatever lies on disk."""

import corpus
import pytest

MESSAGES = corpus.messages()
SMALL = corpus.small_messages()


@pytest.fixture(scope="module")
def shared(make_shared_server):
    """The corpus; read only. No test holds a session of another test's user."""
    server = make_shared_server(users={"ann": "secret", "bob": "secret", "eve": "secret"})
    server.deliver_all(MESSAGES, "ann")
    server.deliver_all(SMALL, "bob")
    server.deliver_all(corpus.odd_names(), "eve")
    return server.start()


def test_corpus_is_large_enough():
    assert len(MESSAGES) >= 40
    assert len({message.name for message in MESSAGES}) == len(MESSAGES)


def test_list_size_is_the_octets_of_retr_for_every_message(shared):
    # R1939-39, R1939-7, R5322-1 to R5322-4
    with shared.login() as client:
        sizes = client.sizes()
        assert len(sizes) == len(MESSAGES)
        for number, message in enumerate(MESSAGES, 1):
            got = client.retrieve(number)
            assert got == message.wire, message.label
            assert sizes[number] == len(got), message.label
        assert client.ok(b"STAT") == b"+OK %d %d" % (len(sizes), sum(sizes.values()))
        client.quit()


def test_second_session_gives_the_same_from_the_index(shared):
    with shared.login() as client:
        first = (client.sizes(), client.uids())
        client.quit()
    with shared.login() as client:
        assert (client.sizes(), client.uids()) == first
        assert client.retrieve(2) == MESSAGES[1].wire
        client.quit()


def test_whole_maildrop_in_one_pipelined_batch(shared):
    # R2449-17; answers in order and complete
    with shared.login(b"bob", b"secret") as client:
        client.send(b"".join(b"RETR %d\r\n" % number for number in range(1, len(SMALL) + 1)))
        for message in SMALL:
            assert client.line() == b"+OK %d octet%s" % (
                len(message.wire),
                b"" if len(message.wire) == 1 else b"s",
            )
            assert client.content() == stuffed(message.wire), message.label
        client.quit()


def stuffed(wire):
    """Dot-stuffing (R1939-7), the other way round than pop3.unstuff()."""
    lines = wire.split(b"\r\n")
    return b"\r\n".join(b"." + line if line[:1] == b"." else line for line in lines)


@pytest.mark.parametrize("message", SMALL, ids=lambda message: message.label)
def test_top_gives_header_blank_line_and_lines(shared, message):
    # R1939-45
    number = SMALL.index(message) + 1
    with shared.login(b"bob", b"secret") as client:
        for lines in (0, 1, 2, 3, 4, 5, 10, 100, 4999, 5000, 5001, 1 << 40):
            expected = corpus.top_form(message.wire, lines)
            assert client.top(number, lines) == expected, lines
        client.quit()


def test_top_of_large_messages(shared):
    with shared.login() as client:
        for number, message in enumerate(MESSAGES, 1):
            for lines in (0, 1, 900, 100_000):
                expected = corpus.top_form(message.wire, lines)
                assert client.top(number, lines) == expected, (message.label, lines)
        client.quit()


def test_odd_file_names_are_served(shared):
    # R1939-47, R1939-49: over-long or odd names are mapped, not cut
    messages = corpus.odd_names()
    with shared.login(b"eve", b"secret") as client:
        sizes, uids = client.sizes(), client.uids()
        contents = {number: client.retrieve(number) for number in sizes}
        client.quit()
    assert sorted(contents.values()) == sorted(message.wire for message in messages)
    assert {number: len(content) for number, content in contents.items()} == sizes
    assert len(set(uids.values())) == len(messages)
    for uid in uids.values():
        assert 1 <= len(uid) <= 70
        assert all(0x21 <= octet <= 0x7E for octet in uid)


def test_plain_names_are_their_own_uid(shared):
    # the unique part of the file name
    with shared.login(b"bob", b"secret") as client:
        assert list(client.uids().values()) == [message.name for message in SMALL]
        client.quit()


def test_messages_come_in_order_of_arrival(make_server):
    # by the name's time, which is a number, then by name; not by folder
    server = make_server()
    names = [b"999999999.z.host", b"1000000000.a.host", b"1000000000.b.host", b"1700000000.a.h"]
    for folder, name in zip(("cur", "new", "cur", "new"), reversed(names)):
        server.deliver(b"Subject: " + name + b"\n\n", name=name, folder=folder)
    server.start()
    with server.login() as client:
        assert list(client.uids().values()) == names


def test_names_that_are_no_messages_are_left_out(make_server):
    server = make_server()
    path = server.deliver(b"A: b\n\n")
    server.deliver(b"A: b\n\n", name=b".hidden")
    folder = path.parent / "1600000009.folder.host"
    folder.mkdir()
    server.own(folder)
    (path.parent / "1600000009.link.host").symlink_to("/etc/passwd")
    (server.maildir() / "tmp" / "1600000009.tmp.host").write_bytes(b"A: half")
    server.start()
    with server.login() as client:
        assert len(client.sizes()) == 1
        client.quit()


def test_wrong_w_attribute_never_gets_a_final_dot_and_is_healed(make_server):
    # ,W= is believed for LIST and proved at RETR
    for wrong in (-1, +1):
        server = make_server()
        stored = b"A: b\n\n" + b"text\n" * 30_000
        true = len(corpus.wire_form(stored))
        server.deliver(stored, name=b"1600000000.a.host,S=%d,W=%d" % (len(stored), true + wrong))
        server.start()
        with server.login() as client:
            assert client.sizes() == {1: true + wrong}
            client.send(b"RETR 1\r\n")
            got = client.line()
            if got.startswith(b"+OK"):
                assert not client.rest().endswith(b"\r\n.\r\n")
            else:
                client.err(b"DELE 1")
                client.quit()
        with server.login() as client:
            assert client.sizes() == {1: true}
            assert client.retrieve(1) == corpus.wire_form(stored)
            client.quit()


def test_wrong_w_attribute_of_a_small_message(make_server):
    server = make_server()
    for number, wrong in enumerate((0, 1, 13, 15, 1000), 1):
        server.deliver(b"A: b\n\ntext\n\n", name=b"160000000%d.a.host,W=%d" % (number, wrong))
    server.start()
    for number in range(1, 6):
        with server.login() as client:
            if client.sizes()[number] == len(b"A: b\r\n\r\ntext\r\n\r\n"):
                client.retrieve(number)
                continue
            client.send(b"RETR %d\r\n" % number)
            if client.line().startswith(b"+OK"):
                assert not client.rest().endswith(b"\r\n.\r\n")
            else:
                client.err(b"DELE %d" % number)
    with server.login() as client:
        assert set(client.sizes().values()) == {16}
        client.quit()
