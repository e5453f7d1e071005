"""HAProxy, the entry of each center: web to the nearest living application, PostgreSQL to whoever is primary."""

from __future__ import annotations

from lab.service import Place, Service
from lab.services.script import command, script
from lab.topology import CENTERS, PORTS

_HEAD = """\
global
    maxconn 1000
    nbthread 1
    hard-stop-after 2s
    ssl-default-bind-options ssl-min-ver TLSv1.2
    stats socket {run}/haproxy.sock mode 600 level admin
    stats timeout 30s

# A frozen host still accepts connections: every wait has an end, and checks ask for a whole answer.
defaults
    mode http
    retries 1
    option redispatch 1
    timeout connect 1s
    timeout queue 2s
    timeout client 15s
    timeout http-request 5s
    timeout server 4s
    timeout check 1s
    default-server check inter 1s fastinter 500ms fall 2 rise 2 on-marked-down shutdown-sessions

frontend stats
    bind {address}:{stats}
    monitor-uri /healthz
    http-request use-service prometheus-exporter if {{ path /metrics }}
    stats enable
    stats uri /

frontend web
    bind {address}:{web}
    bind {address}:{tls} ssl crt {etc}/entry.pem
    acl hub path_beg /data-hub/ /jinmin/
    use_backend hub if hub
    default_backend app
"""

_WEB = """
backend {name}
    option httpchk
    http-check send meth GET uri {health}
    http-check expect status 200
{servers}
"""

_PG = """
# Sessions live long, so idle ones are kept; a server that is no longer primary loses all of its sessions.
# "first": should two servers ever both say primary, all entries choose the same one.
listen pg
    mode tcp
    bind {address}:{port}
    balance first
    # After a refused connection the next try waits as long as this, at most a second.
    timeout connect 400ms
    option clitcpka
    option srvtcpka
    timeout client 1h
    timeout server 1h
    option httpchk
    http-check send meth GET uri /primary
    http-check expect status 200
{servers}
"""

_HEALTH = {"app": "/operations/health", "hub": "/data-hub/health"}


def service(place: Place) -> Service:
    """The entry host's load balancer, with its admin socket at ``run/haproxy.sock``."""
    etc, run = place.folder / "etc", place.folder / "run"
    pem = command(etc / "entry.pem")
    lines = (
        command("mkdir", "-p", run),
        command("cd", run),
        "umask 077",
        # Copied once, so that this entry's certificate can be changed (or left to expire) alone.
        f"if [ ! -e {pem} ]; then cp {command(place.lab / 'ca' / 'entry.pem')} {pem}.new; mv {pem}.new {pem}; fi",
        f"exec {command('haproxy', '-db', '-f', etc / 'haproxy.cfg')}",
    )
    return Service("haproxy", script(*lines), {"etc/haproxy.cfg": configuration(place)})


def configuration(place: Place) -> str:
    """The text of haproxy.cfg."""
    head = _HEAD.format(
        run=place.folder / "run",
        etc=place.folder / "etc",
        address=place.host.address,
        stats=PORTS["haproxy-stats"],
        web=PORTS["haproxy-web"],
        tls=PORTS["haproxy-tls"],
    )
    web = [_WEB.format(name=name, health=health, servers=_web_servers(place, name)) for name, health in _HEALTH.items()]
    pg = _PG.format(address=place.host.address, port=PORTS["haproxy-pg"], servers=_pg_servers(place))
    return "".join((head, *web, pg))


def _web_servers(place: Place, name: str) -> str:
    """The center's own application first, the others' only when it is gone."""
    own = place.host.center
    order = sorted(CENTERS, key=lambda center: center != own)  # stable: the rest stay in their order
    return "\n".join(
        f"    server {center}-app {place.topology.host(f'{center}-app').address}:{PORTS[name]}"
        + ("" if center == own else " backup")
        for center in order
    )


def _pg_servers(place: Place) -> str:
    return "\n".join(
        f"    server {center}-db {place.topology.host(f'{center}-db').address}:{PORTS['postgres']}"
        f" port {PORTS['role']} rise 1"
        for center in CENTERS
    )
