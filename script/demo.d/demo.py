"""The live demonstration behind script/demo: a maildrop of 18 messages, a conversation, two fetches."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

# The maildrop of the classic example: 18 messages, 67042 octets on the wire.
SIZES = [
    2552, 3297, 4108, 2871, 5230, 3019, 4477, 2665, 3904,
    3580, 4812, 2990, 3365, 6120, 2748, 4033, 4001, 3270,
]
USER, PASSWORD = "platoon", "vietnam"
FRONT, AUTH, STORE = 64510, 64511, 64512
COLOUR = sys.stdout.isatty()


def say(text, code="1"):
    print(f"\033[{code}m{text}\033[0m" if COLOUR else text, flush=True)


def message(number, size):
    """One message whose wire form has exactly `size` octets; with lines that start with dots."""
    head = (
        f"From: Sergeant <sergeant@example.org>\r\nTo: {USER}@example.org\r\n"
        f"Subject: letter {number} of {len(SIZES)}\r\nDate: Mon, 23 Nov 2026 08:{number:02d}:00 +0000\r\n"
        f"Message-ID: <letter{number}@example.org>\r\n\r\n.a line that starts with a dot\r\n..and one with two\r\n"
    )
    line = "The mail is kept at the post office until its owner calls for it.\r\n"
    left = size - len(head)
    body = line * (left // len(line))
    rest = left - len(body)
    if rest in (1, 2):  # no room for a line of its own: the last line gives some octets back
        body, rest = body[: -len(line)], rest + len(line)
    if rest:
        body += "x" * (rest - 2) + "\r\n"
    wire = (head + body).encode()
    assert len(wire) == size, (number, len(wire), size)
    return wire


class Conversation:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.file = self.socket.makefile("rb")
        self.greeting = self.read()

    def read(self, multiline=False, quiet=False):
        first = self.file.readline()
        say("S: " + first.decode().rstrip(), "32" if first.startswith(b"+OK") else "31")
        lines = []
        while multiline and first.startswith(b"+OK"):
            line = self.file.readline()
            if line == b".\r\n":
                break
            lines.append(line)
        for i, line in enumerate(lines):
            if not quiet or i < 8:
                print("S: " + line.decode().rstrip())
        if quiet and len(lines) > 8:
            print(f"S: ... {len(lines) - 8} more lines")
        if multiline and first.startswith(b"+OK"):
            print("S: .")
        return first.decode().rstrip(), lines

    def send(self, line, multiline=False, quiet=False, shown=None):
        say("C: " + (shown or line), "36")
        self.socket.sendall(line.encode() + b"\r\n")
        return self.read(multiline, quiet)


class SlowLine:
    """A way to the server at 30 kilobytes a second, so that the progress bar can be watched."""

    PIECE, SECONDS = 1500, 0.05

    def __init__(self, port):
        self.server = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(self.server)
        threading.Thread(target=self.carry, args=(client, server, 0), daemon=True).start()
        self.carry(server, client, self.SECONDS)

    def carry(self, source, target, pause):
        while piece := source.recv(self.PIECE):
            target.sendall(piece)
            time.sleep(pause)
        target.shutdown(socket.SHUT_WR)


def expect(what, good):
    if not good:
        raise SystemExit(f"demo: {what}: not as it should be")


def start_server(build, folder):
    mail = folder / "mail" / USER
    for name in ("tmp", "new", "cur"):
        (mail / name).mkdir(parents=True)
    for number, size in enumerate(SIZES, 1):
        path = mail / "new" / f"{1700000000 + number}.letter{number}.demo"
        path.write_bytes(message(number, size).replace(b"\r\n", b"\n"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "restanted.conf").write_text(
        f'hostname = "pop.demo.example"\nlisten "pop" {{ address = "127.0.0.1:{port}" }}\n'
        'auth "passwd-file" { file = "users" }\nstore "maildir" { path = "mail/%u" }\n'
        f'fronts = 1\nuser-front = "{FRONT}"\nuser-auth = "{AUTH}"\nuser-store = "{STORE}"\n'
        "limits { failure-delay-ms = 200 }\n"
    )
    subprocess.run(
        [build / "restante", "passwd", "--stdin", folder / "users", USER],
        input=PASSWORD + "\n", text=True, check=True,
    )
    if os.geteuid() == 0:
        folder.chmod(0o755)
        os.chown(folder / "users", 0, AUTH)
        for path in [folder / "mail", *(folder / "mail").rglob("*")]:
            os.chown(path, STORE, STORE)
    server = subprocess.Popen(
        [build / "restanted", "-c", folder / "restanted.conf"], stderr=subprocess.PIPE, text=True
    )
    for line in server.stderr:
        print(line.rstrip())
        if line.rstrip().endswith(": ready"):
            return server, port
    raise SystemExit("demo: the server did not start")


def converse(port):
    say("\n-- The classic conversation")
    c = Conversation(port)
    c.send(f"USER {USER}")
    c.send(f"PASS {PASSWORD}", shown="PASS ********")
    expect("STAT", c.send("STAT")[0] == "+OK 18 67042")
    first, lines = c.send("LIST", multiline=True)
    expect("LIST", first == "+OK 18 messages (67042 octets)")
    expect("sizes", [int(line.split()[1]) for line in lines] == SIZES)
    expect("LIST 2", c.send("LIST 2")[0] == "+OK 2 3297")
    expect("LIST 23", c.send("LIST 23")[0] == "-ERR no such message, only 18 here")
    first, lines = c.send("RETR 1", multiline=True, quiet=True)
    expect("RETR 1", first == "+OK 2552 octets")
    content = b"".join(line[1:] if line.startswith(b".") else line for line in lines)
    expect("message 1", content == message(1, SIZES[0]))
    expect("DELE 1", c.send("DELE 1")[0] == "+OK message 1 deleted")
    expect("RSET", c.send("RSET")[0].startswith("+OK"))
    expect("QUIT", c.send("QUIT")[0].startswith("+OK"))

    say("\n-- A wrong password, and a user who does not exist: the same answer")
    answers = set()
    for user in (USER, "nobody"):
        c = Conversation(port)
        c.send(f"USER {user}")
        answers.add(c.send("PASS wrong")[0])
        c.send("QUIT")
    expect("refusals", len(answers) == 1 and answers.pop().startswith("-ERR [AUTH]"))


def fetch(build, folder, port, name, policy):
    environment = dict(os.environ, RESTANTE_PASSWORD=PASSWORD)
    subprocess.run(
        [build / "restante", "fetch", f"pop://{USER}@127.0.0.1:{port}", "--to",
         f"maildir:{folder / name}", "--state", folder / f"{name}.db", policy],
        env=environment, check=True,
    )
    got = sorted(path.read_bytes() for path in (folder / name / "new").iterdir())
    sent = sorted(message(n, s).replace(b"\r\n", b"\n") for n, s in enumerate(SIZES, 1))
    expect(f"the Maildir '{name}'", got == sent)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    assert len(SIZES) == 18 and sum(SIZES) == 67042, sum(SIZES)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="restante-demo-"))
    server = None
    try:
        say("-- The server starts")
        server, port = start_server(build, folder)
        converse(port)
        say("\n-- restante fetch over a slow line, keeping the mail on the server")
        fetch(build, folder, SlowLine(port).port, "kept", "--keep")
        print("18 messages compared, octet by octet: the same")
        say("\n-- restante fetch --delete, into another Maildir")
        fetch(build, folder, port, "taken", "--delete")
        left = sum(1 for sub in ("new", "cur") for _ in (folder / "mail" / USER / sub).iterdir())
        expect("the maildrop afterwards", left == 0)
        print("18 messages compared, the maildrop is empty, nothing is lost")
    finally:
        if server:
            server.terminate()
            for line in server.stderr:
                print(line.rstrip())
            server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
    expect("the server's end", server.returncode == 0)
    say("\nAll well: 18 messages, 67042 octets, served, fetched twice, compared.", "1;32")
    print(f"""What to try next:
  script/test                                    every test, with other servers and clients
  {sys.argv[1]}/restante fetch --help                   fetch from a server of yours
  {sys.argv[1]}/restanted --help-config                 everything that a server can be told
README.md has a server and a fetch of your own in ten lines each.""")


main()
