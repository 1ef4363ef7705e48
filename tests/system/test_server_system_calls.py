"""What the server does to the file system, seen with strace."""

import os
import re
import time

import pytest
from tracing import Trace

WRITING = re.compile(
    r"creat|unlink(at)?|rename(at2?)?|mkdir(at)?|rmdir|link(at)?|symlink(at)?|mknod(at)?"
    r"|f?truncate|fallocate|f?chmod(at)?|f?l?chown(at)?|futimesat|utimes?|utimensat"
    r"|[fl]?setxattr|[fl]?removexattr|fsync|fdatasync|syncfs|sync|sync_file_range"
    r"|copy_file_range|mount|umount2"
)
WRITE_TO_DESCRIPTOR = re.compile(r"p?writev?2?|pwrite64|sendfile|splice|vmsplice")
# Not files that anybody keeps: sockets, pipes, memory, counters.
NO_FILE = re.compile(r"(socket|pipe|anon_inode|TCP|UNIX|/memfd:|/dev/null|/proc/self/)")
OPENING_TO_WRITE = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE")


def all_pids(server):
    return [pid for pids in server.roles().values() for pid in pids]


def file_writes(trace):
    """Calls that change, or open for changing, something in a file system."""
    found = []
    for call in trace.calls:
        target = call.descriptor()
        if WRITING.fullmatch(call.name):
            if not (call.name in ("ftruncate", "fchmod") and NO_FILE.match(target)):
                found.append(call)
        elif WRITE_TO_DESCRIPTOR.fullmatch(call.name):
            if not NO_FILE.match(target):
                found.append(call)
        elif call.name.startswith("open") and OPENING_TO_WRITE.search(call.text):
            # A write lock wants a descriptor that could write; nothing is written through it.
            lock = '"restante.lock"' in call.text and "O_CREAT" not in call.text
            if "/dev/null" not in call.text and not lock:
                found.append(call)
    return found


@pytest.fixture
def filled(make_server):
    server = make_server()
    for number in range(1, 9):
        server.deliver(b"Subject: %d\n\n.text\n" % number, number=number)
    server.settle()
    server.start()
    # An index that was made in the same instant as the folders is made once more, later.
    folders = [server.maildir() / name for name in ("new", "cur")]
    settled = max(folder.stat().st_ctime_ns for folder in folders) + 40_000_000
    while time.time_ns() < settled:
        server.login().quit()
    server.login().quit()
    return server


def test_session_that_deletes_nothing_writes_nothing(filled):
    # no flags, no new to cur, no index without need
    with Trace(all_pids(filled)) as trace:
        with filled.login() as client:
            client.listing(b"LIST")
            client.listing(b"UIDL")
            for number in client.sizes():
                client.retrieve(number)
                client.top(number, 3)
            client.ok(b"DELE 1")
            client.ok(b"RSET")
            client.quit()
        with filled.login() as client:
            client.ok(b"DELE 2")  # and no QUIT
        filled.login().quit()
    assert trace.named("openat", "openat2", "open"), "nothing was traced"
    assert file_writes(trace) == []


def test_deletion_is_on_disk_before_it_is_confirmed(filled):
    # unlink, then fsync of the folder, then +OK
    with Trace(all_pids(filled)) as trace:
        with filled.login() as client:
            client.ok(b"DELE 1")
            client.ok(b"DELE 2")
            reply = client.quit()
    unlinks = trace.named("unlink", "unlinkat")
    assert len(unlinks) == 2
    folder = str(filled.maildir() / "new")
    syncs = [call for call in trace.named("fsync", "fdatasync") if call.descriptor() == folder]
    assert len(syncs) == 1 and syncs[0].text.endswith("= 0"), syncs
    text = reply.decode()
    answers = [
        call
        for call in trace.named("sendto", "sendmsg", "write", "writev")
        if text in call.text and "TCP" in call.descriptor() + call.text
    ] or [call for call in trace.named("sendto", "sendmsg", "write", "writev") if text in call.text]
    assert len(answers) == 1
    assert max(call.ended for call in unlinks) < syncs[0].began
    assert syncs[0].ended < answers[0].began


def test_deletion_in_both_folders_syncs_both(filled):
    filled.deliver(b"A: b\n\n", name=b"1400000000.first.host", folder="cur")
    with Trace(all_pids(filled)) as trace:
        with filled.login() as client:
            client.ok(b"DELE 1")
            client.ok(b"DELE 2")
            client.quit()
    synced = {call.descriptor() for call in trace.named("fsync", "fdatasync")}
    assert {str(filled.maildir() / name) for name in ("new", "cur")} <= synced


def test_deletion_does_not_open_messages(filled):
    with Trace(all_pids(filled)) as trace:
        with filled.login() as client:
            client.ok(b"DELE 1")
            client.quit()
    assert opened_messages(trace) == []


