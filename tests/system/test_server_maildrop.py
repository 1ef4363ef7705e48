"""The maildrop changes behind the server's back, fails, or loses its client: no mail is lost,
no message goes out short, nothing is removed without a QUIT."""

import os
import random
import shutil
import socket
import struct
import subprocess

import corpus
import pop3
import pytest
from restanted import AS_ROOT

TEXT = b"Subject: %d\n\n" + b"text\n" * 100
# More than the buffers of both ends hold, so that most of it is still unread on the disk while
# the client waits.
LARGE = b"Subject: large\n\n" + b"0123456789abcdef\n" * 2_000_000


@pytest.fixture
def filled(make_server):
    """Three small messages, not yet started."""
    server = make_server()
    server.paths = [server.deliver(TEXT % number, number=number) for number in range(1, 4)]
    return server.start()


def files(server, user="ann"):
    return sorted(
        path.name for folder in ("new", "cur") for path in (server.mail / user / folder).iterdir()
    )


# Deleting


def test_quit_removes_what_was_marked_and_nothing_else(filled):
    # R1939-18
    with filled.login() as client:
        client.ok(b"DELE 2")
        client.quit()
    assert files(filled) == [filled.paths[0].name, filled.paths[2].name]
    with filled.login() as client:
        assert len(client.sizes()) == 2
        client.quit()


def test_rset_before_quit_keeps_all(filled):
    with filled.login() as client:
        client.ok(b"DELE 1")
        client.ok(b"RSET")
        client.quit()
    assert len(files(filled)) == 3


def test_every_message_of_a_large_maildrop_is_removed(make_server):
    server = make_server()
    for number in range(1, 1001):
        server.deliver(b"A: b\n\n%d\n" % number, number=number)
    server.start()
    with server.login() as client:
        client.send(b"".join(b"DELE %d\r\n" % number for number in range(1, 1001)))
        assert all(client.line().startswith(b"+OK") for _ in range(1000))
        client.quit()
    assert files(server) == []
    with server.login() as client:
        assert client.ok(b"STAT") == b"+OK 0 0"


def test_random_deletions_remove_exactly_those(make_server):
    rng = random.Random(18)
    server = make_server()
    names = [server.deliver(b"A: b\n\n%d\n" % n, number=n).name for n in range(1, 101)]
    server.start()
    while names:
        picked = rng.sample(range(len(names)), rng.randint(1, min(30, len(names))))
        with server.login() as client:
            for number in picked:
                client.ok(b"DELE %d" % (number + 1))
            client.quit()
        names = [name for number, name in enumerate(names) if number not in picked]
        assert files(server) == names


