"""Addresses without their passwords, fit to be printed, kept and sent. Pure.

A password that was not percent-encoded may hold the very signs that would end it, so a mask reaches as far as the password might: rather
a piece too much of an address is hidden than a piece of a password shown.
"""

from __future__ import annotations

import re

MASK = "***"

ENCODE = "a user name or password that holds / @ : ? # & or % must be percent-encoded, as %2F %40 %3A %3F %23 %26 %25"
"""What to do about an address whose own password cuts it short."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+")
_LITERAL_HOST = re.compile(r"\[[0-9A-Fa-f:.]+(?:%\w+)?\](?::\d*)?(?:[/?#]|$)")
_TELLING = r"pass|pwd|psw|secret|token|key|auth|signature|cred|jwt|hmac|hdne|session"
_WHOLE = r"pw|pin|sig|sign|upsig|sess|sid|ticket|otp|nonce|hash|policy"
_VALUE = r"(?:=|%3D)(?P<secret>[^&;]*)"
_PARAMETERS = (
    re.compile(rf"(?:[\w.%-]*(?:{_TELLING})[\w.-]*|(?<![A-Za-z0-9])(?:{_WHOLE})){_VALUE}", re.IGNORECASE),
    re.compile(r"/(?:password|passwd|pass|pwd|token|secret)/(?P<secret>[^/?#&;]+)", re.IGNORECASE),
    # A login inside the address of another address.
    re.compile(r"%2F%2F(?:(?!%2F|%3A|%40).)*%3A(?P<secret>.*?)%40", re.IGNORECASE | re.DOTALL),
)
_USER = re.compile(r"(?<![A-Za-z0-9])(?:u|usr|user|username|login|account|id)(?:=|%3D)", re.IGNORECASE)
_BESIDE_A_USER = re.compile(rf"(?<![A-Za-z0-9])(?:p|w){_VALUE}", re.IGNORECASE)

Span = tuple[int, int]


def masked(text: str) -> str:
    """How an address is called wherever it is said: `***` in the place of passwords, in its login, its path and its query.

    A text without a scheme is taken for an address too: `user:password@host` may be one that was mistyped.
    """
    scheme = _SCHEME.match(text)
    start = scheme.end() if scheme else 0
    patterns = (*_PARAMETERS, _BESIDE_A_USER) if _USER.search(text, start) else _PARAMETERS
    spans = [found.span("secret") for pattern in patterns for found in pattern.finditer(text, start)]
    return _hidden(text, sorted([*spans, *_login(text, start)]))


def _login(text: str, start: int) -> list[Span]:
    """The password of a login that follows the scheme, or the whole login where it is one word; nothing where there is none."""
    if _LITERAL_HOST.match(text, start):
        return []
    colon, last = text.find(":", start), text.rfind("@")
    if start <= colon < last:
        return [(colon + 1, last)]
    at = start + re.split(r"[/?#]", text[start:], maxsplit=1)[0].rfind("@")
    return [(start, at)] if at > start else []


def _hidden(text: str, spans: list[Span]) -> str:
    """The text with a mask in the place of each span; of those that overlap, one for all."""
    shown, end = "", 0
    for first, after in spans:
        if first > end or not shown:
            shown += text[end:first] + MASK
        end = max(end, after)
    return shown + text[end:]


def is_shown(host: str, name: str) -> bool:
    """Whether a host may be named in a message about the address called `name`: one that only the hidden part holds may be a password's."""
    return MASK not in name or any(f"{sign}{host}{end}" in f"{name}/" for sign in ("//", "@", "//[", "@[") for end in "/:?#]")


def advice(name: str) -> str:
    """What to do about an address that leads nowhere, called `name` in messages."""
    return ENCODE if MASK in name else "check the spelling and the network"


def scrubbed(text: str) -> str:
    """A message of someone else's, in which every address is masked."""
    return re.sub(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+", lambda found: masked(found[0]), text)


def is_cut_short(address: str) -> bool:
    """Whether an address has a login that its own signs end before its host, so that it leads nowhere."""
    authority = authority_of(address)
    after = address.partition("//")[2][len(authority) :]
    port = "" if authority.startswith("[") else authority.partition(":")[2]
    return "@" not in authority and "@" in after and bool(port) and not port.isdigit()


def authority_of(address: str) -> str:
    """What stands between `//` and the path, query or fragment."""
    return re.split(r"[/?#]", address.partition("//")[2], maxsplit=1)[0]