def opened_messages(trace):
    return [
        call
        for call in trace.named("open", "openat", "openat2")
        if re.search(r'"[^"]*\d{10}\.[^"]*"', call.text)
    ]


def test_front_opens_nothing(filled):
    with Trace(filled.roles()["front"]) as trace:
        with filled.login() as client:
            for number in client.sizes():
                client.retrieve(number)
            client.quit()
    assert trace.calls
    opening = re.compile(r"open.*|creat|stat|lstat|newfstatat|statx|access.*|faccessat.*|connect")
    at_path = [
        call
        for call in trace.calls
        if opening.fullmatch(call.name) and not re.search(r'^\d+<[^>]*>, "",', call.text)
    ]
    assert at_path == []


COUNT = 100_000


def test_second_login_of_100000_messages_touches_none_of_them(make_server):
    # one sequential read of the index, no folder listed
    server = make_server()
    new = server.maildir() / "new"
    folder = os.open(new, os.O_RDONLY)
    source = server.deliver(b"A: b\n\ntext\n", name=b"1500000000.0.host,W=14")
    for number in range(1, COUNT):
        if number % 50_000 == 0:  # ext4 allows 65,000 links of one file
            source = server.deliver(b"A: b\n\ntext\n", name=f"15000.{number}.host,W=14".encode())
            continue
        os.link(source.name, f"15000.{number}.host,W=14", src_dir_fd=folder, dst_dir_fd=folder)
    os.close(folder)
    server.settle()
    server.start()
    with server.connect(timeout=60.0) as client:
        client.login()
        first = client.uids()
        client.quit()
    assert len(first) == COUNT
    with Trace(server.roles()["store"]) as trace:
        with server.connect() as client:
            client.login()
            assert client.uids() == first
            assert client.ok(b"STAT") == b"+OK %d %d" % (COUNT, COUNT * 14)
            client.quit()
    assert trace.named("openat", "open", "openat2"), "nothing was traced"
    touched = [call for call in trace.calls if re.search(r'"[^"]*\.host', call.text)]
    assert touched == []
    assert trace.named("getdents64") == []
    assert len(trace.calls) < 200, "not a handful of calls"


# Faults put in by strace


def test_fault_on_the_disk_at_login_is_temporary(filled):
    # R3206-2, and the next login is not harmed
    filled.deliver(b"A: b\n\n", name=b"1400000000.late.host")
    for error in ("EIO", "ENOSPC", "ENOMEM"):
        with Trace(filled.roles()["store"], "-e", f"inject=getdents64:error={error}"):
            with filled.connect() as client:
                client.ok(b"USER ann")
                assert client.err(b"PASS secret").startswith(b"-ERR [SYS/TEMP] "), error
                client.quit()
    filled.login().quit()


def test_full_disk_at_login_is_temporary(filled):
    # Room that login cannot do without: the snapshot's own memory.
    for number in range(2000):
        filled.deliver(b"A: b\n\n", name=b"1400000000.%d.host" % number)
    filled.settle()
    filled.login().quit()
    with Trace(filled.roles()["store"], "-e", "inject=memfd_create,ftruncate:error=ENOSPC"):
        with filled.connect() as client:
            client.ok(b"USER ann")
            assert client.err(b"PASS secret").startswith(b"-ERR [SYS/TEMP] ")
            client.quit()
    filled.login().quit()


def test_fault_on_the_disk_at_quit_keeps_the_mail(filled):
    # R1939-19
    count = len(os.listdir(filled.maildir() / "new"))
    with filled.login() as client:
        client.ok(b"DELE 1")
        client.ok(b"DELE 2")
        with Trace(filled.roles()["store"], "-e", "inject=unlink,unlinkat:error=EIO"):
            assert client.command(b"QUIT") == b"-ERR some deleted messages not removed: 2"
    assert len(os.listdir(filled.maildir() / "new")) == count
    with filled.login() as client:
        assert len(client.sizes()) == count


def test_failed_fsync_is_never_answered_with_ok(filled):
    with filled.login() as client:
        client.ok(b"DELE 1")
        with Trace(filled.roles()["store"], "-e", "inject=fsync,fdatasync:error=EIO"):
            assert client.command(b"QUIT").startswith(b"-ERR ")


def test_fault_while_a_message_is_read_gets_no_final_dot(make_server):
    server = make_server()
    server.deliver(b"A: b\n\n" + b"text\n" * 400_000)
    server.start()
    with server.login() as client:
        with Trace(
            server.roles()["front"],
            "-e",
            "inject=read,pread64,readv,preadv,sendfile:error=EIO:when=20+",
        ):
            client.send(b"RETR 1\r\n")
            assert not client.rest().endswith(b"\r\n.\r\n")
    server.login().quit()
