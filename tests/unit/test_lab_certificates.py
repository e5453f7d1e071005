from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lab.certificates import SERVER_TERM, issue, make_authority

NOW = datetime.now(UTC)
HOSTS = {"cloud-entry": "10.77.1.11", "dr-entry": "10.77.3.11"}


def handshake(folder: Path, pem: bytes, name: str) -> None:
    """A TLS conversation in memory; raises what the client would raise."""
    (folder / "entry.pem").write_bytes(pem)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / "entry.pem")
    client_side = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(down, up, server_hostname=name)
    server = server_side.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["entry.tricenter.lab", "cloud-entry", "10.77.1.11", "10.77.3.11"])
def test_a_client_that_trusts_the_lab_accepts_its_entry(tmp_path: Path, name: str) -> None:
    make_authority(tmp_path, NOW)
    handshake(tmp_path, issue(tmp_path, HOSTS, NOW, SERVER_TERM), name)


def test_a_strange_name_is_refused(tmp_path: Path) -> None:
    make_authority(tmp_path, NOW)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(tmp_path, issue(tmp_path, HOSTS, NOW), "elsewhere.tricenter.lab")


def test_an_expired_certificate_has_expired_and_nothing_else(tmp_path: Path) -> None:
    make_authority(tmp_path, NOW)
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        handshake(tmp_path, issue(tmp_path, HOSTS, NOW, timedelta(days=-2)), "entry.tricenter.lab")


def test_keys_are_private_and_the_authority_is_made_once(tmp_path: Path) -> None:
    make_authority(tmp_path, NOW)
    before = (tmp_path / "ca.pem").read_bytes()
    make_authority(tmp_path, NOW)
    assert (tmp_path / "ca.pem").read_bytes() == before
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
