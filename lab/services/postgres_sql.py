"""What a database is told once: roles, tables, the first rows. Pure."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from lab.services.systems import MARKER, SYSTEMS
from lab.topology import CENTERS

#: role -> what it may do beyond logging in
ROLES = {
    "admin": "SUPERUSER",
    "app": "",
    "watcher": "IN ROLE pg_monitor",
    "replication": "REPLICATION",
    "canary": "",
}

#: psql reads the password itself and quotes it.
_ROLE = """\
\\set password `cat {file}`
CREATE ROLE {role} LOGIN {rights} PASSWORD :'password';
"""

_REWIND = """\
-- what pg_rewind reads when a former primary comes back
GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean) TO replication;
GRANT EXECUTE ON FUNCTION pg_stat_file(text, boolean) TO replication;
GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO replication;
GRANT EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint, boolean) TO replication;
"""

_TABLES = """\
CREATE DATABASE civil OWNER app;
\\connect civil
SET ROLE app;
CREATE TABLE system (id text PRIMARY KEY, marker text NOT NULL);
CREATE TABLE record (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system text NOT NULL REFERENCES system,
    body text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX record_newest ON record (system, id);
CREATE TABLE exchange_batch (
    province text NOT NULL,
    file text NOT NULL,
    records bigint NOT NULL,
    sha256 text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (province, file)
);
INSERT INTO system VALUES {systems};
RESET ROLE;
-- The meters' numbered writes. Without a key: a write that was done twice must be there twice.
CREATE TABLE canary (
    run text NOT NULL,
    vantage text NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX canary_run ON canary (run);
GRANT SELECT, INSERT ON canary TO canary;
-- The meters' envelopes. The loader may take a batch twice and must not count it twice, as with any other.
CREATE TABLE exchange_canary (
    run text NOT NULL,
    vantage text NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run, vantage, epoch, seq)
);
GRANT SELECT ON exchange_canary TO canary;
GRANT SELECT, INSERT ON exchange_canary TO app;
"""

_SYNCHRONOUS = """ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 ("bigdata-db")';\n"""

#: A clone brings its primary's settings along. Promoted, it would wait for itself for ever.
_NOT_SYNCHRONOUS = "ALTER SYSTEM RESET synchronous_standby_names;\n"


def first_start(host_id: str, keys: Path) -> str:
    """For the first primary. ``keys`` holds ``<role>.password``."""
    roles = [
        _ROLE.format(role=role, rights=rights, file=quote(str(keys / f"{role}.password")))
        for role, rights in ROLES.items()
    ]
    systems = ", ".join(f"('{system}', '{MARKER}')" for system in SYSTEMS)
    return "".join((_slots(host_id), _SYNCHRONOUS, *roles, _REWIND, _TABLES.format(systems=systems)))


def after_clone(host_id: str) -> str:
    """For a fresh standby: what it needs should it once be promoted."""
    return _slots(host_id) + _NOT_SYNCHRONOUS


def _slots(host_id: str) -> str:
    """A slot for each other database, also on standbys: unused, they hold back nothing."""
    others = [f"{center}_db" for center in CENTERS if f"{center}-db" != host_id]
    return "".join(f"SELECT pg_create_physical_replication_slot('{slot}');\n" for slot in others)
