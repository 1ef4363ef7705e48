"""Maildrops to measure with: the same octets in every run, as a delivery agent leaves them."""

import base64
import os
import random
import shutil
from dataclasses import dataclass

WORDS = "mail is kept at the post office until its owner calls for it and takes it home".split()
FIRST_SECOND = 1_700_000_000  # in the names; long ago, so that no folder counts as just changed


@dataclass(frozen=True)
class Profile:
    """`users` maildrops called PREFIX0, PREFIX1 ..., each with messages of these sizes."""

    prefix: str
    users: int
    sizes: tuple

    def names(self):
        return [f"{self.prefix}{index}" for index in range(self.users)]


def lines(count, seed):
    """Lines of 0 to 76 octets; about one in a hundred starts with a dot, as in real mail."""
    source = random.Random(seed)
    found = []
    for _ in range(count):
        words = source.choices(WORDS, k=source.randint(3, 14))
        line = " ".join(words)[:75].rstrip()
        kind = source.randrange(100)
        found.append("." + line if kind == 0 else "" if kind < 6 else line)
    return found


TEXT = "\n".join(lines(4000, seed=1)) + "\n"
# What is large is nearly always an attachment: lines of 76 octets, none with a dot.
ATTACHMENT = base64.encodebytes(random.Random(2).randbytes(1 << 19)).decode()
ATTACHMENT_FROM = 100_000


def message(user, number, size):
    """About `size` octets on disk, with LF line ends; never cut inside a line."""
    header = (
        f"Return-Path: <sender{number}@example.org>\n"
        f"Delivered-To: {user}@example.com\n"
        f"Date: Tue, 14 Nov 2023 22:13:20 +0000\n"
        f"From: Sender {number} <sender{number}@example.org>\n"
        f"To: {user}@example.com\n"
        f"Subject: letter {number}\n"
        f"Message-ID: <{number}.{user}@example.org>\n\n"
    )
    source = TEXT if size < ATTACHMENT_FROM else ATTACHMENT
    start = source.index("\n", number * 4099 % (len(source) // 2)) + 1
    wanted = max(size - len(header), 1)
    body = (source[start:] + source * (wanted // len(source) + 1))[:wanted]
    return (header + body[: body.rfind("\n") + 1]).encode()


def write(folder, profiles):
    """Makes folder/USER/{tmp,new,cur} for every user; returns prefix -> (messages, octets on the
    wire) of all its maildrops."""
    totals = {}
    for profile in profiles:
        messages = octets = 0
        for user in profile.names():
            for name in ("tmp", "new", "cur"):
                (folder / user / name).mkdir(parents=True)
            for number, size in enumerate(profile.sizes):
                stored = message(user, number, size)
                path = folder / user / "new" / f"{FIRST_SECOND + number}.M{number}P1.bench"
                path.write_bytes(stored)
                messages += 1
                octets += len(stored) + stored.count(b"\n")
        totals[profile.prefix] = (messages, octets)
    return totals


def copy(source, target, uid, gid):
    """A server's own tree: the files are shared, the folders are not."""
    shutil.copytree(source, target, copy_function=os.link)
    for folder, _, names in os.walk(target):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            os.chown(path, uid, gid)
    for folder, _, _ in os.walk(target):
        os.utime(folder, (FIRST_SECOND, FIRST_SECOND))
