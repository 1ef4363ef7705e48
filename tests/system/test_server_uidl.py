"""Unique-ids stay what they are, whatever happens around the message (R1939-47 to R1939-49)."""

import os
import shutil
import subprocess

import corpus
import pytest


@pytest.fixture
def filled(make_server):
    """Odd and plain names together, and the ids of a first session."""
    server = make_server()
    server.deliver_all(corpus.odd_names())
    server.deliver_all(corpus.small_messages())
    server.start()
    with server.login() as client:
        server.first = by_content(client)
        client.quit()
    assert len(set(server.first.values())) == len(server.first)
    return server


def by_content(client):
    """message text -> the ids it goes by; contents may be equal, ids must not be."""
    uids = client.uids()
    assert len(set(uids.values())) == len(uids)
    found = {}
    for number, uid in uids.items():
        found.setdefault(client.retrieve(number), set()).add(uid)
    return {content: frozenset(ids) for content, ids in found.items()}


def same_again(server):
    with server.login() as client:
        assert by_content(client) == server.first
        client.quit()


def index_of(server):
    return server.maildir() / "restante.index"


def test_same_after_a_session_without_quit(filled):
    with filled.login() as client:
        client.uids()
    same_again(filled)


def test_same_after_a_restart(filled):
    filled.restart()
    same_again(filled)


def test_same_without_the_index(filled):
    index_of(filled).unlink()
    same_again(filled)
    assert index_of(filled).exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda octets: b"",
        lambda octets: octets[:-1],
        lambda octets: octets + b"x",
        lambda octets: octets[: len(octets) // 2],
        lambda octets: bytes(len(octets)),
        lambda octets: b"x" * 10,
        lambda octets: octets[:200] + bytes([octets[200] ^ 1]) + octets[201:],
        lambda octets: octets[:-9] + bytes([octets[-9] ^ 0x80]) + octets[-8:],
        lambda octets: os.urandom(4096),
    ],
    ids="empty short long half zeros tiny bit bit-near-end noise".split(),
)
def test_same_with_a_damaged_index(filled, damage):
    path = index_of(filled)
    path.write_bytes(damage(path.read_bytes()))
    same_again(filled)


def test_same_with_the_index_of_an_older_folder(filled):
    # Never trusted over the folder: here it lacks a message.
    old = index_of(filled).read_bytes()
    filled.deliver(b"Subject: late\n\n", name=b"1700000000.late.host")
    with filled.login() as client:
        filled.first = by_content(client)
        client.quit()
    index_of(filled).write_bytes(old)
    same_again(filled)


def test_same_with_the_index_of_another_maildrop(filled):
    filled.deliver(b"Subject: bob's\n\n", "bob", name=b"1700000000.bob.host")
    filled.settle("bob")
    filled.login(b"bob").quit()
    shutil.copy(filled.mail / "bob" / "restante.index", index_of(filled))
    same_again(filled)


def test_index_that_cannot_be_replaced_is_done_without(filled):
    path = index_of(filled)
    path.unlink()
    path.mkdir()
    filled.own(path)
    same_again(filled)


def rename_all(server, rename):
    for folder in ("new", "cur"):
        for path in sorted((server.maildir() / folder).iterdir()):
            path.rename(rename(path))


def test_same_after_new_to_cur(filled):
    def to_cur(path):
        name = path.name if ":2," in path.name else path.name + ":2,"
        # A name that is as long as names can be has no room for flags.
        name = path.name if len(os.fsencode(name)) > 255 else name
        return path.parent.parent / "cur" / name

    rename_all(filled, to_cur)
    assert not list((filled.maildir() / "new").iterdir())
    same_again(filled)


def test_same_after_flag_changes(filled):
    def flagged(path):
        name = path.name.split(":")[0] + ":2,RS"
        return path if len(os.fsencode(name)) > 255 else path.parent.parent / "cur" / name

    rename_all(filled, flagged)
    same_again(filled)


def test_same_after_cp_a(filled):
    copied = filled.mail / "copy"
    subprocess.run(["cp", "-a", filled.maildir(), copied], check=True)
    shutil.rmtree(filled.maildir())
    copied.rename(filled.mail / "ann")
    same_again(filled)


def test_same_after_a_copy_that_loses_times_and_the_index(filled):
    copied = filled.mail / "copy"
    shutil.copytree(
        filled.maildir(),
        copied,
        copy_function=lambda *paths: filled.own(shutil.copyfile(*paths)),
        ignore=lambda folder, _: ["restante.index"] if folder == str(filled.maildir()) else [],
    )
    for folder in (copied, copied / "tmp", copied / "new", copied / "cur"):
        filled.own(folder)
    shutil.rmtree(filled.maildir())
    copied.rename(filled.mail / "ann")
    same_again(filled)


def test_same_after_delivery_and_deletion_of_others(filled):
    filled.deliver(b"Subject: late\n\n", name=b"1400000000.late.host")
    with filled.login() as client:
        uids = client.uids()
        number = next(n for n, uid in uids.items() if uid == b"1400000000.late.host")
        client.ok(b"DELE %d" % number)
        client.quit()
    same_again(filled)


def test_equal_contents_have_different_ids(make_server):
    server = make_server()
    for number in range(1, 6):
        server.deliver(b"A: b\n\nthe same\n", number=number)
    server.start()
    with server.login() as client:
        assert len(set(client.uids().values())) == 5


def test_one_message_in_both_folders_is_seen_once(make_server):
    # A reader moves it while the server looks: new/ before cur/, dedupe by base name
    server = make_server()
    server.deliver(b"A: b\n\ntext\n", name=b"1600000000.a.host")
    server.deliver(b"A: b\n\ntext\n", name=b"1600000000.a.host:2,S", folder="cur")
    server.start()
    with server.login() as client:
        assert client.uids() == {1: b"1600000000.a.host"}
        assert client.retrieve(1) == b"A: b\r\n\r\ntext\r\n"
