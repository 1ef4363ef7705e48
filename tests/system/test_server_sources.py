"""Directories and databases as sources of users: real ones, asked by the real helpers."""

import base64
import contextlib
import os
import signal
import socket
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

import database
import pytest
from certificates import Authority
from database import OWNER_PASSWORD, Postgres, Sqlite, fill
from directory import BASE, READER, READER_PASSWORD, Directory, person
from restanted import AS_ROOT, AUTH_UID, HASHES, STORE_UID, free_port, wait_for_end
from test_server_sasl import SCRAM_PENCIL, Scram, offered

QUERY = "SELECT password, uid, gid, home, label, enabled FROM users WHERE name = $1"
SYS_TEMP = b"-ERR [SYS/TEMP]"
AUTH = b"-ERR [AUTH]"
INJECTIONS = [b"x' OR '1'='1", b"*", b")(uid=*", b"dan'--", b"d*n", b"dan)(|(uid=*", b"\xff\xfe", b"%u"]


def login(server, name, password):
    """The answer to PLAIN, which any octets can be sent by."""
    with server.connect() as client:
        message = base64.b64encode(b"\0" + name + b"\0" + password)
        return client.command(b"AUTH PLAIN " + message)


def works(server, name=b"dan", password=b"dan's own"):
    return login(server, name, password).startswith(b"+OK")


def wait_until_works(server, name=b"dan", password=b"dan's own", seconds=20.0):
    """Each try waits for the server's answer."""
    deadline = time.monotonic() + seconds
    while not works(server, name, password):
        assert time.monotonic() < deadline, server.log.text()


def secret_file(server, text, name="secret"):
    path = server.folder / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    if AS_ROOT:
        os.chown(path, AUTH_UID, AUTH_UID)
    return path


def section(kind, **options):
    lines = "".join(
        f'    {name.replace("_", "-")} = "{value}"\n' for name, value in options.items()
    )
    return f'auth "{kind}" {{\n{lines}}}\n'


@pytest.fixture(scope="module")
def databases():
    """Made when first asked for, as PostgreSQL takes its time."""
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = {"sqlite": Sqlite, "postgres": Postgres}[kind]()
            if kind == "postgres":
                made[kind].start().run(database.TABLE.format("text", "boolean"))
            fill(made[kind], ROWS)
        return made[kind]

    yield get
    for each in made.values():
        each.remove()


IDS = {"uid": STORE_UID, "gid": STORE_UID}
ROWS = [
    {"name": "dan", "password": "{PLAIN}dan's own", **IDS},
    {"name": "eli", "password": "{PLAIN}pass", "enabled": "f"},
    {"name": "fay", "password": HASHES["secret"], "enabled": "t"},
    {"name": "fay", "password": "{PLAIN}of the phone", "label": "phone"},
    {"name": "fay", "password": "{PLAIN}of the desk", "label": 'de"sk'},
    {"name": "gus", "password": SCRAM_PENCIL},
    {"name": "hal", "password": None},
    {"name": "ivo", "password": "forgotten scheme"},
    {"name": "ann", "password": "{PLAIN}of the database"},
    {"name": "o'hara", "password": "{PLAIN}x"},
]
SQL_USERS = sorted({row["name"] for row in ROWS})


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request):
    return request.param


@pytest.fixture
def sql(databases, kind):
    return databases(kind)


def sql_section(server, sql, title="sql", **options):
    options = {"url": sql.url, "query": QUERY, **options}
    if isinstance(sql, Postgres):
        options.setdefault("password_file", secret_file(server, OWNER_PASSWORD))
    return section(title, **options)


@pytest.fixture
def sql_server(make_server, sql):
    server = make_server()
    server.extra = sql_section(server, sql)
    for name in SQL_USERS:
        server.maildir(name)
    return server.start()


# Databases


def test_sql_right_wrong_unknown(sql_server):
    assert works(sql_server)
    assert works(sql_server, b"o'hara", b"x")
    for name, password in [(b"dan", b"wrong"), (b"dan", b"{PLAIN}dan's own"), (b"zoe", b"dan's own"), (b"hal", b"x")]:
        assert login(sql_server, name, password).startswith(AUTH), name
    assert sql_server.log.wait('user="dan" .*reason=wrong-password')
    assert sql_server.log.wait('user="zoe" .*reason=unknown-user')


