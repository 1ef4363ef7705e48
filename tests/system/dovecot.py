"""A Dovecot of the test's own on a free loopback port: an independent server for our client."""

import os
import pwd
import shutil
import socket
import subprocess
import threading
from pathlib import Path

USER, PASSWORD = "ann", "secret"
START_SECONDS = 20.0
# Mail belongs to this user; Dovecot refuses to serve root's.
MAIL_USER = "mail"

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = /dev/stderr
protocols = pop3
listen = 127.0.0.1
{tls}
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
mail_location = maildir:{folder}/mail
first_valid_uid = {uid}
default_login_user = {login}
default_internal_user = {login}
default_internal_group = {group}
mail_max_userip_connections = 0
passdb {{
 driver = passwd-file
 args = {folder}/users
}}
userdb {{
 driver = passwd-file
 args = {folder}/users
}}
service anvil {{
 chroot =
}}
service pop3-login {{
 chroot =
 inet_listener pop3 {{
  port = {port}
 }}
 inet_listener pop3s {{
  port = {tls_port}
  ssl = yes
 }}
}}
"""


def missing():
    """Why there can be no Dovecot here, or None."""
    if shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin") is None:
        return "dovecot-pop3d is not installed"
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return "Dovecot needs a user with a name"
    return None


class Dovecot:
    """`messages` are stored octets. As root it runs like on a real host; else all of it is the
    user who runs the tests."""

    def __init__(self, folder, messages, certificate=None, mechanisms="plain"):
        self.mechanisms = mechanisms
        self.certificate = certificate
        self.folder = Path(folder)
        self.messages = messages
        account = pwd.getpwnam(MAIL_USER) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.uid, self.gid, self.name = account.pw_uid, account.pw_gid, account.pw_name

    def __enter__(self):
        self.folder.chmod(0o755)
        self.write_mail()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.tls_port = 0
        if self.certificate is not None:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                self.tls_port = listener.getsockname()[1]
        self.write_configuration()
        self.process = subprocess.Popen(
            ["dovecot", "-F", "-c", self.folder / "dovecot.conf"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"},
        )
        self.wait_until_ready()
        return self

    def __exit__(self, *_):
        self.stop()

    def write_mail(self):
        mail = self.folder / "mail"
        for path in (mail, mail / "tmp", mail / "new", mail / "cur"):
            path.mkdir()
        for number, octets in enumerate(self.messages):
            (mail / "new" / f"{1_600_000_000 + number}.M{number}P1.host").write_bytes(octets)
        if os.geteuid() == 0:
            for path in (mail, *mail.rglob("*")):
                os.chown(path, self.uid, self.gid)

    def write_configuration(self):
        group = subprocess.run(
            ["id", "-gn", self.name], capture_output=True, text=True, check=True
        ).stdout.strip()
        text = CONFIGURATION.format(
            folder=self.folder, uid=self.uid, login=self.name, group=group, port=self.port,
            tls_port=self.tls_port, tls=self.tls_lines(), mechanisms=self.mechanisms,
        )
        (self.folder / "dovecot.conf").write_text(text)
        home = f"{self.uid}:{self.gid}::{self.folder}/mail::"
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}:{home}\n")

    def tls_lines(self):
        if self.certificate is None:
            return "ssl = no"
        files = f"ssl_cert = <{self.certificate.certificate}\nssl_key = <{self.certificate.key}"
        return "ssl = yes\n" + files

    def read_log(self):
        for line in self.process.stderr:
            self.log += line
            if b"starting up" in line:  # the master says so once it listens
                self.started = True
                self.answered.set()
        self.answered.set()

    def wait_until_ready(self):
        self.log, self.started, self.answered = b"", False, threading.Event()
        self.reader = threading.Thread(target=self.read_log)
        self.reader.start()
        self.answered.wait(START_SECONDS)
        if not self.started:
            self.stop()
            raise AssertionError("dovecot did not start:\n" + self.log.decode())

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.reader.join(10)
        self.process.stderr.close()

    def url(self):
        return f"pop://{USER}@127.0.0.1:{self.port}"

    def left(self):
        """How many messages are still there."""
        mail = self.folder / "mail"
        return len(list((mail / "new").iterdir()) + list((mail / "cur").iterdir()))


class WithoutPipelining:
    """A way to a server that hides PIPELINING in its CAPA answers, and checks that the client
    then sends one command at a time."""

    def __init__(self, port):
        self.upstream = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.early = []
        self.threads = []

    def __enter__(self):
        self.start(self.accept)
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(10)

    def start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def url(self):
        return f"pop://{USER}@127.0.0.1:{self.port}"

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.start(self.relay, client, socket.create_connection(("127.0.0.1", self.upstream)))

    def relay(self, client, server):
        """Strictly in turns: one command, its whole answer."""
        with client, server, client.makefile("rb") as commands, server.makefile("rb") as answers:
            client.sendall(answers.readline())
            while command := commands.readline():
                if commands.peek(1) if self.has_more(client) else False:
                    self.early.append(command)
                server.sendall(command)
                verb = command.split()[0].upper()
                for line in self.answer(verb, answers):
                    if line != b"PIPELINING\r\n":
                        client.sendall(line)

    @staticmethod
    def has_more(client):
        client.setblocking(False)
        try:
            return bool(client.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False
        finally:
            client.setblocking(True)

    @staticmethod
    def answer(verb, answers):
        line = answers.readline()
        yield line
        if line.startswith(b"+OK") and verb in (b"CAPA", b"LIST", b"UIDL", b"RETR"):
            while line not in (b".\r\n", b""):
                line = answers.readline()
                yield line
