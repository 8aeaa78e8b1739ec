"""Addresses with their passwords masked, fit to be printed, stored and sent. Pure.

A password that was not percent-encoded may contain the very characters that would end it, so a mask covers as much as the password could:
hiding too much of an address is better than showing a piece of a password.
"""

from __future__ import annotations

import re

MASK = "***"

ENCODE = "a user name or password that holds / @ : ? # & or % must be percent-encoded, as %2F %40 %3A %3F %23 %26 %25"
"""Advice for an address whose password contains a character that ends it early."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+")
_LITERAL_HOST = re.compile(r"\[[0-9A-Fa-f:.]+(?:%\w+)?\](?::\d*)?(?:[/?#]|$)")
_TELLING = r"pass|pwd|psw|secret|token|key|auth|signature|cred|jwt|hmac|hdne|session"
_WHOLE = r"pw|pin|sig|sign|upsig|sess|sid|ticket|otp|nonce|hash|policy"
_VALUE = r"(?:=|%3D)(?P<secret>[^&;]*)"
_PARAMETERS = (
    re.compile(rf"(?:[\w.%-]*(?:{_TELLING})[\w.-]*|(?<![A-Za-z0-9])(?:{_WHOLE})){_VALUE}", re.IGNORECASE),
    re.compile(r"/(?:password|passwd|pass|pwd|token|secret)/(?P<secret>[^/?#&;]+)", re.IGNORECASE),
    # A login in an address that is part of another address.
    re.compile(r"%2F%2F(?:(?!%2F|%3A|%40).)*%3A(?P<secret>.*?)%40", re.IGNORECASE | re.DOTALL),
)
_USER = re.compile(r"(?<![A-Za-z0-9])(?:u|usr|user|username|login|account|id)(?:=|%3D)", re.IGNORECASE)
_BESIDE_A_USER = re.compile(rf"(?<![A-Za-z0-9])(?:p|w){_VALUE}", re.IGNORECASE)

Span = tuple[int, int]


def masked(text: str) -> str:
    """An address as it appears in all output: `***` replaces passwords in its login, path and query.

    A text without a scheme is treated as an address too: `user:password@host` may be a mistyped one.
    """
    scheme = _SCHEME.match(text)
    start = scheme.end() if scheme else 0
    patterns = (*_PARAMETERS, _BESIDE_A_USER) if _USER.search(text, start) else _PARAMETERS
    spans = [found.span("secret") for pattern in patterns for found in pattern.finditer(text, start)]
    return _hidden(text, sorted([*spans, *_login(text, start)]))


def _login(text: str, start: int) -> list[Span]:
    """Span of the password in the login after the scheme, or of the whole login if it is a single word; empty without a login."""
    if _LITERAL_HOST.match(text, start):
        return []
    colon, last = text.find(":", start), text.rfind("@")
    if start <= colon < last:
        return [(colon + 1, last)]
    at = start + re.split(r"[/?#]", text[start:], maxsplit=1)[0].rfind("@")
    return [(start, at)] if at > start else []


def _hidden(text: str, spans: list[Span]) -> str:
    """The text with each span masked; overlapping spans get one mask."""
    shown, end = "", 0
    for first, after in spans:
        if first > end or not shown:
            shown += text[end:first] + MASK
        end = max(end, after)
    return shown + text[end:]


def is_shown(host: str, name: str) -> bool:
    """Whether a message about the address called `name` may contain this host: if only the masked part contains it, it may belong to a
    password.
    """
    return MASK not in name or any(f"{sign}{host}{end}" in f"{name}/" for sign in ("//", "@", "//[", "@[") for end in "/:?#]")


def advice(name: str) -> str:
    """What to do about an address that cannot be reached, called `name` in messages."""
    return ENCODE if MASK in name else "check the spelling and the network"


def scrubbed(text: str) -> str:
    """A library's message with every address in it masked."""
    return re.sub(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+", lambda found: masked(found[0]), text)


def is_cut_short(address: str) -> bool:
    """Whether the login of an address contains characters that end it before its host, so that it cannot be reached."""
    authority = authority_of(address)
    after = address.partition("//")[2][len(authority) :]
    port = "" if authority.startswith("[") else authority.partition(":")[2]
    return "@" not in authority and "@" in after and bool(port) and not port.isdigit()


def authority_of(address: str) -> str:
    """The part between `//` and the path, query or fragment."""
    return re.split(r"[/?#]", address.partition("//")[2], maxsplit=1)[0]
