"""A directory of a test's own: slapd in a temporary folder, on loopback."""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from restanted import STORE_UID, Log, free_port, wait_for_end

SCHEMAS = ["core", "cosine", "inetorgperson", "nis"]
BASE = "dc=example,dc=org"
READER = f"cn=reader,{BASE}"
READER_PASSWORD = "may read"

# The modules are where Debian has them; a slapd with its database built in needs none.
CONFIGURATION = """
{schemas}
pidfile {folder}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
{tls}
# As many directories are set up: an empty password is then a bind as nobody, which succeeds.
allow bind_anon_cred bind_anon_dn
database mdb
suffix "{base}"
directory {folder}/data
maxsize 10485760
access to attrs=userPassword by dn.exact="{reader}" read by anonymous auth by * none
access to * by * read
"""

TOP = f"""dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {READER_PASSWORD}
"""


def person(name, *passwords, **attributes):
    attributes = {"homeDirectory": f"/nonexistent/{name}", **attributes}
    lines = [
        f"dn: uid={name},{BASE}",
        *[f"objectClass: {kind}" for kind in ("inetOrgPerson", "posixAccount")],
        *[f"{kind}: {name}" for kind in ("uid", "cn", "sn")],
        f"uidNumber: {STORE_UID}",
        f"gidNumber: {STORE_UID}",
        *[f"{kind}: {value}" for kind, value in attributes.items()],
        *[f"userPassword: {password}" for password in passwords],
    ]
    return "\n".join(lines) + "\n"


class Directory:
    """`certificate`: it speaks TLS as well, at once on `tls_port` and by StartTLS."""

    def __init__(self, people, certificate=None):
        self.folder = Path(tempfile.mkdtemp(prefix="restante-slapd-"))
        (self.folder / "data").mkdir()
        self.configuration = self.folder / "slapd.conf"
        tls = ""
        if certificate:
            tls = (
                f"TLSCertificateFile {certificate.certificate}\n"
                f"TLSCertificateKeyFile {certificate.key}\n"
            )
        self.configuration.write_text(
            CONFIGURATION.format(
                schemas="\n".join(f"include /etc/ldap/schema/{name}.schema" for name in SCHEMAS),
                folder=self.folder, base=BASE, reader=READER, tls=tls,
            )
        )
        ldif = self.folder / "people.ldif"
        ldif.write_text("\n".join([TOP, *people]))
        subprocess.run(
            ["slapadd", "-q", "-f", self.configuration, "-l", ldif],
            check=True, capture_output=True, env={"PATH": "/usr/sbin:/usr/bin"},
        )
        self.port, self.tls_port = free_port(), free_port() if certificate else None
        self.process = None

    @property
    def url(self):
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self):
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def start(self):
        urls = self.url + (f" {self.tls_url}" if self.tls_port else "")
        self.process = subprocess.Popen(
            ["/usr/sbin/slapd", "-h", urls, "-f", self.configuration, "-d", "stats"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        self.log = Log(self.process.stderr)
        assert self.log.wait("slapd starting"), self.log.text()
        self.wait_for_port()  # it says so a moment before it listens
        return self

    def wait_for_port(self):
        deadline = time.monotonic() + 10.0
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), 10.0).close()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, self.log.text()

    def stop(self):
        if self.process:
            self.process.terminate()
            assert wait_for_end(self.process.pid), "slapd does not end"
            self.process.wait()
        self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)
