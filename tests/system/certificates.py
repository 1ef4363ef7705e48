"""Certificates for tests, made by the openssl command: a root of our own and what it signs."""

import base64
import hashlib
import ipaddress
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

KINDS = {
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "rsa": ["-newkey", "rsa:2048"],
    "ed25519": ["-newkey", "ed25519"],
}


@dataclass(frozen=True)
class Certificate:
    certificate: Path  # the server's own and the one above it
    key: Path
    root: Path

    def client(self, **options):
        """A client's context that trusts the root, and nothing else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.root)
        for name, value in options.items():
            setattr(context, name, value)
        return context


    def presented_to(self, server, **options):
        """A context that trusts the server's root and shows this certificate."""
        context = server.client(**options)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def server(self, version=None):
        """A server's context; `version`: speaks that one only, however old it is."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if version is not None and version < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("ALL:@SECLEVEL=0")
        if version is not None:
            context.minimum_version = context.maximum_version = version
        context.load_cert_chain(self.certificate, self.key)
        return context

    def digest(self):
        """SHA-256 of the public key."""
        pem = openssl("x509", "-in", self.certificate, "-noout", "-pubkey")
        return hashlib.sha256(openssl("pkey", "-pubin", "-outform", "der", input=pem)).digest()

    def pin(self):
        return "sha256//" + base64.b64encode(self.digest()).decode()


def openssl(*arguments, **options):
    return subprocess.run(
        ["openssl", *arguments], check=True, capture_output=True, **options
    ).stdout


def alternative(name):
    if "@" in name:
        return f"email:{name}"
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


# `openssl ca` is what sets dates as one likes, and revokes.
CA_CONFIGURATION = """
[ca]
default_ca = this
[this]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir
certificate = $dir/root.crt
private_key = $dir/root.key
default_md = sha256
default_crl_days = 30
rand_serial = yes
policy = anything
unique_subject = no
[anything]
commonName = supplied
"""


class Authority:
    """Signs certificates; its files lie in `folder`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.root = self.folder / "root.crt"
        self.root_key = self.folder / "root.key"
        openssl(
            "req", "-x509", "-nodes", *KINDS["ec"], "-days", "3650", "-subj", "/CN=Test Root",
            "-keyout", self.root_key, "-out", self.root,
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )

        (self.folder / "index.txt").touch()
        self.configuration = self.folder / "ca.cnf"
        self.configuration.write_text(CA_CONFIGURATION.format(folder=self.folder))

    def issue(
        self, name, *names, kind="ec", days=90, label=None, dates=None, purpose="serverAuth"
    ):
        """A certificate for these DNS names and addresses. `dates`: from and until, as
        20400131235959Z, instead of `days` from now on."""
        label = label or f"{name}-{kind}".replace("*", "star")
        base = self.folder / label
        request, extensions = base.with_suffix(".csr"), base.with_suffix(".ext")
        key, certificate = base.with_suffix(".key"), base.with_suffix(".crt")
        openssl(
            "req", "-new", "-nodes", *KINDS[kind], "-subj", f"/CN={label}",
            "-keyout", key, "-out", request,
        )
        alternatives = ",".join(alternative(each) for each in (name, *names))
        extensions.write_text(
            f"subjectAltName={alternatives}\nbasicConstraints=CA:FALSE\n"
            f"keyUsage=digitalSignature\nextendedKeyUsage={purpose}\n"
        )
        own = base.with_suffix(".own")
        if dates is None:
            openssl(
                "x509", "-req", "-in", request, "-CA", self.root, "-CAkey", self.root_key,
                "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", own,
            )
        else:
            openssl(
                "ca", "-config", self.configuration, "-batch", "-notext",
                "-startdate", dates[0], "-enddate", dates[1],
                "-in", request, "-extfile", extensions, "-out", own,
            )
        certificate.write_bytes(own.read_bytes() + self.root.read_bytes())
        key.chmod(0o600)
        return Certificate(certificate, key, self.root)

    def self_signed(self, name):
        """Nobody vouches for it; `root` is still the one of this authority."""
        key, certificate = self.folder / "self.key", self.folder / "self.crt"
        openssl(
            "req", "-x509", "-nodes", *KINDS["ec"], "-days", "90", "-subj", f"/CN={name}",
            "-keyout", key, "-out", certificate, "-addext", f"subjectAltName={alternative(name)}",
        )
        return Certificate(certificate, key, self.root)

    def revoke(self, certificate):
        """A file with the root and a list on which the certificate is."""
        listed = self.folder / "root-and-list.pem"
        ca = ("ca", "-config", self.configuration)
        openssl(*ca, "-revoke", certificate.certificate)
        listed.write_bytes(self.root.read_bytes() + openssl(*ca, "-gencrl"))
        return listed
