"""Odd messages: what lies on disk, and what has to go over the wire.

The wire form is computed here from RFC 1939 and RFC 5322 alone (R1939-39, R5322-1..4), with a
regular expression instead of a state machine, so that a test compares two independent views.
"""

import random
import re
from dataclasses import dataclass

HEADER = b"From: ann@example.org\nSubject: odd\nMessage-ID: <odd@example.org>\n"


def wire_form(stored):
    """CRLF for every stored line end, a last line completed; everything else as it is."""
    wire = re.sub(rb"\r?\n", b"\r\n", stored)
    return wire if wire == b"" or wire.endswith(b"\r\n") else wire + b"\r\n"


def top_form(wire, lines):
    """What TOP gives of a message in wire form: header, blank line, `lines` lines (R1939-45)."""
    pieces = wire.split(b"\r\n")
    assert pieces.pop() == b""
    blank = pieces.index(b"") if b"" in pieces else len(pieces)
    return b"".join(piece + b"\r\n" for piece in pieces[: blank + 1 + lines])


@dataclass(frozen=True)
class Message:
    label: str
    name: bytes  # in new/ or cur/
    stored: bytes

    @property
    def wire(self):
        return wire_form(self.stored)


def at_edge(edge, offset, octets):
    """A message that has `octets` starting `offset` from a buffer's edge, in lines of text."""
    filler = (b"y" * 70 + b"\n") * (edge // 71 + 1)
    head = (HEADER + b"\n" + filler)[: edge + offset]
    # A dot is special at the start of a line only: let one start right at the edge.
    return head[:-1] + b"\n" + octets + b"after the edge\n"


def small():
    """label -> octets on disk"""
    body = HEADER + b"\n"
    return {
        "empty file": b"",
        "one LF": b"\n",
        "one CR": b"\r",
        "one CRLF": b"\r\n",
        "one dot": b".",
        "one dot line": b".\n",
        "one NUL": b"\0",
        "CR CR LF": b"\r\r\n",
        "LF CR": b"\n\r",
        "dot CR": b".\r",
        "dot CR CR LF": b".\r\r\n",
        "dot CR dot LF": b".\r.\n",
        "header only, final LF": HEADER,
        "header only, no final LF": HEADER[:-1],
        "header and blank line": body,
        "header, half a blank line": HEADER + b"\r",
        "blank line first": b"\n" + HEADER,
        "blank line first, no body": b"\n\n",
        "no separator": b"just some text\nof two lines\n",
        "no final LF": body + b"the last line",
        "no final LF after CRLF lines": b"A: b\r\n\r\nthe last line",
        "ends in CR": body + b"the last line\r",
        "ends in CR CR": body + b"the last line\r\r",
        "first line is a dot line": b".hidden: yes\n" + body + b"text\n",
        "lines of dots only": body + b".\n..\n...\n....\n.\n",
        "ends in a dot without LF": body + b".",
        "ends in a stuffed dot without LF": body + b"..",
        "looks like the end": body + b"a\r\n.\r\nb\r\n\r\n.\r\n",
        "looks like an answer": body + b"+OK\n-ERR no\n.\n+OK\n",
        "dot after a lone CR": body + b"a\r.b\r.\r\nc\n",
        "lone CR in the middle": body + b"a\rb\rc\n\rd\n",
        "lone CR before CRLF": body + b"a\r\r\nb\r\r\r\n",
        "NULs": body + b"\0a\0\0\n\0\n.\0\n\0.\n",
        "every octet": body + bytes(range(256)) * 3 + b"\n",
        "every octet, backwards": body + bytes(reversed(range(256))) + b"\n",
        "8-bit header": "Subject: Grüße, 郵便\n\nHalló\n".encode(),
        "8-bit, not UTF-8": body + b"\xff\xfe\x80\xc3\n\xa4\n",
        "CRLF file": (body + b".a\nb\n").replace(b"\n", b"\r\n"),
        "LF and CRLF mixed": b"A: b\r\nC: d\n\r\ne\n\nf\r\n\r\n",
        "blank line is CRLF": HEADER + b"\r\nbody one\r\nbody two\r\n",
        "blank line with a space": HEADER + b" \nstill header\n\nbody\n",
        "From_ lines": b"From ann Thu Jan  1 00:00:00 1970\n" + body + b"From here\n>From there\n",
        "header line of 100,000 octets": b"X-Long: " + b"x" * 100_000 + b"\n" + body + b"text\n",
        "header of 3,000 lines": b"X-Many: y\n" * 3000 + b"\nbody\n.body\n",
        "only LFs": b"\n" * 5000,
        "only CRs": b"\r" * 5000,
        "only CRLFs": b"\r\n" * 5000,
        "LF CR in turn": b"\n\r" * 5000,
        "form feeds and escapes": body + b"\f\v\b\x1b[2J\x7f\n",
    }


def large():
    rng = random.Random(1939)
    noise = rng.choices(b"\r\n.\0a", k=300_000)
    cases = {
        "line of 1 MB": HEADER + b"\n" + b"z" * 1_000_000 + b"\n.\n",
        "line of 1 MB, no final LF": HEADER + b"\n." + b"z" * 1_000_000,
        "200 KB of dots in one line": b"." * 200_000,
        "200 KB of dot lines": b".\n" * 100_000,
        "noise of CR LF dot NUL": bytes(noise),
        "5 MB": HEADER + b"\n" + (b"." + b"w" * 75 + b"\n") * (5_000_000 // 77),
    }
    for length in (65535, 65536, 65537):
        cases[f"{length} octets"] = (HEADER + b"\n" + b"x" * length)[: length - 1] + b"\n"
    for length in (16384, 65536):
        cases[f"{length} octets, no final LF"] = (HEADER + b"\n" + b"x" * length)[:length]
    for edge in (4096, 16384, 32768, 65536, 131072):
        for offset in (-2, -1, 0, 1):
            for label, octets in EDGE_OCTETS.items():
                cases[f"{label} at {edge}{offset:+d}"] = at_edge(edge, offset, octets)
    return cases


EDGE_OCTETS = {
    "dot line": b".\n",
    "dot CRLF": b".\r\n",
    "CRLF": b"\r\n",
    "lone CR": b"\r",
    "CR CR LF dot": b"\r\r\n.",
}


def messages():
    """All of them, under plain names whose times give their order."""
    cases = {**small(), **large()}
    return [
        Message(label, b"%d.M%dP77Q%d.host" % (1_500_000_000 + number, number, number), stored)
        for number, (label, stored) in enumerate(cases.items(), 1)
    ]


def small_messages():
    return messages()[: len(small())]


def odd_names():
    """Messages under odd file names; `number` in each text keeps the contents apart."""
    plain = b"1500000000.M1P1Q1.host"
    names = {
        "no time": b"hello",
        "no time, flags": b"letter:2,S",
        "only flags": b":2,S",
        "time only": b"1500000000",
        "time beyond 64 bits": b"99999999999999999999999.x.host",
        "flags": plain + b":2,FRS",
        "unknown info": b"1500000001.a.host:1,experimental",
        "flag letters unknown": b"1500000002.a.host:2,abcXYZ",
        "70 octets": b"1500000003." + b"a" * 59,
        "71 octets": b"1500000004." + b"a" * 60,
        "71 octets, same start": b"1500000004." + b"a" * 59 + b"b",
        "255 octets": b"1500000005." + b"n" * 244,
        "255 octets with flags": b"1500000006." + b"n" * 240 + b":2,S",
        "space": b"1500000007.a b.host",
        "8-bit": b"1500000008.\xff\xfe.host",
        "UTF-8": "1500000009.郵便.host".encode(),
        "DEL": b"1500000010.\x7f.host",
        "newline": b"1500000011.a\nb.host",
        "CRLF and a dot": b"1500000012.a\r\n.\r\n.host",
        "tab": b"1500000013.a\tb.host",
        "percent and star": b"1500000014.%s*.host",
        "comma": b"1500000016.a,b.host",
        "equals": b"1500000018.M1=x.host",
        "looks like ours": b"restante.index",
        "S attribute": b"1500000015.a.host,S=%d",
        "S and W": b"1500000017.a.host,S=%d,W=%d",
        "S and W and flags": b"1500000019.a.host,S=%d,W=%d:2,S",
        "wrong S": b"1500000021.a.host,S=1",
        "odd S": b"1500000022.a.host,S=-5,W=x",
        "W without digits": b"1500000023.a.host,W=",
        "W overflowing": b"1500000024.a.host,W=99999999999999999999999",
    }
    found = []
    for number, (label, name) in enumerate(names.items()):
        stored = b"Subject: %d\n\nnumber %d\n.\n" % (number, number)
        sizes = (len(stored), len(wire_form(stored)))
        for attribute in (b"S=%d", b"W=%d"):
            size = sizes[0] if attribute.startswith(b"S") else sizes[1]
            name = name.replace(attribute, attribute % size)
        found.append(Message(label, name, stored))
    return found
