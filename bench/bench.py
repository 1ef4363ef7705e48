#!/usr/bin/python3
"""Measures restanted beside Dovecot and prints a table in Markdown; see bench/README.md."""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import maildrops
from maildrops import Profile
from servers import PASSWORD, SERVERS, Failed, Restante, on_cores

REPOSITORY = Path(__file__).resolve().parents[1]
MIB = 1 << 20
# Mixed as in an ordinary inbox: most messages are small, most octets are in the large ones.
SMALL = Profile("small", 32, (1500, 2500, 3000, 4000, 6000, 2000, 9000, 3500, 20000, 5000) * 2)
LARGE = Profile("large", 4, (2 * MIB, 5 * MIB, 3 * MIB, 6 * MIB))
IDLE_SIZES = (1500, 4000)


@dataclass(frozen=True)
class Load:
    """One way to load a server: options of popload."""

    name: str
    title: str
    profile: Profile
    options: tuple


LOADS = (
    Load("login", "login", SMALL, ("--mode", "login", "--connections", "16")),
    Load("session", "session", SMALL, ("--mode", "session", "--connections", "16")),
    Load(
        "pipelined", "session, pipelined", SMALL,
        ("--mode", "session", "--connections", "16", "--pipeline"),
    ),
    Load("large", "large messages", LARGE, ("--mode", "session", "--connections", "4")),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A line of the table: a value of what was measured under one load."""

    load: str
    key: str
    title: str
    better: str


ROWS = (
    Row("login", "sessions_per_second", "login: sessions/s", "more"),
    Row("login", "cpu_ms_per_session", "login: server CPU, ms per session", "less"),
    Row("session", "sessions_per_second", "session: sessions/s", "more"),
    Row("session", "cpu_ms_per_session", "session: server CPU, ms per session", "less"),
    Row("session", "latency_ms_median", "session: latency, median, ms", "less"),
    Row("session", "latency_ms_p99", "session: latency, 99th percentile, ms", "less"),
    Row("pipelined", "sessions_per_second", "session, pipelined: sessions/s", "more"),
    Row("pipelined", "cpu_ms_per_session", "session, pipelined: server CPU, ms per session", "less"),
    Row("large", "megabytes_per_second", "large messages: MB/s", "more"),
    Row("large", "cpu_ms_per_megabyte", "large messages: server CPU, ms per MB", "less"),
    Row("memory", "mib_at_rest", "memory without sessions, MiB", "less"),
    Row("memory", "mib_with_idle", "memory with {idle} idle sessions, MiB", "less"),
    Row("memory", "kib_per_idle", "memory for one idle session, KiB", "less"),
)


def arguments():
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less than a minute, more noise")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes every value there")
    parser.add_argument("--repetitions", type=int, metavar="N")
    parser.add_argument("--seconds", type=float, metavar="N", help="for each measurement")
    parser.add_argument("--idle", type=int, metavar="N", default=200, help="idle sessions (200)")
    parser.add_argument("--cores", type=int, metavar="N", default=1, help="for each server (1)")
    parser.add_argument(
        "--servers", nargs="+", choices=SERVERS, metavar="SERVER",
        help=f"of {', '.join(SERVERS)} (all; with --quick the first two)",
    )  # fmt: skip
    parser.add_argument("--build", type=Path, default=REPOSITORY / "build-bench")
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.repetitions = options.repetitions or (3 if options.quick else 5)
    options.seconds = options.seconds or (1.0 if options.quick else 3.0)
    options.servers = options.servers or list(SERVERS)[: 2 if options.quick else None]
    if min(options.repetitions, options.seconds, options.idle, options.cores) <= 0:
        parser.error("numbers must be positive")
    return options


class Bench:
    """All servers' maildrops below one folder, and the values that were measured."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.idle = Profile("idle", options.idle, IDLE_SIZES)
        self.profiles = (SMALL, LARGE, self.idle)
        self.totals = maildrops.write(folder / "mail", self.profiles)
        self.place()
        self.servers = {name: self.make(name) for name in options.servers}
        self.values = {}  # server -> load -> key -> values, one for each repetition

    def place(self):
        """The servers get cores of their own, the load what is left."""
        cores = sorted(os.sched_getaffinity(0))
        self.server_cores = set(cores[: self.options.cores])
        self.load_cores = set(cores[self.options.cores :]) or set(cores)

    def make(self, name):
        users = [user for profile in self.profiles for user in profile.names()]
        kind = SERVERS[name]
        build = (self.options.build,) if kind is Restante else ()
        return kind(*build, self.folder / name, self.folder / "mail", users, self.server_cores)

    def popload(self, server, profile, *options):
        return [
            self.options.build / "bench" / "popload", "--port", str(server.port),
            "--user", profile.prefix, "--users", str(profile.users), "--password", PASSWORD,
            *options,
        ]  # fmt: skip

    def load(self, server, profile, *options):
        """Runs the load generator; what it counted. Any error spoils the whole comparison."""
        with on_cores(self.load_cores):
            done = subprocess.run(
                self.popload(server, profile, *options), capture_output=True, text=True
            )
        if done.returncode != 0:
            raise Failed(f"load on {server.name}: {done.stderr or done.stdout}\n{server.log()}")
        return json.loads(done.stdout)

    def open_once(self, server):
        """Every maildrop, so that both have their caches; and all octets must come."""
        for profile in self.profiles:
            result = self.load(
                server, profile, "--mode", "session", "--connections", str(min(8, profile.users)),
                "--sessions", str(profile.users),
            )  # fmt: skip
            got = result["messages"], result["octets"]
            if got != self.totals[profile.prefix]:
                raise Failed(f"{server.name} gave {got}, not {self.totals[profile.prefix]}")

    def keep(self, name, load, **values):
        for key, value in values.items():
            self.values.setdefault(name, {}).setdefault(load, {}).setdefault(key, []).append(value)

    def measure(self, name, load):
        server = self.servers[name]
        before = server.cpu_seconds()
        milliseconds = str(max(int(self.options.seconds * 1000), 1))
        result = self.load(server, load.profile, *load.options, "--milliseconds", milliseconds)
        cpu_ms = (server.cpu_seconds() - before) * 1000
        megabytes = result["octets"] / 1e6
        self.keep(
            name, load.name,
            sessions_per_second=result["sessions"] / result["seconds"],
            cpu_ms_per_session=cpu_ms / result["sessions"],
            latency_ms_median=result["latency_ms_median"],
            latency_ms_p99=result["latency_ms_p99"],
            load_share=result["cpu_seconds"] / result["seconds"],
        )  # fmt: skip
        if megabytes:
            self.keep(
                name, load.name,
                megabytes_per_second=megabytes / result["seconds"],
                cpu_ms_per_megabyte=cpu_ms / megabytes,
            )  # fmt: skip

    def measure_loads(self):
        """All servers run, one works at a time; within a repetition they take turns."""
        with ExitStack() as stack:
            for server in self.servers.values():
                say(f"starting {server.name}, opening every maildrop once")
                stack.callback(server.stop)
                server.start()
                self.open_once(server)
            for repetition in range(self.options.repetitions):
                say(f"repetition {repetition + 1} of {self.options.repetitions}")
                for load in LOADS:
                    for name in self.servers:
                        self.measure(name, load)

    def measure_memory(self):
        """One server at a time, freshly started: pages shared with another server would be
        charged to both by halves."""
        for name, server in self.servers.items():
            say(f"memory of {server.name}")
            try:
                server.start()
                self.measure_idle(name, server)
            finally:
                server.stop()

    def measure_idle(self, name, server):
        at_rest = server.memory_kib()
        command = self.popload(
            server, self.idle, "--mode", "idle", "--connections", str(self.idle.users)
        )
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as holder:
            held = json.loads(holder.stdout.readline() or "{}").get("sessions")
            with_idle = server.memory_kib()
            holder.stdin.close()
            complaint = holder.stderr.read()
        if held != self.idle.users or holder.returncode != 0:
            raise Failed(f"{server.name} held {held} sessions: {complaint}\n{server.log()}")
        if at_rest is not None and with_idle is not None:
            self.keep(
                name, "memory",
                mib_at_rest=at_rest / 1024,
                mib_with_idle=with_idle / 1024,
                kib_per_idle=(with_idle - at_rest) / self.idle.users,
            )  # fmt: skip

    # What it comes to

    def median(self, name, row):
        values = self.values.get(name, {}).get(row.load, {}).get(row.key)
        return statistics.median(values) if values else None

    def ratio(self, name, row):
        ours, theirs = self.median("restante", row), self.median(name, row)
        return ours / theirs if ours is not None and theirs else None

    def others(self):
        return [name for name in self.servers if name != "restante" and "restante" in self.servers]

    def table(self):
        names = [server.name for server in self.servers.values()]
        ratios = [f"restante : {self.servers[name].name}" for name in self.others()]
        lines = [
            cells(["", "better", *names, *ratios]),
            "|---|---|" + "--:|" * (len(names) + len(ratios)),
        ]
        for row in ROWS:
            values = [shown(self.median(name, row)) for name in self.servers]
            values += [shown(self.ratio(name, row)) for name in self.others()]
            lines.append(cells([row.title.format(idle=self.idle.users), row.better, *values]))
        return "\n".join(lines)

    def spread(self):
        """The widest of the rates between repetitions, as a part of its median."""
        worst = 0.0
        for loads in self.values.values():
            for load in loads.values():
                rates = load.get("sessions_per_second", [1])
                worst = max(worst, (max(rates) - min(rates)) / statistics.median(rates))
        return worst

    def busy_loads(self):
        """Where the load generator, not the server, may have been the limit."""
        return [
            f"{self.servers[name].name} / {load.title}"
            for name, loads in self.values.items()
            for load in LOADS
            if statistics.median(loads[load.name]["load_share"]) > 0.9
        ]


def cells(values):
    return "| " + " | ".join(values) + " |"


def shown(value):
    if value is None:
        return "-"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3
    return f"{value:.{digits}f}"


def say(text):
    print(f"{time.monotonic() - BEGIN:5.0f} s  {text}", file=sys.stderr, flush=True)


def field(path, key, default="unknown"):
    """The value of the first `key: value` or key=value of a file."""
    for line in Path(path).read_text().splitlines():
        name, _, value = line.replace("=", ":", 1).partition(":")
        if name.strip() == key:
            return value.strip().strip('"')
    return default


def build_type(build):
    try:
        listed = json.loads((build / "meson-info" / "intro-buildoptions.json").read_text())
        return next(option["value"] for option in listed if option["name"] == "buildtype")
    except (OSError, StopIteration):
        return "unknown"


def machine(bench):
    return {
        "cpu": field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "kernel": os.uname().release,
        "system": field("/etc/os-release", "PRETTY_NAME"),
        "build": build_type(bench.options.build),
        "load_average": os.getloadavg()[0],
        "versions": {name: server.version() for name, server in bench.servers.items()},
    }


def report(bench, facts):
    options = bench.options
    alone = bench.server_cores.isdisjoint(bench.load_cores)
    versions = [f"{bench.servers[name].name}: {text}" for name, text in facts["versions"].items()]
    notes = [
        f"{facts['cpu']}, {facts['cores']} cores; Linux {facts['kernel']}, {facts['system']}.",
        f"{'; '.join(versions)}; restante's build type: {facts['build']}.",
        f"Each server on {len(bench.server_cores)} core(s), the load "
        + ("on others." if alone else "on the SAME ones: there are no others."),
        f"Medians of {options.repetitions} repetitions of {options.seconds:g} s; the rates of one row"
        f" differ by up to {bench.spread():.0%}; load average at the end {facts['load_average']:.1f}.",
        "Plain text on loopback. Passwords are {PLAIN} for all: no hashing is measured.",
    ]
    notes += [f"The load generator was at its limit: {case}." for case in bench.busy_loads()]
    return bench.table() + "\n\n" + "\n".join(f"- {note}" for note in notes)


def write_json(bench, facts):
    ratios = {
        name: {f"{row.load}.{row.key}": bench.ratio(name, row) for row in ROWS}
        for name in bench.others()
    }
    whole = {
        "machine": facts,
        "repetitions": bench.options.repetitions,
        "seconds": bench.options.seconds,
        "idle": bench.idle.users,
        "values": bench.values,
        "restante_ratio_to": ratios,
    }
    bench.options.json.write_text(json.dumps(whole, indent=2) + "\n")


def main():
    options = arguments()
    # The servers and their folder must not outlive an interrupted run.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="restante-bench-"))
    try:
        folder.chmod(0o755)  # the servers' users must get through
        bench = Bench(options, folder)
        bench.measure_loads()
        bench.measure_memory()
        facts = machine(bench)
        print(report(bench, facts))
        if options.json:
            write_json(bench, facts)
    except Failed as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


BEGIN = time.monotonic()
main()