def test_sql_empty_password_is_wrong(sql_server):
    for name in (b"dan", b"hal"):
        with sql_server.connect() as client:
            client.ok(b"USER " + name)
            assert client.command(b"PASS ").startswith(b"-ERR")
        assert login(sql_server, name, b"").startswith(b"-ERR")


def test_sql_names_are_never_sql(sql_server):
    for name in INJECTIONS:
        assert login(sql_server, name, b"dan's own").startswith(AUTH), name
    assert works(sql_server)


def test_sql_disabled_user(sql_server):
    assert login(sql_server, b"eli", b"pass").startswith(b"-ERR")
    assert login(sql_server, b"eli", b"wrong").startswith(AUTH)
    assert sql_server.log.wait('user="eli" .*disabled')


def test_sql_passwords_of_programs_have_labels_in_the_log(sql_server):
    assert works(sql_server, b"fay", b"secret")
    assert works(sql_server, b"fay", b"of the phone")
    assert works(sql_server, b"fay", b"of the desk")
    assert not works(sql_server, b"fay", b"phone")
    assert sql_server.log.wait('application password: user="fay" label="phone"')
    assert sql_server.log.wait(r'label="de\\x22sk"')


def test_sql_unusable_password_is_said_without_it(sql_server):
    assert login(sql_server, b"ivo", b"forgotten scheme").startswith(AUTH)
    assert sql_server.log.wait("user ivo: .*password")
    assert "forgotten" not in sql_server.log.text()


def test_sql_first_source_decides(sql_server):
    """ann is in the passwd-file, which comes first."""
    assert works(sql_server, b"ann", b"secret")
    assert login(sql_server, b"ann", b"of the database").startswith(AUTH)


def test_sql_scram(make_server, sql):
    server = make_server(mechanisms="SCRAM-SHA-256 PLAIN")
    server.extra = sql_section(server, sql)
    for name in ("dan", "gus"):
        server.maildir(name)
    server.start()
    for name, password in [(b"dan", b"dan's own"), (b"gus", b"pencil")]:
        for word in (password, b"wrong"):
            with server.connect() as client:
                assert "SCRAM-SHA-256" in offered(client)
                scram = Scram(client, name, word)
                answer = scram.finish(scram.begin())
                if word is password:
                    assert base64.b64decode(answer[2:]) == b"v=" + base64.b64encode(scram.expected)
                    assert client.command(b"").startswith(b"+OK")
                else:
                    assert answer.startswith(AUTH)


def test_sql_away_and_back(sql_server, sql):
    assert works(sql_server)
    sql.stop()
    try:
        assert login(sql_server, b"dan", b"dan's own").startswith(SYS_TEMP)
        assert login(sql_server, b"nobody", b"x").startswith(SYS_TEMP)
        assert works(sql_server, b"ann", b"secret")
    finally:
        sql.start()
    # Also by connections that were kept: each thread has one.
    for _ in range(8):
        assert works(sql_server)
    assert OWNER_PASSWORD not in sql_server.log.text()


def test_sql_restarted_between_two_logins(sql_server, sql):
    for _ in range(8):
        assert works(sql_server)
    sql.stop()
    sql.start()
    for _ in range(8):
        assert works(sql_server)


def test_sql_what_is_no_query_is_said(make_server, sql):
    server = make_server()
    server.extra = sql_section(server, sql, query="SELECT pasword FROM users WHERE name = $1")
    server.start()
    assert login(server, b"dan", b"x").startswith(SYS_TEMP)
    assert server.log.wait("pasword")


def test_sql_column_that_is_not_known_is_named(make_server, sql):
    server = make_server()
    server.extra = sql_section(server, sql, query="SELECT password, 1 AS shoe FROM users WHERE name = $1")
    server.start()
    assert login(server, b"dan", b"dan's own").startswith(AUTH)
    assert server.log.wait("user dan: .*'shoe'")


