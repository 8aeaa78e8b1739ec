"""Whether an address leads to the public network or into a private one, and which IP address to connect to.

A name is resolved once, all its addresses are checked, and the connection is made to one of these: a name that resolves differently a
moment later gains nothing. Does not know media.
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
    """(IP address, port) to connect to for a URL, called `name` in messages.

    Raises SourceError: `refused_protocol` for another scheme, `refused_address` if private addresses are not allowed and any address of the
    host is private, loopback, link-local, multicast or reserved, `not_found` if the host has none.
    """
    host, port = check_url(address, name)
    return resolve(host, port, allow_private, name), port


def check_url(address: str, name: str) -> tuple[str, int]:
    """(host, port) of an address. Raises SourceError if it is malformed or its scheme is not supported."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme.lower(), 0)
    except ValueError as error:
        why = "" if MASK in name else f" ({error})"  # the error may quote a piece of the password
        raise SourceError("not_found", f"{name}: no sound address{why}; {advice(name)}") from error
    if not host or parts.scheme.lower() not in PORTS:
        raise SourceError("refused_protocol", f"{name}: not an address of kind {', '.join(sorted(PORTS))}; use one of these")
    return host, port


def at_ip(address: str, ip: str, port: int) -> str:
    """The same address with its host replaced by an IP address."""
    parts = urlsplit(address)
    login = parts.netloc.rpartition("@")[0]
    host = f"[{ip}]" if ":" in ip else ip
    return urlunsplit(parts._replace(netloc=f"{login}@{host}:{port}" if login else f"{host}:{port}"))


def resolve(host: str, port: int, allow_private: bool, name: str) -> str:
    """One IP address of a host, after checking all of them. Raises SourceError as `check_address` does."""
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        which = f"the host {host!r}" if is_shown(host, name) else "its host"
        raise SourceError("stream_lost", f"{name}: {which} cannot be found ({error}); {advice(name)}") from error
    private = [ip for ip in found if not is_public(ip)]
    if private and not allow_private:
        which = repr(host) if is_shown(host, name) else "its host"
        message = f"{name}: {which} leads to {private[0]}, inside a private network; --allow-private (setting allow_private) permits it"
        raise SourceError("refused_address", message)
    return found[0]


def names_private(address: str) -> bool:
    """Whether the address as given by the user leads into a private network, where most cameras are."""
    try:
        host, port = check_url(address, address)
        return any(not is_public(str(entry[4][0])) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):  # opening it will report what is wrong
        return False


def is_public(ip: str) -> bool:
    """Whether an IP address, and any address embedded in it, is globally reachable."""
    return all(
        one.is_global and not one.is_multicast and not one.is_reserved for one in _unwrapped(ipaddress.ip_address(ip.partition("%")[0]))
    )


def _unwrapped(ip: _IP) -> list[_IP]:
    """An IPv6 address and the IPv4 addresses embedded in it: mapped, by 6to4, Teredo or NAT64."""
    if isinstance(ip, ipaddress.IPv4Address):
        return [ip]
    if ip.ipv4_mapped:
        return [ip.ipv4_mapped]
    if ip in _NAT64:
        return [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)]
    inner: list[_IP] = [ip.sixtofour] if ip.sixtofour else list(ip.teredo or ())
    return [ip, *inner]
