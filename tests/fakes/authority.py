"""A certificate authority for tests: servers' certificates that are good, short-lived, expired or for another name."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """Signs certificates; its own is in ``file``."""

    folder: Path

    @property
    def file(self) -> str:
        path = self.folder / "ca.pem"
        if not path.exists():
            path.write_bytes(_pem(_root()[1]))
        return str(path)

    def server(self, name: str = "marriage.test", days: float = 90) -> ssl.SSLContext:
        """A server's side of TLS with a certificate for ``name`` that ends in ``days`` (negative: it has)."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(name, key, timedelta(days=days), _root())
        path = self.folder / f"{name}-{days}.pem"
        path.write_bytes(_pem(certificate) + _key(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@cache
def _root() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    return key, _signed("Tricenter test authority", key, timedelta(days=3650), None)


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    left: timedelta,
    issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    end = datetime.now(UTC) + left
    signer = issuer[0] if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=4000))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if issuer:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(name)]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
