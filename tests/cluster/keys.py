"""An authority of the cluster's own, what it signs, and the tokens that its users show."""

import datetime
import ipaddress
import secrets
import threading
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USERS = {
    "admin": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
    "system:kube-proxy": "",
    "system:node:one": "system:nodes",
    "system:node:two": "system:nodes",
}
"""Who may speak to the API server by a token, and the group that he is in."""

_DAYS = 30


class Keys:
    """Files in `folder`: ca.crt, and for each signed name NAME.crt and NAME.key; tokens by user."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        """names: what the servers of the control plane and the nodes are called, and their addresses."""
        self.folder = folder
        folder.mkdir(mode=0o700)
        self._lock = threading.Lock()
        self._key = _new_key()
        self._name = _subject("modelport test cluster")
        self._write("ca", self._build(self._name, self._key, (), authority=True), self._key)
        self.sign("server", names=names)
        self.sign("apiserver-client", "system:masters")
        self.sign("front-proxy")
        self._write_key("accounts", _new_key())
        self.tokens = {user: secrets.token_urlsafe(24) for user in USERS}
        lines = [f'{token},"{user}",{user},"{USERS[user]}"' for user, token in self.tokens.items()]
        self._private("tokens.csv", "\n".join(lines).encode())

    def file(self, name: str) -> str:
        """The path of one of the files."""
        return str(self.folder / name)

    def sign(self, name: str, *groups: str, names: Iterable[str] = (), user: str = "") -> None:
        """Make NAME.crt and NAME.key, once.

        names: beside localhost, DNS names and addresses that a server has.
        groups, user (otherwise `name`): whom the API server takes a client with it for.
        """
        with self._lock:
            if not (self.folder / f"{name}.key").exists():
                key = _new_key()
                self._write(name, self._build(_subject(user or name, *groups), key, names), key)

    def _build(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, names: Iterable[str], *, authority: bool = False
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=_DAYS))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([_general(each) for each in ("localhost", "127.0.0.1", *names)]),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )

    def _write(self, name: str, signed: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        (self.folder / f"{name}.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        self._write_key(name, key)

    def _write_key(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        form = serialization.PrivateFormat.TraditionalOpenSSL
        self._private(f"{name}.key", key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))

    def _private(self, name: str, content: bytes) -> None:
        place = self.folder / name
        place.touch(mode=0o600)
        place.write_bytes(content)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())  # made in no time, unlike RSA's


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _subject(name: str, *groups: str) -> x509.Name:
    shown = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups if group]
    return x509.Name([*shown, x509.NameAttribute(NameOID.COMMON_NAME, name)])
