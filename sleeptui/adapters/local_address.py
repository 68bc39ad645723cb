"""Which URLs lead to this machine."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

_EVERY = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104 - read, not bound
_HTTPS_PORT = 443
_HTTP_PORT = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAddresses:
    """The names and addresses of this machine."""

    known: frozenset[str] = frozenset()
    """Host names and interface addresses, lower case; loopback needs no entry."""

    @classmethod
    def read(cls) -> "LocalAddresses":
        """Ask the system; no name server is asked."""
        import psutil  # noqa: PLC0415 - late, the first frame does not wait for it

        addresses = {
            entry.address.partition("%")[0].lower()
            for entries in psutil.net_if_addrs().values()
            for entry in entries
            if entry.family in {socket.AF_INET, socket.AF_INET6}
        }
        return cls(known=frozenset(addresses | {socket.gethostname().lower()}))

    def port_of(self, url: str) -> int | None:
        """The port of a URL that leads here; None if it leads elsewhere or cannot be read."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        if host is None or not self.has(host):
            return None
        return port or (_HTTPS_PORT if parts.scheme == "https" else _HTTP_PORT)

    def has(self, host: str) -> bool:
        """The host name or address is one of this machine."""
        host = host.lower()
        return host in self.known or host in _EVERY or is_loopback(host)


def reachable_at(bound: str) -> str:
    """Where to reach, from here, what listens on this address; brackets around IPv6."""
    if bound in _EVERY:
        return "127.0.0.1"
    # A socket of both families shows IPv4 clients' view of its address so.
    plain = bound.removeprefix("::ffff:")
    return f"[{plain}]" if ":" in plain else plain


def is_every(bound: str) -> bool:
    """A socket bound to this address answers on all addresses of its machine."""
    return bound in _EVERY


def is_loopback(host: str) -> bool:
    """The address, or the name localhost, leads to the machine that uses it."""
    try:
        return ipaddress.ip_address(host.removeprefix("::ffff:")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def answers(bound: str, host: str) -> bool:
    """A socket bound to this address answers a client that connects to that host."""
    if bound in _EVERY:
        return True
    if host.lower() == "localhost":
        return is_loopback(bound)
    return bound.removeprefix("::ffff:") == host.lower()