def test_sql_parts_of_the_name(make_server, sql):
    server = make_server()
    server.extra = sql_section(
        server, sql,
        query="SELECT password, name, uid FROM users WHERE name = $2 AND $3 = 'example.org'",
    )
    server.maildir("dan")
    server.start()
    assert works(server, b"dan@example.org")
    assert server.log.wait("user dan from")  # whose name is the column's
    for name in (b"dan", b"dan@example.com", b"dan@x@example.org"):
        assert login(server, name, b"dan's own").startswith(AUTH)


def test_postgres_password_may_stand_in_the_url_and_is_never_shown(make_server, databases):
    postgres = databases("postgres")
    quoted = "tellnobody"
    server = make_server(
        extra=section("sql", url=postgres.url.replace("@", f":{quoted}@", 1), query=QUERY)
    )
    server.start()
    assert login(server, b"dan", b"dan's own").startswith(SYS_TEMP)
    assert server.log.wait("password authentication failed")
    assert quoted not in server.log.text()


def test_postgres_name_that_its_encoding_has_not(make_server, databases):
    """It is nobody's, and no fault."""
    postgres = databases("postgres")
    postgres.run("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    server = make_server()
    server.extra = sql_section(
        server, postgres, url=postgres.url.removesuffix("postgres") + "latin",
        query="SELECT '{PLAIN}x' AS password WHERE $1 = chr(252)",
    )
    server.maildir("ü")
    server.start()
    assert works(server, "ü".encode(), b"x")
    assert login(server, "ł".encode(), b"x").startswith(AUTH)


def test_sqlite_locked_by_a_writer_is_waited_for(make_server, databases):
    sqlite = databases("sqlite")
    server = make_server()
    server.extra = sql_section(server, sqlite)
    server.maildir("dan")
    server.start()
    with sqlite.locked():
        answers = []
        thread = threading.Thread(target=lambda: answers.append(login(server, b"dan", b"dan's own")))
        thread.start()
        thread.join(1.0)  # it waits as long as the writer does
        assert not answers
    thread.join(10.0)
    assert answers[0].startswith(b"+OK")


def test_sqlite_in_wal_mode_is_read_beside_its_writer(make_server):
    sqlite = Sqlite()
    try:
        fill(sqlite, ROWS[:1])
        writer = sqlite3.connect(sqlite.path, isolation_level=None)
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE users SET password = '{PLAIN}new'")
        server = make_server()
        server.extra = sql_section(server, sqlite)
        server.maildir("dan")
        server.start()
        assert works(server, b"dan", b"new")
        writer.execute("UPDATE users SET password = '{PLAIN}newer'")
        assert works(server, b"dan", b"newer")
        writer.close()
    finally:
        sqlite.remove()


# Directories

CRYPT = "{CRYPT}" + HASHES["secret"]
PEOPLE = [
    person("dan", "dan's own"),
    person("ann", "of the directory"),
    person("eve2", CRYPT, "{CLEARTEXT}of the phone", "{MAGIC}unknown"),
    person("raw", "readable"),
    person("odd", "{MAGIC}unknown"),
    person("hashed", HASHES["secret"]),
    person("locked", "!"),
    person("none"),
    person("twin1", "x", mail="twin@example.org"),
    person("twin2", "x", mail="twin@example.org"),
    *[person(f"many{number}", "x", mail="many@example.org") for number in range(3)],
]
LDAP_USERS = ["dan", "ann", "eve2", "raw", "odd", "hashed", "locked", "none"]
EITHER = "(&(objectClass=posixAccount)(|(uid=%u)(mail=%u)))"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def home():
    """A home folder with one message."""
    with tempfile.TemporaryDirectory(prefix="restante-home-") as folder:
        os.chmod(folder, 0o711)
        maildir = Path(folder) / "Maildir"
        for path in (maildir, maildir / "tmp", maildir / "new", maildir / "cur"):
            path.mkdir()
        (maildir / "new" / "1600000000.M1P1Q1.host").write_bytes(b"Subject: a\n\n")
        if AS_ROOT:
            for path in (maildir, *maildir.rglob("*")):
                os.chown(path, STORE_UID, STORE_UID)
        yield folder


@pytest.fixture(scope="module")
def people(certificates, home):
    homer = person("homer", "at home", homeDirectory=home)
    made = Directory([*PEOPLE, homer], certificates.issue("127.0.0.1"))
    yield made.start()
    made.remove()


def ldap_section(server, people, title="ldap", searcher=True, **options):
    options = {"url": people.url, "base": BASE, **options}
    if searcher:
        options |= {"bind_dn": READER, "password_file": secret_file(server, READER_PASSWORD)}
    return section(title, **options)


@pytest.fixture
def make_ldap_server(make_server, people):
    def make(**options):
        server = make_server()
        server.extra = ldap_section(server, people, **options)
        for name in LDAP_USERS:
            server.maildir(name)
        return server.start()

    return make


@pytest.fixture(params=["bind", "compare"])
def check(request):
    return request.param


def test_ldap_right_wrong_unknown(make_ldap_server, check):
    password = {"bind": b"dan's own", "compare": b"of the phone"}[check]
    name = {"bind": b"dan", "compare": b"eve2"}[check]
    server = make_ldap_server(check=check)
    for _ in range(6):  # each thread's connections are used again
        assert works(server, name, password)
        assert login(server, name, b"wrong").startswith(AUTH)
    for other in (b"zoe", b"none", READER.encode()):
        assert login(server, other, password).startswith(AUTH)
    assert server.log.wait('user="zoe" .*reason=unknown-user')
    assert works(server, b"ann", b"secret")  # the passwd-file's, which comes first
    assert login(server, b"ann", b"of the directory").startswith(AUTH)


def test_ldap_without_a_searcher(make_ldap_server):
    server = make_ldap_server(searcher=False)
    assert works(server)
    assert login(server, b"dan", b"wrong").startswith(AUTH)


def test_ldap_bind_as_the_user(make_server, people):
    server = make_server()
    server.extra = section("ldap", url=people.url, bind_dn=f"uid=%n,{BASE}")
    for name in ("dan", "dan@example.org"):
        server.maildir(name)
    server.start()
    for name in (b"dan", b"dan@example.org"):
        assert works(server, name)
        assert login(server, name, b"wrong").startswith(AUTH)
    for name in [b"zoe", f"dan,{BASE}+cn=x".encode(), b"dan+cn=dan", *INJECTIONS]:
        assert login(server, name, b"dan's own").startswith(AUTH), name


@pytest.mark.parametrize("personal", [False, True])
def test_ldap_empty_password_is_wrong(make_server, people, personal):
    """And slapd is not asked, though it would say yes."""
    server = make_server()
    if personal:
        server.extra = section("ldap", url=people.url, bind_dn=f"uid=%u,{BASE}")
    else:
        server.extra = ldap_section(server, people)
    server.maildir("dan")
    server.start()
    before = people.log.text().count(f'BIND dn="uid=dan,{BASE}"')
    with server.connect() as client:
        client.ok(b"USER dan")
        assert client.command(b"PASS ").startswith(b"-ERR")
    with server.connect() as client:
        client.ok(b"USER dan")
        assert client.command(b"PASS").startswith(b"-ERR")
    assert login(server, b"dan", b"").startswith(b"-ERR")
    assert people.log.text().count(f'BIND dn="uid=dan,{BASE}"') == before
    assert works(server)


def test_ldap_names_are_never_filters(make_ldap_server, check):
    server = make_ldap_server(check=check, filter=EITHER)
    for name in INJECTIONS:
        assert login(server, name, b"dan's own").startswith(AUTH), name


def test_ldap_two_entries_are_nobody(make_ldap_server, check):
    server = make_ldap_server(check=check, filter=EITHER)
    for name in ("twin@example.org", "many@example.org"):
        assert login(server, name.encode(), b"x").startswith(AUTH)
        assert server.log.wait(f"user {name}: .*more than one")


def test_ldap_compare_takes_what_it_knows(make_ldap_server):
    server = make_ldap_server(check="compare")
    assert works(server, b"eve2", b"secret")
    assert works(server, b"eve2", b"of the phone")
    assert server.log.wait('application password: user="eve2"')
    assert works(server, b"raw", b"readable")
    wrong = [(b"eve2", b"unknown"), (b"eve2", b"{MAGIC}unknown"), (b"odd", b"unknown"),
             (b"odd", b"{MAGIC}unknown"), (b"hashed", HASHES["secret"].encode()), (b"locked", b"!"), (b"none", b"x")]
    for name, password in wrong:
        assert login(server, name, password).startswith(AUTH), name
    assert server.log.wait("user odd: .*scheme")
    assert server.log.wait("user none: .*userPassword")
    assert "MAGIC" not in server.log.text()


@pytest.mark.parametrize("way", ["ldaps", "start-tls"])
def test_ldap_tls_is_verified(make_server, people, certificates, way):
    options = {"url": people.tls_url} if way == "ldaps" else {"url": people.url, "start_tls": "yes"}
    for trusted in (True, False):
        server = make_server()
        root = server.folder / "root.crt"
        root.write_bytes(certificates.root.read_bytes())
        if trusted:
            options["ca"] = root
        else:
            options.pop("ca")
        server.extra = ldap_section(server, people, **options)
        server.maildir("dan")
        server.start()
        answer = login(server, b"dan", b"dan's own")
        assert answer.startswith(b"+OK" if trusted else SYS_TEMP), server.log.text()


def test_ldap_wrong_searcher_is_nobodys_fault(make_server, people):
    server = make_server()
    server.extra = section(
        "ldap", url=people.url, base=BASE, bind_dn=READER,
        password_file=secret_file(server, "wrong"),
    )
    server.start()
    assert login(server, b"dan", b"dan's own").startswith(SYS_TEMP)
    assert server.log.wait("ldap: bind-dn: ")


def test_ldap_restarted_between_two_logins(make_ldap_server, people, check):
    name, password = (b"dan", b"dan's own") if check == "bind" else (b"raw", b"readable")
    server = make_ldap_server(check=check)
    for _ in range(8):
        assert works(server, name, password)
    people.stop()
    try:
        assert login(server, name, password).startswith(SYS_TEMP)
        assert login(server, b"nobody", password).startswith(SYS_TEMP)
        assert works(server, b"ann", b"secret")
    finally:
        people.start()
    for _ in range(8):
        assert works(server, name, password)
    people.stop()
    people.start()
    for _ in range(8):
        assert works(server, name, password)


# Whatever is asked


class Silent:
    """Takes connections, reads what comes, and says at most `words`."""

    def __init__(self, words=b""):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.words, self.taken = words, []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                taken, _ = self.listener.accept()
            except OSError:
                return
            self.taken.append(taken)
            if self.words:
                taken.sendall(self.words)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for taken in self.taken:
            taken.close()


def postgres_at(server, port):
    return section("sql", url=f"postgresql://x@127.0.0.1:{port}/x", query=QUERY)


def ldap_at(server, port):
    return section("ldap", url=f"ldap://127.0.0.1:{port}", base=BASE)


def ldaps_at(server, port):
    return section("ldap", url=f"ldaps://127.0.0.1:{port}", base=BASE)


def start_tls_at(server, port):
    return section("ldap", url=f"ldap://127.0.0.1:{port}", base=BASE, start_tls="yes")


def personal_at(server, port):
    return section("ldap", url=f"ldap://127.0.0.1:{port}", bind_dn=f"uid=%u,{BASE}")


# What each begins with and does not end: an LDAP message of 1000 octets, "authentication needed",
# a TLS record; and what none of them says.
HALF_MESSAGE = b"\x30\x82\x03\xe8\x02\x01\x01"
HALF_NEED = b"R\x00\x00\x00\x08\x00"
HALF_RECORD = b"\x16\x03\x03\x10\x00\x02"
HTTP = b"HTTP/1.0 400 Bad Request\r\n\r\n"
# "Yes, go on with TLS", the first answer of a directory.
START_TLS = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"

SILENCES = [
    (postgres_at, b""), (postgres_at, HALF_NEED), (postgres_at, HTTP),
    (ldap_at, b""), (ldap_at, HALF_MESSAGE), (ldap_at, HTTP), (personal_at, b""),
    (ldaps_at, b""), (ldaps_at, HALF_RECORD), (ldaps_at, HTTP),
    (start_tls_at, b""), (start_tls_at, START_TLS), (start_tls_at, START_TLS + HALF_RECORD),
]


def test_silence_ends_and_holds_up_nobody_else(make_server):
    """All at the same time, as each lasts as long as it may."""
    with contextlib.ExitStack() as stack:
        waiting = []
        for section_at, words in SILENCES:
            silent = stack.enter_context(Silent(words))
            server = make_server()
            server.extra = section_at(server, silent.port)
            server.maildir("ann")
            server.start()
            start = time.monotonic()
            for _ in range(3):
                client = stack.enter_context(server.connect(timeout=20.0))
                client.ok(b"USER dan")
                client.send(b"PASS x\r\n")
                waiting.append((client, start, section_at, words))
            assert works(server, b"ann", b"secret")
            assert time.monotonic() - start < 3.0
        for client, start, section_at, words in waiting:
            assert client.line().startswith(SYS_TEMP), (section_at, words)
            assert time.monotonic() - start < 20.0


def test_silence_ends_when_it_should(make_server):
    with Silent() as silent:
        server = make_server()
        server.extra = ldaps_at(server, silent.port)
        server.start()
        with server.connect(timeout=20.0) as client:
            client.ok(b"USER dan")
            start = time.monotonic()
            assert client.command(b"PASS x").startswith(SYS_TEMP)
            assert 9.0 < time.monotonic() - start < 12.0
        assert server.log.wait("did not answer within 10 seconds")


@pytest.mark.parametrize("role", ["sql", "ldap"])
def test_killed_helper_comes_back(make_server, databases, people, role):
    server = make_server()
    server.extra = {
        "sql": lambda: sql_section(server, databases("sqlite")),
        "ldap": lambda: ldap_section(server, people),
    }[role]()
    server.maildir("dan")
    server.maildir("ann")
    server.start()
    assert works(server)
    [helper] = server.roles()[role]
    os.kill(helper, signal.SIGKILL)
    assert wait_for_end(helper)
    wait_until_works(server)
    assert server.roles()[role] != [helper]
    assert works(server, b"ann", b"secret")


def test_chain_first_that_knows_decides(make_server, databases, people):
    server = make_server()
    server.extra = sql_section(server, databases("sqlite")) + ldap_section(server, people)
    for name in ("dan", "raw"):
        server.maildir(name)
    server.start()
    before = people.log.text().count("SRCH")
    assert login(server, b"eli", b"pass").startswith(b"-ERR")  # switched off in the first
    assert login(server, b"dan", b"wrong").startswith(AUTH)
    assert works(server)
    assert people.log.text().count("SRCH") == before  # the second was not asked
    assert works(server, b"raw", b"readable")  # which knows this one alone
    assert people.log.wait(r"uid=raw")
    assert login(server, b"zoe", b"x").startswith(AUTH)


def test_chain_stops_at_a_source_that_is_away(make_server, people):
    server = make_server()
    server.extra = postgres_at(server, free_port()) + ldap_section(server, people)
    server.maildir("dan")
    server.start()
    before = people.log.text().count("SRCH")
    assert login(server, b"dan", b"dan's own").startswith(SYS_TEMP)
    assert people.log.text().count("SRCH") == before
    assert server.log.wait("sql: cannot connect")


@pytest.mark.parametrize("source", ["sqlite", "bind", "compare", "personal"])
def test_home_comes_from_the_source(make_server, databases, people, home, source):
    server = make_server()
    server.store = 'path = "%h/Maildir"'
    query = f"SELECT '{{PLAIN}}at home' AS password, '{home}' AS home WHERE $1 = 'homer'"
    server.extra = {
        "sqlite": lambda: sql_section(server, databases("sqlite"), query=query),
        "bind": lambda: ldap_section(server, people),
        "compare": lambda: ldap_section(server, people, check="compare"),
        "personal": lambda: section("ldap", url=people.url, bind_dn=f"uid=%u,{BASE}"),
    }[source]()
    server.start()
    with server.connect() as client:
        client.ok(b"USER homer")
        client.ok(b"PASS at home")
        assert client.command(b"STAT").startswith(b"+OK 1 ")
