"""The lab's certificate authority, and the certificates of its entries."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.errors import LabError
from lab.keys import private

ENTRY_NAME = "entry.tricenter.lab"
_AUTHORITY_DAYS = 3650
SERVER_TERM = timedelta(days=365)


def make_authority(folder: Path, now: datetime) -> None:
    """Write ``ca.pem`` and ``ca.key`` when they are not there."""
    folder.mkdir(exist_ok=True)
    if (folder / "ca.pem").exists():
        return
    key = generate_private_key(SECP256R1())
    name = _name("Tricenter lab CA")
    certificate = (
        _builder(name, name, key, now - timedelta(days=1), now + timedelta(days=_AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    private(folder / "ca.key", _pem(key))
    (folder / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


def issue(folder: Path, hosts: Mapping[str, str], now: datetime, valid_for: timedelta = SERVER_TERM) -> bytes:
    """A certificate of the lab's authority with its key, as one PEM text, the way HAProxy reads it.

    It is good for ``entry.tricenter.lab`` and for the given hosts (name -> address) by name and by address.
    A negative ``valid_for`` gives a certificate that has expired that long ago.
    """
    authority, signer = _authority(folder)
    key = generate_private_key(SECP256R1())
    end = now + valid_for
    certificate = (
        _builder(_name(ENTRY_NAME), authority.subject, key, min(now, end) - timedelta(days=2), end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_subjects(hosts)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM) + _pem(key)


def _subjects(hosts: Mapping[str, str]) -> list[x509.GeneralName]:
    names = [x509.DNSName(name) for name in (ENTRY_NAME, *hosts)]
    return [*names, *(x509.IPAddress(ipaddress.ip_address(address)) for address in hosts.values())]


def _authority(folder: Path) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    key = load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise LabError(f"{folder / 'ca.key'} is not the lab's key")
    return certificate, key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=sign,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