def reset(client):
    """Closes with RST instead of FIN."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("end", ["close", "reset", "half-close"])
@pytest.mark.parametrize("last", [b"", b"QUIT", b"QUIT\r", b"Q", b"NOOP\r\nQUIT"], ids=repr)
def test_cut_connection_removes_nothing(filled, end, last):
    # R1939-17: an unterminated QUIT is no QUIT
    client = filled.login()
    for number in (1, 2, 3):
        client.ok(b"DELE %d" % number)
    client.send(last)
    if end == "half-close":
        client.half_close()
        client.rest()
        client.close()
    elif end == "reset":
        reset(client)
    else:
        client.close()
    with filled.login() as client:  # waits until the session before has ended
        assert len(client.sizes()) == 3
        client.quit()
    assert len(files(filled)) == 3


SESSION = b"USER ann\r\nPASS secret\r\nDELE 1\r\nRETR 2\r\nDELE 2\r\nDELE 3\r\nQUIT\r\n"


def test_cut_at_every_octet_removes_nothing(filled):
    for length in range(len(SESSION)):
        with filled.connect() as client:
            client.send(SESSION[:length])
            client.half_close()
            client.rest()
        assert len(files(filled)) == 3, SESSION[:length]


def test_whole_session_at_once_removes(filled):
    # The counterpart: with its last octet it is a QUIT, also from a client that half-closes.
    with filled.connect() as client:
        client.send(SESSION)
        client.half_close()
        assert client.rest().count(b"+OK") == 7
    assert files(filled) == []


def test_mail_delivered_in_a_session_is_seen_in_the_next(filled):
    # R1939-51
    with filled.login() as client:
        filled.deliver(b"A: b\n\nlate\n", number=9)
        assert len(client.sizes()) == 3
        client.err(b"RETR 4")
        client.ok(b"DELE 1")
        client.quit()
    with filled.login() as client:
        assert len(client.sizes()) == 3
        assert client.retrieve(3) == b"A: b\r\n\r\nlate\r\n"


def test_mail_delivered_right_after_a_session_is_never_missed(make_server):
    # A folder time too near to the index's own counts as changed.
    server = make_server()
    server.deliver(b"A: b\n\n", number=1)
    server.start()
    for number in range(2, 60):
        server.login().quit()
        server.deliver(b"A: b\n\n", number=number)
        with server.login() as client:
            assert len(client.sizes()) == number
            client.quit()


# Changed behind the server's back


def test_removed_message_is_refused_and_the_session_goes_on(filled):
    # R1939-52
    with filled.login() as client:
        filled.paths[0].unlink()
        reply = client.err(b"RETR 1")
        assert not reply.startswith(b"-ERR no such message")
        assert client.retrieve(2) == corpus.wire_form(TEXT % 2)
        client.err(b"DELE 1")  # a message whose RETR failed is kept
        client.ok(b"DELE 2")
        client.quit()
    assert files(filled) == [filled.paths[2].name]


def test_message_removed_after_dele_counts_as_removed(filled):
    # R1939-52
    with filled.login() as client:
        client.ok(b"DELE 1")
        client.ok(b"DELE 2")
        filled.paths[0].unlink()
        client.quit()
    assert files(filled) == [filled.paths[2].name]


def test_renamed_message_is_followed(filled):
    # R1939-52: a reader marks it as seen and moves it
    with filled.login() as client:
        path = filled.paths[0]
        moved = path.parent.parent / "cur" / (path.name + ":2,S")
        path.rename(moved)
        assert client.retrieve(1) == corpus.wire_form(TEXT % 1)
        again = moved.with_name(path.name + ":2,FS")
        moved.rename(again)
        client.ok(b"DELE 1")
        client.quit()
    assert files(filled) == [path.name for path in filled.paths[1:]]


@pytest.mark.parametrize(
    "replacement",
    [b"", b"S", (TEXT % 1)[:-1], (TEXT % 1)[:-5], (TEXT % 1) + b"x", (TEXT % 1) * 2, b"\n" * 600],
    ids=["empty", "one octet", "no LF", "short", "one more", "twice", "other"],
)
@pytest.mark.parametrize("how", ["in place", "by rename"])
def test_changed_message_never_gets_its_final_dot(filled, replacement, how):
    wire = corpus.wire_form(TEXT % 1)
    with filled.login() as client:
        if how == "in place":
            filled.paths[0].write_bytes(replacement)
        else:
            beside = filled.folder / "beside"
            beside.write_bytes(replacement)
            filled.own(beside).rename(filled.paths[0])
        client.send(b"RETR 1\r\n")
        first = client.line()
        if len(corpus.wire_form(replacement)) == len(wire):
            # The octets are as many as promised: whole, if not what it was.
            assert pop3.unstuff(client.content()) == corpus.wire_form(replacement)
        elif first.startswith(b"+OK"):
            assert not client.rest().endswith(b"\r\n.\r\n")
        else:
            client.err(b"DELE 1")
            client.ok(b"DELE 2")
            client.quit()
    assert filled.paths[0].read_bytes() == replacement
    with filled.login() as client:  # and the next session tells the truth
        assert client.sizes()[1] == len(corpus.wire_form(replacement))
        assert client.retrieve(1) == corpus.wire_form(replacement)


def test_file_truncated_while_it_is_sent(make_server):
    server = make_server()
    path = server.deliver(LARGE, number=1)
    server.start()
    with server.login() as client:
        client.send(b"RETR 1\r\n")
        client.line()
        os.truncate(path, 200)
        rest = client.rest()
        assert not rest.endswith(b"\r\n.\r\n")
        assert len(rest) < len(corpus.wire_form(LARGE))
    assert path.exists()


def test_file_removed_while_it_is_sent_is_sent_whole(make_server):
    # The open descriptor still has it.
    server = make_server()
    path = server.deliver(LARGE, number=1)
    server.start()
    with server.login() as client:
        client.send(b"RETR 1\r\n")
        client.line()
        path.unlink()
        assert pop3.unstuff(client.content()) == corpus.wire_form(LARGE)


def test_message_turned_into_a_folder_a_link_or_a_fifo(filled):
    with filled.login() as client:
        filled.paths[0].unlink()
        filled.paths[0].mkdir()
        filled.paths[1].unlink()
        filled.paths[1].symlink_to("/etc/passwd")
        filled.paths[2].unlink()
        os.mkfifo(filled.paths[2])
        for path in filled.paths:
            if not path.is_symlink():
                filled.own(path)
        for number in (1, 2, 3):
            client.send(b"RETR %d\r\n" % number)
            assert client.line().startswith(b"-ERR")
        client.quit()


def test_whole_maildrop_removed_in_a_session(filled):
    with filled.login() as client:
        shutil.rmtree(filled.maildir())
        client.err(b"RETR 1")
        client.ok(b"STAT")
        client.ok(b"DELE 2")
        client.ok(b"QUIT")  # it is gone: that is what was asked for


# Faults of the world


def test_unreadable_maildrop_needs_a_person(filled):
    # R3206-2
    folder = filled.maildir() / "new"
    folder.chmod(0)
    with filled.connect() as client:
        client.ok(b"USER ann")
        assert client.err(b"PASS secret").startswith(b"-ERR [SYS/PERM] ")
        folder.chmod(0o700)
        client.login()
        client.quit()


def test_unreadable_message_is_refused_and_kept(filled):
    with filled.login() as client:
        filled.paths[0].chmod(0)
        assert client.err(b"RETR 1")
        client.err(b"DELE 1")
        assert client.retrieve(2) == corpus.wire_form(TEXT % 2)
        client.quit()
    assert len(files(filled)) == 3


def test_unreadable_message_does_not_lock_the_others_out(filled):
    # Its size cannot be known; the maildrop as a whole may be refused, but never with fewer
    # messages in silence.
    filled.paths[0].chmod(0)
    with filled.connect() as client:
        client.ok(b"USER ann")
        reply = client.command(b"PASS secret")
        if reply.startswith(b"+OK"):
            assert len(client.sizes()) == 3
        else:
            assert reply.startswith(b"-ERR [SYS/PERM] ")
    filled.paths[0].chmod(0o600)
    with filled.login() as client:
        assert len(client.sizes()) == 3


def test_read_only_folders_before_quit(filled):
    # R1939-19: -ERR, the mail is still there, the lock is released
    with filled.login() as client:
        client.ok(b"DELE 1")
        client.ok(b"DELE 3")
        for name in ("new", "cur"):
            (filled.maildir() / name).chmod(0o500)
        assert client.command(b"QUIT") == b"-ERR some deleted messages not removed: 2"
        assert client.rest() == b""
    assert len(files(filled)) == 3
    for name in ("new", "cur"):
        (filled.maildir() / name).chmod(0o700)
    with filled.login() as client:
        assert len(client.sizes()) == 3
        client.quit()


def test_one_of_two_folders_read_only(filled):
    # R1939-19: partial removal is allowed, and is told with its number
    filled.deliver(TEXT % 4, number=4, folder="cur")
    with filled.login() as client:
        client.ok(b"DELE 1")
        client.ok(b"DELE 4")
        (filled.maildir() / "cur").chmod(0o500)
        assert client.command(b"QUIT") == b"-ERR some deleted messages not removed: 1"
    assert len(files(filled)) == 3
    (filled.maildir() / "cur").chmod(0o700)


def test_maildrop_in_which_nothing_can_be_written_is_served(filled):
    # The index is only a cache.
    for path in (filled.maildir(), filled.maildir() / "new", filled.maildir() / "cur"):
        path.chmod(0o500)
    for _ in range(2):
        with filled.login() as client:
            assert client.retrieve(1) == corpus.wire_form(TEXT % 1)
            client.quit()
    for path in (filled.maildir(), filled.maildir() / "new", filled.maildir() / "cur"):
        path.chmod(0o700)


@pytest.fixture
def full_disk(make_server):
    """ann's maildrop on a file system of its own with no octet left."""
    if not AS_ROOT:
        pytest.skip("mounting a small file system needs root")
    server = make_server()
    folder = server.mail / "ann"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0755", "tmpfs", folder],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.skip("cannot mount a tmpfs here: " + done.stderr.strip())
    server.own(folder)
    for name in ("tmp", "new", "cur"):
        (folder / name).mkdir()
        server.own(folder / name)
    for number in range(1, 41):
        server.deliver(TEXT % number, number=number)
    with open(folder / "filler", "wb", buffering=0) as filler:
        with pytest.raises(OSError, match="No space left"):
            while True:
                filler.write(b"x" * 4096)
    yield server
    server.stop()
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_disk_is_served_and_can_be_emptied(full_disk):
    # Nothing that the user asks for needs room: no index, but all of the mail, and a way out.
    full_disk.start()
    with full_disk.login() as client:
        assert len(client.sizes()) == 40
        assert client.retrieve(7) == corpus.wire_form(TEXT % 7)
        for number in range(1, 41):
            client.ok(b"DELE %d" % number)
        client.quit()
    assert files(full_disk) == []
    assert not list((full_disk.mail / "ann" / "tmp").iterdir())
