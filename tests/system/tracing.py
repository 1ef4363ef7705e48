"""strace on running server processes: what they did, in order."""

import re
import signal
import subprocess
import tempfile
from dataclasses import dataclass

import pytest
from restanted import START_SECONDS, Log

WHOLE = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<rest>.*)")
RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)")
UNFINISHED = "<unfinished ...>"


@dataclass(frozen=True)
class Call:
    """A system call. `began` and `ended` are places in the one sequence of all processes."""

    pid: int
    name: str
    text: str  # arguments and result, with paths of descriptors
    began: int
    ended: int

    def descriptor(self):
        """The path or kind of the first descriptor: "3</a/b>, ..." -> "/a/b"."""
        match = re.match(r"\w+<([^>]*)>", self.text)
        return match[1] if match else ""


class Trace:
    """`with Trace(pids, ...) as trace:` traces them; afterwards trace.calls tells, ordered by
    their ends. Skips the test where the system does not let us trace."""

    def __init__(self, pids, *options):
        self.pids = pids
        # A call that fails on purpose is not made. What strace makes instead must be one that the
        # sandbox of every role allows: its default, number -1, is none.
        self.options = [
            option + ":syscall=getpid" if option.startswith("inject=") else option
            for option in options
        ]
        self.calls = []

    def __enter__(self):
        self.output = tempfile.NamedTemporaryFile("r", prefix="restante-strace-")
        command = ["strace", "-f", "-y", "-s", "128", "-o", self.output.name, *self.options]
        for pid in self.pids:
            command += ["-p", str(pid)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE)
        self.log = Log(self.process.stderr)
        for pid in self.pids:
            if "attached" not in (self.log.wait(rf"Process {pid} attached|ptrace") or ""):
                self.process.terminate()
                self.process.wait(START_SECONDS)
                pytest.skip("strace may not attach to a process here: " + self.log.text())
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)  # detaches; what it traced goes on
        self.process.wait(START_SECONDS)
        self.log.thread.join(5.0)
        self.calls = list(parse(self.output.read().splitlines()))
        self.output.close()

    def named(self, *names):
        return [call for call in self.calls if call.name in names]


def parse(lines):
    """Calls in the order of their ends; interrupted lines are joined again. What never
    returned was not done, and what began before we attached is not told."""
    open_calls = {}
    for place, line in enumerate(lines):
        if match := RESUMED.match(line):
            key = (match["pid"], match["name"])
            if key in open_calls:
                began, text = open_calls.pop(key)
                yield Call(int(match["pid"]), match["name"], text + match["rest"], began, place)
        elif match := WHOLE.match(line):
            pid, name, text = match["pid"], match["name"], match["rest"]
            if text.endswith(UNFINISHED):
                open_calls[pid, name] = (place, text.removesuffix(UNFINISHED))
            else:
                yield Call(int(pid), name, text, place, place)
