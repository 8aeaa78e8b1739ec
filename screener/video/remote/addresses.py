"""Whether an address leads out to the public network or into a private one, and a connection that cannot be led astray afterwards.

A name is resolved once, every address that it stands for is looked at, and the connection goes to one of those and nowhere else: a name
that resolves differently a moment later gains nothing. Does not know media.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit, urlunsplit

from screener.errors import SourceError
from screener.video.masking import MASK, advice, is_shown

PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}

_IP = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def check_address(address: str, allow_private: bool, name: str) -> tuple[str, int]:
    """(IP address, port) that may be connected to for a URL, called `name` in messages.

    Raises SourceError: `refused_protocol` for another scheme, `refused_address` where any of the host's addresses is private, loopback,
    link-local, multicast or reserved and private ones are not allowed, `not_found` where the host has none.
    """
    host, port = check_url(address, name)
    return resolve(host, port, allow_private, name), port


def check_url(address: str, name: str) -> tuple[str, int]:
    """(host, port) of an address; raises SourceError for one that is none, or of a scheme that is not followed."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme.lower(), 0)
    except ValueError as error:
        why = "" if MASK in name else f" ({error})"  # which may quote a piece of the password
        raise SourceError("not_found", f"{name}: no sound address{why}; {advice(name)}") from error
    if not host or parts.scheme.lower() not in PORTS:
        raise SourceError("refused_protocol", f"{name}: not an address of kind {', '.join(sorted(PORTS))}; use one of these")
    return host, port


def at_ip(address: str, ip: str, port: int) -> str:
    """The same address with an IP address in the place of its host."""
    parts = urlsplit(address)
    login = parts.netloc.rpartition("@")[0]
    host = f"[{ip}]" if ":" in ip else ip
    return urlunsplit(parts._replace(netloc=f"{login}@{host}:{port}" if login else f"{host}:{port}"))


def resolve(host: str, port: int, allow_private: bool, name: str) -> str:
    """One IP address of a host, after a look at all of them; raises SourceError as `check_address` does."""
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        which = f"the host {host!r}" if is_shown(host, name) else "its host"
        raise SourceError("stream_lost", f"{name}: {which} cannot be found ({error}); {advice(name)}") from error
    private = [ip for ip in found if not is_public(ip)]
    if private and not allow_private:
        which = repr(host) if is_shown(host, name) else "its host"
        message = f"{name}: {which} leads to {private[0]}, inside a private network; --allow-private permits that"
        raise SourceError("refused_address", message)
    return found[0]


def names_private(address: str) -> bool:
    """Whether the address itself, as the user gave it, already leads into a private network: most cameras are in one."""
    try:
        host, port = check_url(address, address)
        return any(not is_public(str(entry[4][0])) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):  # the attempt to open it says what is wrong
        return False


def is_public(ip: str) -> bool:
    """Whether an IP address, and any that is wrapped into it, is meant to be reached from everywhere."""
    return all(
        one.is_global and not one.is_multicast and not one.is_reserved for one in _unwrapped(ipaddress.ip_address(ip.partition("%")[0]))
    )


def _unwrapped(ip: _IP) -> list[_IP]:
    """IPv6 can carry an IPv4 address: mapped, through 6to4, Teredo or NAT64."""
    if isinstance(ip, ipaddress.IPv4Address):
        return [ip]
    if ip.ipv4_mapped:
        return [ip.ipv4_mapped]
    if ip in _NAT64:
        return [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)]
    inner: list[_IP] = [ip.sixtofour] if ip.sixtofour else list(ip.teredo or ())
    return [ip, *inner]
