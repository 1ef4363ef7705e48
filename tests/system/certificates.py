"""Certificates for tests, made by the openssl command: a root of our own and what it signs."""

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


def openssl(*arguments, **options):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, **options)


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

    def issue(self, name, *names, kind="ec", days=90, label=None):
        """A certificate for these DNS names; negative `days`: it has expired."""
        label = label or f"{name}-{kind}".replace("*", "star")
        base = self.folder / label
        request, extensions = base.with_suffix(".csr"), base.with_suffix(".ext")
        key, certificate = base.with_suffix(".key"), base.with_suffix(".crt")
        openssl(
            "req", "-new", "-nodes", *KINDS[kind], "-subj", f"/CN={label}",
            "-keyout", key, "-out", request,
        )
        alternatives = ",".join(f"DNS:{each}" for each in (name, *names))
        extensions.write_text(
            f"subjectAltName={alternatives}\nbasicConstraints=CA:FALSE\n"
            "keyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n"
        )
        own = base.with_suffix(".own")
        openssl(
            "x509", "-req", "-in", request, "-CA", self.root, "-CAkey", self.root_key,
            "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", own,
        )
        certificate.write_bytes(own.read_bytes() + self.root.read_bytes())
        key.chmod(0o600)
        return Certificate(certificate, key, self.root)
